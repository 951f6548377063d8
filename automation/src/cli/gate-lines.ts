import type { GateResult } from "../contract/deployments.ts";
import type { GateEvidence } from "../contract/gates.ts";
import type { CliContext } from "./context.ts";
import { clean, type painter, printLine, printTable } from "./output.ts";

const SHOWN_MEASUREMENTS = 20;
const VERDICT_SIGNS = { pass: "✓", fail: "✗", error: "!", inconclusive: "?" } as const;

/** One gate's verdict and why, on a line. */
export function gateLine(
  gate: Pick<GateResult, "name" | "verdict" | "detail" | "required" | "dryRun">,
  paint: ReturnType<typeof painter>,
): string {
  const colour = gate.verdict === "pass" ? "green" : gate.required ? "red" : "yellow";
  const kind = gate.dryRun === true ? " (dry run)" : gate.required ? "" : " (advisory)";
  return `${paint(colour, VERDICT_SIGNS[gate.verdict])} gate ${clean(gate.name)}${kind}: ${gate.verdict}, ${clean(gate.detail)}`;
}

/** All that is known of a gate of a deployment. */
export function printEvidence(context: CliContext, gate: GateEvidence): void {
  const asked = gate.source === "stack" ? "required by the stack" : "of slipway.yaml";
  const decides = gate.dryRun ? "dry run: never decides" : gate.required ? "required" : "advisory";
  printLine(context, `${gate.name}, ${gate.phase} the update, ${asked}, ${decides}: ${gate.verdict}`);
  printLine(context, `  ${clean(gate.detail)}`);
  if (gate.timing !== null) printLine(context, `  Measured ${gate.timing}`);
  for (const { means, operator, value } of gate.thresholds)
    printLine(
      context,
      `  ${means === "fail" ? "Fails" : "Passes"} if ${operator} ${value}${gate.unit === null ? "" : ` ${gate.unit}`}`,
    );
  if (gate.baseline !== null)
    printLine(context, `  Before the update: ${gate.baseline.verdict}, ${clean(gate.baseline.detail)}`);
  const shown = gate.measurements.slice(-SHOWN_MEASUREMENTS);
  if (shown.length < gate.measured)
    printLine(context, `  The last ${shown.length} of ${gate.measured} measurements:`);
  printTable(
    context,
    ["AT", "VERDICT", gate.unit === null ? "VALUE" : `VALUE (${gate.unit})`, "SEEN"],
    shown.map(({ at, verdict, value, detail }) => [
      at,
      verdict,
      value === null ? "-" : String(value),
      detail,
    ]),
    "It was never measured.",
  );
  if (gate.output !== null && gate.output !== "")
    for (const line of ["", "Output:", ...gate.output.trimEnd().split("\n")]) printLine(context, clean(line));
}
