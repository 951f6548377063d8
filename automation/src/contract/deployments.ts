import { z } from "zod";
import { RequestEmergency } from "./approvals.ts";
import { Digest, Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";
import { PromotedFrom, PromoteFrom } from "./promotions.ts";
import { Binding, MovedItem } from "./seals.ts";
import { Consent, Hold, Verification } from "./verification.ts";

export const DeploymentOperation = z.enum([
  "preview",
  "update",
  "refresh",
  "destroy",
  "rollback",
  "detect-drift",
  "remediate-drift",
]);
export type DeploymentOperation = z.infer<typeof DeploymentOperation>;

export const DeploymentStatus = z.enum([
  "queued",
  "running",
  "waiting_approval",
  "succeeded",
  "failed",
  "cancelled",
  "rejected",
  "expired",
  "stale",
  "interrupted",
  "rolled_back",
]);
export type DeploymentStatus = z.infer<typeof DeploymentStatus>;
export const TERMINAL_STATUSES: readonly DeploymentStatus[] = [
  "succeeded",
  "failed",
  "cancelled",
  "rejected",
  "expired",
  "stale",
  "interrupted",
  "rolled_back",
];

/** The engine's options. Which operation takes which is in deployments/rules.ts; any other is refused by name. */
export const DeploymentOptions = z.strictObject({
  targets: z.array(z.string().min(1).max(1000)).min(1).max(1000).optional(),
  targetDependents: z.boolean().optional(),
  replace: z.array(z.string().min(1).max(1000)).min(1).max(1000).optional(),
  refresh: z.boolean().optional(),
  parallel: z.int().min(1).max(256).optional(),
  /** update only: go straight to the update, unbound by a plan. Audited. */
  skipPreview: z.boolean().optional(),
  /** update only: do not run the test commands of slipway.yaml. Audited. */
  skipTests: z.boolean().optional(),
  /** refresh only: creates that were begun and not ended, to be dropped from the state before: whoever asks knows that they are not there. */
  clearPendingCreates: z.array(z.string().min(1).max(1000)).min(1).max(5000).optional(),
});
export type DeploymentOptions = z.infer<typeof DeploymentOptions>;

export const RequestDeployment = z.strictObject({
  operation: DeploymentOperation,
  message: z.string().max(1000).optional(),
  /** rollback only: the number of the good release to go back to; default: the good release before the current one. */
  release: z.int().min(1).optional(),
  /** rollback only: cancel what runs on the stack first, and wait until the stack is free. */
  cancelRunning: z.boolean().optional(),
  /** rollback only: the ids of irreversible steps that are agreed to beforehand; of others it waits for consent. */
  consent: z.array(z.string().min(1).max(2000)).min(1).max(10_000).optional(),
  /** On a stack that a failed rollback has frozen: the deployment that was to be undone, so that it is known whose state this one finds. */
  acknowledge: Id.optional(),
  /** update and preview only: take source and artifacts of another stack's good release, in place of the project's folder. */
  promote: PromoteFrom.optional(),
  /** Pass the votes and a freeze by; of a person who has signed in and whom the stack's rules name for it. */
  emergency: RequestEmergency.optional(),
  /** Digest of a seal of the stack, of a preview say: nothing but what was sealed then may run. Not for drift checks. */
  seal: Digest.optional(),
  options: DeploymentOptions.default({}),
});
export type RequestDeployment = z.infer<typeof RequestDeployment>;

export const StepState = z.enum(["waiting", "running", "succeeded", "failed", "skipped"]);
export type StepState = z.infer<typeof StepState>;
export const DeploymentStep = z.object({
  name: z.string(),
  state: StepState,
  startedAt: Instant.nullable(),
  finishedAt: Instant.nullable(),
  detail: z.string().nullable(),
});
export type DeploymentStep = z.infer<typeof DeploymentStep>;

export const GateResult = z.object({
  name: z.string(),
  phase: z.enum(["before", "after"]),
  required: z.boolean(),
  verdict: z.enum(["pass", "fail", "inconclusive", "error"]),
  /** Why, in one sentence: value, threshold, time. */
  detail: z.string(),
  measuredAt: Instant,
  /** Measured and shown, and never decides: `required` is false. */
  dryRun: z.boolean().optional(),
  /** It failed before the update too, so that its fail is not this update's: never a reason to roll back. */
  unhealthyBefore: z.boolean().optional(),
});
export type GateResult = z.infer<typeof GateResult>;

/** What became of something that a deployment set out to do. `unknown`: it was begun, and nobody has recorded its end. */
export const ResourceOutcome = z.enum(["done", "not_done", "unknown"]);
export type ResourceOutcome = z.infer<typeof ResourceOutcome>;

/** One operation on one resource of a deployment that did not end by itself. */
export const AccountedResource = z
  .object({
    urn: z.string(),
    type: z.string(),
    name: z.string(),
    operation: z.enum(["create", "update", "delete", "import"]),
    outcome: ResourceOutcome,
    /** Why, when there is more to say. */
    detail: z.string().nullable(),
  })
  .meta({ id: "AccountedResource" });
export type AccountedResource = z.infer<typeof AccountedResource>;

/** A create that was begun and not ended, as the state keeps it. */
export const PendingCreate = z.object({
  urn: z.string(),
  type: z.string(),
  name: z.string(),
  /** False: it is known to be nothing outside of the state, so that it can be dropped. */
  mayExist: z.boolean(),
});
export type PendingCreate = z.infer<typeof PendingCreate>;

/** What a person can safely do after a deployment that did not end by itself. */
export const NextAction = z.object({
  /** A refresh, then the same operation with the same source, config and options. */
  kind: z.literal("continue"),
  detail: z.string(),
  /** Creates that nobody knows the end of. Those that may exist must be looked for first, and named to be dropped from the state. */
  pendingCreates: z.array(PendingCreate),
});
export type NextAction = z.infer<typeof NextAction>;

export const ContinueDeployment = z.strictObject({
  /** URNs of pending creates that are known not to exist: they are dropped from the state, and created anew. */
  clearPendingCreates: z.array(z.string().min(1).max(1000)).max(5000).default([]),
  message: z.string().max(1000).optional(),
  /** On a stack that a failed rollback has frozen: the deployment that was to be undone. */
  acknowledge: Id.optional(),
});
export type ContinueDeployment = z.infer<typeof ContinueDeployment>;

/** Why a deployment waits. `next`: only for a worker. `behind`: others of its stack go first. `stack-busy`: something runs on its stack. `limit`: as many run as may. */
export const WaitingReason = z.enum(["next", "behind", "stack-busy", "paused", "limit"]);
export type WaitingReason = z.infer<typeof WaitingReason>;

export const Deployment = z
  .object({
    id: Id,
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    /** Counts from 1 within the stack. */
    number: z.int(),
    operation: DeploymentOperation,
    status: DeploymentStatus,
    options: DeploymentOptions,
    message: z.string().nullable(),
    requestedBy: z.string(),
    /** `request`: somebody asked; `automatic-rollback`: Slipway undoes the deployment `causedBy`. */
    cause: z.enum(["request", "automatic-rollback"]),
    causedBy: Id.nullable(),
    /** The rollback that Slipway started for this deployment. */
    rolledBackBy: Id.nullable(),
    /** rollback: the release gone back to. */
    targetRelease: z.int().nullable(),
    /** The other stack's release whose source and artifacts it takes; null: it is no promotion. */
    promotedFrom: PromotedFrom.nullable(),
    /** The release that this deployment recorded. */
    release: z.int().nullable(),
    /** What became of its update beside the status; null: none has begun, or it is of an operation without one. */
    verification: Verification.nullable(),
    sourceDigest: Digest.nullable(),
    requestedAt: Instant,
    startedAt: Instant.nullable(),
    finishedAt: Instant.nullable(),
    steps: z.array(DeploymentStep),
    gates: z.array(GateResult),
    /** Resource counts by engine operation (create, update, replace, delete, same). */
    changes: z.record(z.string(), z.int()),
    /** How many of its stack go before it, with what runs there; null unless queued. */
    queuePosition: z.int().nullable(),
    /** Null unless queued. */
    waiting: z
      .object({
        reason: WaitingReason,
        /** The same in words: who paused and why, what it waits for. */
        detail: z.string(),
        /** By how long such runs of its stack usually take; null when nobody can know. */
        expectedStartAt: Instant.nullable(),
      })
      .nullable(),
    /** Why it did not succeed: code, the first failing line, and what to do next. */
    failure: z.object({ code: z.string(), detail: z.string(), remedy: z.string().nullable() }).nullable(),
    attempts: z.int(),
    /** The deployment that did not end by itself and that this one goes on with. */
    continues: Id.nullable(),
    /** It only begins once that one has succeeded. */
    runsAfter: Id.nullable(),
    /** Set once a cancel was asked for. */
    cancellation: z
      .object({
        requestedAt: Instant,
        requestedBy: z.string().nullable(),
        /** What happens next, or what happened. */
        detail: z.string(),
      })
      .nullable(),
    /** Of a deployment that was interrupted, cancelled or failed after it had begun to change resources: how many operations came to what. The whole list has an address of its own. */
    resources: z
      .object({
        done: z.int(),
        notDone: z.int(),
        unknown: z.int(),
        /** Whether all that was meant is counted: without a preview nobody knows what was still to come. */
        planned: z.boolean(),
      })
      .nullable(),
    nextAction: NextAction.nullable(),
    /** How what runs is bound to what was sealed; null before its preview, and of one that goes without. */
    binding: Binding.nullable(),
    /** What was not as it was sealed, of one that is stale. */
    moved: z.array(MovedItem).nullable(),
    /** Set once it was held for a person's decision. */
    hold: Hold.nullable(),
    /** rollback: its irreversible steps, once they are known. */
    consent: Consent.nullable(),
  })
  .meta({ id: "Deployment" });
export type Deployment = z.infer<typeof Deployment>;

/** In lists, steps, gates and what asks for reading more are left out. */
export const DeploymentSummary = Deployment.omit({
  steps: true,
  gates: true,
  cancellation: true,
  resources: true,
  nextAction: true,
  binding: true,
  moved: true,
  hold: true,
  consent: true,
}).meta({
  id: "DeploymentSummary",
});
export type DeploymentSummary = z.infer<typeof DeploymentSummary>;
