import type { DeploymentOperation, DeploymentStatus, NextAction } from "../contract/deployments.ts";
import type { AccountSummary } from "./account-rules.ts";
import { firstNames, namesOf } from "./account-rules.ts";

/** What decides whether a deployment can be gone on with. */
export interface ContinueSituation {
  status: DeploymentStatus;
  operation: DeploymentOperation;
  account: Pick<AccountSummary, "done" | "unknown" | "pendingCreates"> | undefined;
  /** Something that changes the stack was asked for after it and waits or runs. */
  isSuperseded: "running" | "done" | null;
}

const ENDINGS: readonly DeploymentStatus[] = ["interrupted", "cancelled", "failed"];
const CONTINUABLE: readonly DeploymentOperation[] = [
  "update",
  "refresh",
  "destroy",
  "rollback",
  "remediate-drift",
];

/**
 * The next safe action after a deployment that did not end by itself: a refresh, so that the state says what is really there, then the same again. Null when it ended well, had
 * changed nothing, or something else has changed the stack since.
 */
export function nextActionOf(situation: ContinueSituation): NextAction | null {
  const { status, operation, account, isSuperseded } = situation;
  if (!ENDINGS.includes(status) || !CONTINUABLE.includes(operation) || isSuperseded !== null) return null;
  if (status !== "interrupted" && (account === undefined || account.done + account.unknown === 0))
    return null;
  // Whatever failed by itself fails again, unless a person corrects it first; only what nobody knows of needs more than that.
  if (status === "failed" && (account?.unknown ?? 0) === 0) return null;
  const pendingCreates = (account?.pendingCreates ?? []).map((one) => ({
    ...one,
    name: namesOf(one.urn).name,
  }));
  const open = pendingCreates.filter((one) => one.mayExist).map(({ name }) => name);
  const steps =
    operation === "refresh"
      ? "Refresh again"
      : `Refresh, so that the state says what is really there, then ${operation} again with the same source, config and options`;
  const first =
    open.length === 0
      ? ""
      : ` First look for ${firstNames(open)}: each was being created and may exist. Delete it there, or import it into the state; then name it, so that it is dropped from the state and created anew.`;
  return { kind: "continue", detail: `${steps}.${first}`, pendingCreates };
}

/** What is known of a cancel that was asked for. */
export interface CancelSituation {
  status: DeploymentStatus;
  /** An attempt holds the stack for it, by a lease that has not run out. */
  isHeld: boolean;
}

/** What happens next after a cancel was asked for, in one sentence. */
export function describeCancel({ status, isHeld }: CancelSituation): string {
  if (status === "cancelled") return "It is cancelled.";
  if (status === "queued") return "Its worker is gone; it is cancelled as soon as that is known for sure.";
  if (status !== "running") return `It had ended before the cancel took effect: ${status}.`;
  return isHeld
    ? "Its engine is interrupted once, and what is in flight may end; what still runs after the grace is terminated, then killed. Then each resource is accounted for, and the stack is free."
    : "Its worker does not answer. Within seconds of the end of its lease another worker accounts for each resource, and the stack is free.";
}
