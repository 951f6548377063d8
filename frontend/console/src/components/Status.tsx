interface Look {
  readonly tone: "good" | "bad" | "busy" | "warn" | "calm";
  readonly sign: string;
  readonly text: string;
}

const LOOKS: Readonly<Record<string, Look>> = {
  requested: { tone: "calm", sign: "…", text: "requested" },
  cancelling: { tone: "warn", sign: "…", text: "being cancelled" },
  partial: { tone: "warn", sign: "!", text: "partial" },
  queued: { tone: "calm", sign: "…", text: "queued" },
  running: { tone: "busy", sign: "▸", text: "running" },
  waiting_approval: { tone: "warn", sign: "…", text: "waiting for approval" },
  "sign-off missing": { tone: "warn", sign: "…", text: "sign-off missing" },
  "votes missing": { tone: "warn", sign: "…", text: "votes missing" },
  approved: { tone: "good", sign: "✓", text: "approved" },
  held: { tone: "warn", sign: "!", text: "held" },
  succeeded: { tone: "good", sign: "✓", text: "succeeded" },
  failed: { tone: "bad", sign: "✗", text: "failed" },
  cancelled: { tone: "warn", sign: "■", text: "cancelled" },
  rejected: { tone: "bad", sign: "✗", text: "rejected" },
  expired: { tone: "warn", sign: "■", text: "expired" },
  stale: { tone: "warn", sign: "■", text: "stale" },
  interrupted: { tone: "bad", sign: "!", text: "interrupted" },
  rolled_back: { tone: "warn", sign: "↩", text: "rolled back" },
  waiting: { tone: "calm", sign: "…", text: "waiting" },
  skipped: { tone: "calm", sign: "–", text: "skipped" },
  pending: { tone: "busy", sign: "…", text: "pending" },
  good: { tone: "good", sign: "✓", text: "good" },
  not_good: { tone: "bad", sign: "✗", text: "not good" },
  left_out: { tone: "calm", sign: "–", text: "left out" },
  stopped: { tone: "bad", sign: "■", text: "stopped" },
  bad: { tone: "bad", sign: "✗", text: "bad" },
  ok: { tone: "good", sign: "✓", text: "ok" },
  open: { tone: "warn", sign: "…", text: "open" },
  "not-applicable": { tone: "calm", sign: "–", text: "does not apply" },
  unproven: { tone: "warn", sign: "!", text: "not good" },
  quarantined: { tone: "warn", sign: "■", text: "quarantined" },
  clean: { tone: "good", sign: "✓", text: "clean" },
  drifted: { tone: "bad", sign: "≠", text: "drifted" },
  unknown: { tone: "warn", sign: "?", text: "unknown" },
  missed: { tone: "warn", sign: "!", text: "missed" },
  overdue: { tone: "warn", sign: "!", text: "overdue" },
  refused: { tone: "bad", sign: "✗", text: "refused" },
  delivered: { tone: "good", sign: "✓", text: "delivered" },
  dead: { tone: "bad", sign: "✗", text: "given up" },
  active: { tone: "good", sign: "✓", text: "active" },
  failing: { tone: "warn", sign: "!", text: "failing" },
  paused: { tone: "warn", sign: "■", text: "paused" },
  pass: { tone: "good", sign: "✓", text: "pass" },
  fail: { tone: "bad", sign: "✗", text: "fail" },
  inconclusive: { tone: "warn", sign: "?", text: "inconclusive" },
  error: { tone: "bad", sign: "!", text: "error" },
  warning: { tone: "warn", sign: "!", text: "warning" },
};

/** A status, health, state or verdict as a word with a sign; colour alone says nothing. */
export function Status({ value }: { value: string }) {
  const { tone, sign, text } = LOOKS[value] ?? { tone: "calm", sign: "·", text: value };
  return (
    <span className={`status status-${tone}`}>
      <span aria-hidden="true">{sign}</span> {text}
    </span>
  );
}
