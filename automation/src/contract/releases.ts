import { z } from "zod";
import { Digest, Id, Instant } from "./identifiers.ts";
import { PromotedFrom } from "./promotions.ts";

export const ReleaseHealth = z.enum(["pending", "good", "bad"]);
export type ReleaseHealth = z.infer<typeof ReleaseHealth>;

/** Immutable record of a completed update; only `health` moves, once. */
export const Release = z
  .object({
    id: Id,
    number: z.int(),
    deploymentId: Id,
    health: ReleaseHealth,
    /** The release whose source, config and artifacts this one repeats, when it came from a rollback. */
    rollbackOf: z.int().nullable(),
    /** The other stack's release that it took source and artifacts from, when it was promoted. */
    promotedFrom: PromotedFrom.nullable(),
    sourceDigest: Digest,
    /** Commit of the source at request time and whether the tree had changes; null outside git. */
    commit: z.string().nullable(),
    dirty: z.boolean(),
    lockfileDigest: Digest.nullable(),
    configDigest: Digest,
    artifacts: z.array(z.object({ name: z.string(), digest: Digest, sizeBytes: z.int() })),
    pulumiVersion: z.string(),
    plugins: z.array(z.object({ name: z.string(), version: z.string().nullable() })),
    outputs: z.record(z.string(), z.unknown()),
    requestedBy: z.string(),
    message: z.string().nullable(),
    createdAt: Instant,
    quarantined: z.boolean(),
    /** Whoever kept it although its gates had not passed. It is never gone back to by itself. */
    acceptedBy: z.string().nullable(),
  })
  .meta({ id: "Release" });
export type Release = z.infer<typeof Release>;

/** A source with a config that is refused on a stack. */
export const Quarantine = z
  .object({
    id: Id,
    /** `health`: its release failed after the update; `crash`: it ended its workers again and again; `hand`: somebody set it. */
    kind: z.enum(["health", "crash", "hand"]),
    sourceDigest: Digest,
    configDigest: Digest,
    reason: z.string(),
    /** The deployment that led to it, when that is recorded. */
    deploymentId: Id.nullable(),
    createdAt: Instant,
    liftedAt: Instant.nullable(),
    liftedBy: z.string().nullable(),
    liftReason: z.string().nullable(),
    /** Null: Slipway itself. */
    setBy: z.string().nullable(),
    /** Stacks whose programs have read the outputs of its release, `organisation/project/stack`, as far as the caller may know of them. They are not rolled back. */
    readers: z.array(z.string()),
  })
  .meta({ id: "Quarantine" });
export type Quarantine = z.infer<typeof Quarantine>;

const Reason = z.string().trim().min(1).max(1000);
/** The source and config of which release are refused, and why. */
export const SetQuarantine = z.strictObject({ release: z.int().min(1), reason: Reason });
export type SetQuarantine = z.infer<typeof SetQuarantine>;
/** Why it may be deployed again. */
export const LiftQuarantine = z.strictObject({ reason: Reason });
export type LiftQuarantine = z.infer<typeof LiftQuarantine>;
