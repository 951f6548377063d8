import type { DeploymentOperation, DeploymentStatus } from "../contract/deployments.ts";
import type { HoldCause, RollbackSettings, Verification } from "../contract/verification.ts";
import type { GatesDecision } from "../releases/rules.ts";

/** Every move of a deployment's verification that exists; "": nothing has begun. The table verification_moves holds the same, and the database refuses any other. */
export const VERIFICATION_MOVES: Readonly<Record<Verification | "", readonly Verification[]>> = {
  "": ["updating"],
  updating: ["verifying", "update_failed"],
  verifying: ["succeeded", "held", "verification_failed"],
  succeeded: [],
  update_failed: ["rolling_back", "held"],
  verification_failed: ["rolling_back", "held"],
  held: ["succeeded", "rolling_back", "verification_failed", "update_failed"],
  rolling_back: ["held", "rolled_back", "rolled_back_unhealthy", "rollback_failed"],
  rolled_back: [],
  rolled_back_unhealthy: [],
  rollback_failed: [],
};

/** At most so many automatic rollbacks of a stack begin within each of these times; one more is for a person to decide. */
export const SHORT_WINDOW_SECONDS = 1_800;
const MOST_IN_SHORT_WINDOW = 1;
export const LONG_WINDOW_SECONDS = 86_400;
const MOST_IN_LONG_WINDOW = 3;

/** How the attempt of an update or a rollback ended that did not succeed. */
export interface Failed {
  operation: DeploymentOperation;
  cause: "request" | "automatic-rollback";
  /** `failed`: by itself. The others are somebody's decision, or nobody knows what became of it. */
  ending: "failed" | "cancelled" | "interrupted" | "stale" | "rejected" | "expired";
  /** The step in which it ended. */
  step: string;
  /** The engine had begun to change a resource. */
  hasBegun: boolean;
  /** Of the gates after the update, when they were measured. */
  gates: GatesDecision | null;
  /** A required gate failed that had failed before the update too. */
  unhealthyBefore: boolean;
}

/** `end`: it is told as what it is. `undo`: what it did is to be undone. `hold`: a person has to look. */
export type AfterFailure =
  | { kind: "end" }
  | { kind: "undo"; as: "update_failed" | "verification_failed" }
  | { kind: "hold"; why: Extract<HoldCause, "undecided" | "unhealthy-before"> };

/**
 * What follows from an end without success. Only three things are undone: an update that failed by itself after it had begun to change a resource, one that could not be shipped, and one after which a
 * required gate failed that had not failed before. A rollback is never undone, and neither is what a person or a rule has stopped. Gates without an answer are for a person to judge.
 */
export function decideAfterFailure(failed: Failed): AfterFailure {
  const { operation, cause, ending, step, hasBegun, gates, unhealthyBefore } = failed;
  if (ending !== "failed" || cause === "automatic-rollback") return { kind: "end" };
  const isUpdate = operation === "update";
  if (step === "update")
    return isUpdate && hasBegun ? { kind: "undo", as: "update_failed" } : { kind: "end" };
  // The update is complete, so that what is undone was verified, and did not even begin to serve.
  if (step === "ship") return isUpdate ? { kind: "undo", as: "verification_failed" } : { kind: "end" };
  if (step !== "gates-after" || gates === null || gates.kind === "good") return { kind: "end" };
  if (gates.kind === "bad") return isUpdate ? { kind: "undo", as: "verification_failed" } : { kind: "end" };
  return { kind: "hold", why: unhealthyBefore ? "unhealthy-before" : "undecided" };
}

/** What decides how something is undone. */
export interface UndoSituation {
  settings: Pick<RollbackSettings, "automatic" | "onFirstFailure">;
  /** The number of the release to go back to; null: there is none. */
  target: number | null;
  /** Automatic rollbacks of the stack that were begun within the two windows. */
  begun: { inShort: number; inLong: number };
}

/** How an update that went wrong is undone. */
export type Undo =
  | { kind: "rollback"; target: number }
  | { kind: "destroy-created" }
  | { kind: "nothing-to-go-back-to" }
  | { kind: "hold"; why: Extract<HoldCause, "limit" | "not-authorised">; detail: string };

/** Decides how an update that went wrong is undone. Without a release to go back to the resources stay, unless the stack wants what was created removed. */
export function decideUndo({ settings, target, begun }: UndoSituation): Undo {
  if (target === null) {
    return settings.onFirstFailure === "destroyCreated"
      ? { kind: "destroy-created" }
      : { kind: "nothing-to-go-back-to" };
  }
  if (!settings.automatic) {
    return {
      kind: "hold",
      why: "not-authorised",
      detail: "The stack is not rolled back without being asked.",
    };
  }
  if (begun.inShort >= MOST_IN_SHORT_WINDOW) {
    const minutes = SHORT_WINDOW_SECONDS / 60;
    return {
      kind: "hold",
      why: "limit",
      detail: `Slipway has rolled this stack back within the last ${minutes} minutes already.`,
    };
  }
  if (begun.inLong >= MOST_IN_LONG_WINDOW) {
    const detail = `Slipway has rolled this stack back ${begun.inLong} times within a day already.`;
    return { kind: "hold", why: "limit", detail };
  }
  return { kind: "rollback", target };
}

/** Whether consent is to exactly these steps: with one more, one less or another one it is void. */
export function isConsentTo(consented: readonly string[] | null, steps: readonly { id: string }[]): boolean {
  if (consented === null) return false;
  const wanted = steps.map(({ id }) => id).sort();
  const given = [...new Set(consented)].sort();
  return given.length === wanted.length && given.every((id, index) => id === wanted[index]);
}

/**
 * Whether a rollback is covered by what the stack agreed to beforehand: then no approval and no freeze delays it. One with a step that cannot be undone never is, and one that somebody
 * asks for only on a stack that wants that: else a rollback would be a way round its approvals.
 */
export function isCovered(
  settings: Pick<RollbackSettings, "automatic" | "coversRequested">,
  rollback: { cause: "request" | "automatic-rollback"; irreversible: number },
): boolean {
  if (rollback.irreversible > 0) return false;
  return rollback.cause === "automatic-rollback" ? settings.automatic : settings.coversRequested;
}

/** How the rollback of a deployment ended. */
export interface RollbackEnd {
  status: DeploymentStatus;
  /** Its own: whether its update was done. */
  verification: Verification | null;
  /** What serves could not be put back. */
  shipFailed: boolean;
  /** Of the deployment that it was for: `held` while it waited for consent, so that nothing was begun. */
  causeWas: Verification | null;
}

/** What became of the deployment that a rollback was for. `not-begun`: nothing was undone, and nothing was tried. */
export function outcomeOfRollback(
  end: RollbackEnd,
): "rolled_back" | "rolled_back_unhealthy" | "rollback_failed" | "not-begun" {
  if (end.causeWas === "held") return "not-begun";
  if (end.status === "succeeded") return "rolled_back";
  // Its update is done and its gates do not pass: the old version runs, and is not well either.
  if (end.status === "failed" && end.verification === "verification_failed" && !end.shipFailed)
    return "rolled_back_unhealthy";
  return "rollback_failed";
}

/** What a held deployment comes to. */
export type HoldEnd =
  | { kind: "accept" }
  | { kind: "rollback" }
  /** What runs stays, and nobody has said that it is well. */
  | { kind: "leave" };

/** What follows when a hold ends. `wasUpdate`: its update itself had failed, so that there is nothing to accept. */
export function decideHoldEnd(hold: {
  by: "keep" | "rollback" | "expired" | "superseded";
  onExpiry: "keep" | "rollback";
  wasUpdate: boolean;
}): HoldEnd {
  switch (hold.by) {
    case "keep":
      return hold.wasUpdate ? { kind: "leave" } : { kind: "accept" };
    case "rollback":
      return { kind: "rollback" };
    case "expired":
      return hold.onExpiry === "rollback" ? { kind: "rollback" } : { kind: "leave" };
    case "superseded":
      return { kind: "leave" };
  }
}

/** What a stack still takes while a failed rollback freezes it. */
const TAKEN_WHILE_FROZEN: readonly DeploymentOperation[] = ["preview", "refresh", "detect-drift"];

/** Whether a failed rollback keeps an operation from a stack. `acknowledges`: the failed one that whoever asks knows of. */
export function isFrozenFor(
  failed: { deploymentId: string } | null,
  asked: {
    operation: DeploymentOperation;
    cause: "request" | "automatic-rollback";
    acknowledges: string | null;
  },
): boolean {
  if (failed === null || TAKEN_WHILE_FROZEN.includes(asked.operation)) return false;
  // It finishes what somebody began who had named it.
  if (asked.cause === "automatic-rollback") return false;
  return asked.acknowledges !== failed.deploymentId;
}
