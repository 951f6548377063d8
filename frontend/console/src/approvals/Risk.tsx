import type { Risk, RiskTier } from "@slipway/automation/contract";

const LOOKS = {
  none: ["calm", "·", "no risk"],
  low: ["good", "·", "low risk"],
  medium: ["warn", "!", "medium risk"],
  high: ["bad", "!", "high risk"],
  highest: ["bad", "!!", "highest risk"],
} as const satisfies Record<RiskTier, readonly [tone: string, sign: string, text: string]>;

/** How much a change can cost, as words with a sign. */
export function RiskTierMark({ tier }: { tier: RiskTier }) {
  const [tone, sign, text] = LOOKS[tier];
  return (
    <span className={`status status-${tone}`}>
      <span aria-hidden="true">{sign}</span> {text}
    </span>
  );
}

/** The same with why, worst first. */
export function RiskReasons({ risk }: { risk: Pick<Risk, "tier" | "reasons"> }) {
  return (
    <>
      <RiskTierMark tier={risk.tier} />
      <ul className="reasons">
        {risk.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </>
  );
}
