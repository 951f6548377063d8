import type { GateResult } from "../contract/deployments.ts";

/** What the gates after an update say about its release. `undecided`: nothing required failed, but not everything required passed. */
export type GatesDecision = { kind: "good" } | { kind: "bad" | "undecided"; gate: string; detail: string };

type Judged = Pick<GateResult, "name" | "required" | "verdict" | "detail" | "unhealthyBefore">;

/**
 * Only required gates decide: one fail makes the release bad; an error or a gate without an answer leaves it undecided, and so does a fail of a gate that failed before the update
 * too: going back would not help.
 */
export function decideByGates(results: readonly Judged[]): GatesDecision {
  const required = results.filter((result) => result.required);
  const failed = required.find((result) => result.verdict === "fail" && result.unhealthyBefore !== true);
  if (failed !== undefined) return { kind: "bad", gate: failed.name, detail: failed.detail };
  const open = required.find((result) => result.verdict !== "pass");
  if (open !== undefined) return { kind: "undecided", gate: open.name, detail: open.detail };
  return { kind: "good" };
}
