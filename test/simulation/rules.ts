import { decideApproval } from "../../automation/src/approvals/rules.ts";
import * as lease from "../../automation/src/attempts/lease-rules.ts";
import { decideTakeover } from "../../automation/src/attempts/rules.ts";
import { nextToClaim } from "../../automation/src/deployments/queue-rules.ts";
import { decideCancel } from "../../automation/src/deployments/rules.ts";
import { afterAttempt } from "../../automation/src/notifications/rules.ts";
import { CONTAINED_MS } from "../../automation/src/pipeline/lease-keeper.ts";
import { isKept, stepsOf } from "../../automation/src/pipeline/operations.ts";
import { decideAfterFailure } from "../../automation/src/rollbacks/rules.ts";

/**
 * What is simulated around the rules: what the transactions and processes of the product do besides asking a rule. Each is one thing that a mistake could leave out.
 */
export interface Habits {
  /** A cancel writes its audit entry. */
  auditsCancels: boolean;
  /** The stack of a cancelled attempt is freed after its processes have ended. */
  waitsForEmptyContainment: boolean;
  /** The database's clock says whether a lease is over, not that of whoever asks. */
  asksDatabaseForTime: boolean;
  /** What keeps an event from being stored twice when it is sent again. */
  eventsOnce: "by the statement" | "by reading before" | "nothing";
  /** A request that comes again with its key is the same request. */
  knowsRequestKeys: boolean;
  /** A message has one id for all its deliveries. */
  deliversWithId: boolean;
  /** A delivery whose server has died is tried by another one. */
  deliversAgain: boolean;
  /** The deadline of a containment counts from when the renewal was asked for, not from its answer. */
  deadlineFromTheAsk: boolean;
  /** An attempt's id is never handed to a second claim. */
  dropsAttemptAfterLostReply: boolean;
  /** Somebody looks for attempts whose lease is over. */
  takesOver: boolean;
  /** An approved deployment is compared with its seal just before the update. */
  comparesSeals: boolean;
}

/** Everything that decides in the simulation: the product's own rules, and the habits of what is around them. */
export interface Rules {
  lease: Pick<typeof lease, "claim" | "renew" | "write" | "takeOver" | "end">;
  nextToClaim: typeof nextToClaim;
  decideTakeover: typeof decideTakeover;
  decideCancel: typeof decideCancel;
  decideApproval: typeof decideApproval;
  decideAfterFailure: typeof decideAfterFailure;
  afterAttempt: typeof afterAttempt;
  stepsOf: typeof stepsOf;
  isKept: typeof isKept;
  containedMs: number;
  habits: Habits;
}

export const PRODUCT: Rules = {
  lease,
  nextToClaim,
  decideTakeover,
  decideCancel,
  decideApproval,
  decideAfterFailure,
  afterAttempt,
  stepsOf,
  isKept,
  containedMs: CONTAINED_MS,
  habits: {
    auditsCancels: true,
    waitsForEmptyContainment: true,
    asksDatabaseForTime: true,
    eventsOnce: "by the statement",
    knowsRequestKeys: true,
    deliversWithId: true,
    deliversAgain: true,
    deadlineFromTheAsk: true,
    dropsAttemptAfterLostReply: true,
    takesOver: true,
    comparesSeals: true,
  },
};
