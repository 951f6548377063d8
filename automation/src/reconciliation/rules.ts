import type { DeploymentOperation } from "../contract/deployments.ts";
import type { ReconciliationEvidence } from "../contract/reconciliation.ts";
import type { UpdateKind } from "../contract/updates.ts";
import { SlipwayError } from "../errors.ts";

/** The newest look at what is really there, since the restore. */
export interface Look {
  /** Something differed from the state. */
  differs: boolean;
  /** A refresh: the state says now what is there. */
  changedState: boolean;
  at: Date;
}

/** What has happened to a stack since the restore. */
export interface Since {
  look: Look | null;
  /** A refresh that found differences, an import or an edit has changed the state. */
  stateMoved: boolean;
  /** False: it describes no resource, so that no look can be had. */
  hasState: boolean;
}

/** What that says of the stack's state. */
export function evidenceOf({ look, stateMoved, hasState }: Since): ReconciliationEvidence {
  if (look === null) return hasState ? "never" : "nothing";
  if (look.differs && !look.changedState) return "differs";
  return look.differs || stateMoved ? "taken-over" : "clean";
}

/**
 * Whether a stack may be worked with again. A state that is what is there needs nobody; one that was not needs a person who has looked at the differences, and the state must have
 * taken them over before. Throws SlipwayError `unreconciled` with what is to be done.
 */
export function checkReconcile(evidence: ReconciliationEvidence, confirmed: boolean, stack: string): void {
  switch (evidence) {
    case "clean":
      return;
    case "nothing":
      if (confirmed) return;
      throw unreconciled("The stack had no state when the backup was made: there is nothing to compare.", {
        remedy: `When nothing was deployed to it after that: slipway reconcile ${stack} --confirm`,
      });
    case "taken-over":
      if (confirmed) return;
      throw unreconciled("A refresh has found differences since the restore.", {
        remedy: `Look at what it changed (slipway logs), then: slipway reconcile ${stack} --confirm`,
      });
    case "differs":
      throw unreconciled("What is there differs from the restored state.", {
        remedy: `Refresh it, so that the state says what is there: slipway refresh --stack ${stack}`,
      });
    case "never":
      throw unreconciled("Nobody has compared the restored state with what is there.", {
        remedy: `slipway reconcile ${stack} does it; for a stack of the Pulumi CLI: pulumi refresh --stack ${stack}`,
      });
  }
}

/** What changes resources by what a state says. A refresh, an import and an edit are how a state is put right. */
const BY_STATE: ReadonlySet<DeploymentOperation | UpdateKind> = new Set([
  "update",
  "rollback",
  "destroy",
  "remediate-drift",
]);

/** Whether an operation, or a kind of update of the CLI that is no preview, waits until the stack is reconciled. */
export function needsReconciled(operation: DeploymentOperation | UpdateKind): boolean {
  return BY_STATE.has(operation);
}

/** The refusal of a change on a stack that is not reconciled. */
export function refuseUntilReconciled(stack: string, backupAt: Date): SlipwayError {
  return unreconciled(
    `The stack ${stack} comes from the backup of ${backupAt.toISOString()}: its state may be older than its resources.`,
    { remedy: `Compare it with what is there: slipway reconcile ${stack}` },
  );
}

function unreconciled(message: string, { remedy }: { remedy: string }): SlipwayError {
  return new SlipwayError("unreconciled", message, { remedy });
}
