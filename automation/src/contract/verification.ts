import { z } from "zod";
import { Id, Instant } from "./identifiers.ts";

/**
 * What became of an update or a rollback, beside its status: `updating verifying held rolling_back` belong to the status running; the rest are ends. Only what has passed
 * `verifying` is a good release.
 */
export const Verification = z.enum([
  "updating",
  "verifying",
  "succeeded",
  "held",
  "verification_failed",
  "update_failed",
  "rolling_back",
  "rolled_back",
  "rolled_back_unhealthy",
  "rollback_failed",
]);
export type Verification = z.infer<typeof Verification>;

/** One move, with what it rests on. */
export const VerificationMove = z.object({
  state: Verification,
  reason: z.string(),
  /** What was seen: gates with verdicts, the target, limits. */
  evidence: z.record(z.string(), z.unknown()),
  principal: z.string(),
  at: Instant,
});
export type VerificationMove = z.infer<typeof VerificationMove>;

/**
 * Why a deployment waits for a person. `undecided`: required gates gave no answer. `unhealthy-before`: the gate failed before the update too. `limit`: as many automatic rollbacks as may be.
 * `not-authorised`: the stack wants none without being asked. `consent`: its rollback has steps that nobody can undo.
 */
export const HoldCause = z.enum(["undecided", "unhealthy-before", "limit", "not-authorised", "consent"]);
export type HoldCause = z.infer<typeof HoldCause>;

/** A deployment that keeps no worker and no right to write while a person decides. */
export const Hold = z.object({
  why: HoldCause,
  reason: z.string(),
  heldAt: Instant,
  expiresAt: Instant,
  /** What happens then, unless somebody decides. */
  onExpiry: z.enum(["keep", "rollback"]),
  decision: z.enum(["keep", "rollback", "expired", "superseded"]).nullable(),
  decidedAt: Instant.nullable(),
  decidedBy: z.string().nullable(),
  decisionReason: z.string().nullable(),
});
export type Hold = z.infer<typeof Hold>;

const Reason = z.string().trim().min(1).max(1000);

export const DecideHold = z.strictObject({ decision: z.enum(["keep", "rollback"]), reason: Reason });
export type DecideHold = z.infer<typeof DecideHold>;

/** Something that a rollback would do and that another one cannot take back. */
export const IrreversibleStep = z
  .object({
    /** The same as long as it is the same step: consent names it. */
    id: z.string(),
    kind: z.enum([
      "delete",
      "replace",
      "unknown-operation",
      "pending-create",
      "schema-contract",
      "rollback-floor",
      "provider-step-down",
    ]),
    /** Of a resource; null otherwise. */
    urn: z.string().nullable(),
    /** One sentence for a person who has to agree to it. */
    detail: z.string(),
  })
  .meta({ id: "IrreversibleStep" });
export type IrreversibleStep = z.infer<typeof IrreversibleStep>;

/** What a person has to agree to before a rollback goes on. */
export const Consent = z.object({
  steps: z.array(IrreversibleStep),
  askedAt: Instant,
  expiresAt: Instant,
  /** Null: nobody has agreed to exactly these steps. */
  consentedBy: z.string().nullable(),
  consentedAt: Instant.nullable(),
  reason: z.string().nullable(),
});
export type Consent = z.infer<typeof Consent>;

/** Names every step, by its id. */
export const GiveConsent = z.strictObject({
  steps: z.array(z.string().min(1).max(2000)).min(1).max(10_000),
  reason: Reason.optional(),
});
export type GiveConsent = z.infer<typeof GiveConsent>;

/** What a stack does when an update goes wrong. */
export const RollbackSettings = z
  .object({
    /** Whether a rollback without irreversible steps begins by itself, and passes queues, pauses, freezes and approvals. */
    automatic: z.boolean(),
    /** Whether such a rollback passes approvals and freezes also when somebody asks for it. */
    coversRequested: z.boolean(),
    onHoldExpiry: z.enum(["keep", "rollback"]),
    /** Of a first release, which nothing can be gone back from: `destroyCreated` removes what it created, after consent. */
    onFirstFailure: z.enum(["keep", "destroyCreated"]),
    updatedAt: Instant.nullable(),
    updatedBy: z.string().nullable(),
  })
  .meta({ id: "RollbackSettings" });
export type RollbackSettings = z.infer<typeof RollbackSettings>;

export const SetRollbackSettings = z.strictObject({
  automatic: z.boolean().optional(),
  coversRequested: z.boolean().optional(),
  onHoldExpiry: z.enum(["keep", "rollback"]).optional(),
  onFirstFailure: z.enum(["keep", "destroyCreated"]).optional(),
});
export type SetRollbackSettings = z.infer<typeof SetRollbackSettings>;

/** A rollback that failed: its stack takes only previews, refreshes, and deployments that name it. */
export const FailedRollback = z.object({
  /** The deployment that was to be undone: what `acknowledge` names. */
  deploymentId: Id,
  rollbackId: Id,
  detail: z.string(),
  failedAt: Instant,
});
export type FailedRollback = z.infer<typeof FailedRollback>;
