import { z } from "zod";
import { Digest, Id, Instant } from "./identifiers.ts";

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
  })
  .meta({ id: "Release" });
export type Release = z.infer<typeof Release>;

/** A source with a config that is refused on a stack. */
export const Quarantine = z
  .object({
    id: Id,
    /** `health`: its release failed after the update; `crash`: it ended its workers again and again. */
    kind: z.enum(["health", "crash"]),
    sourceDigest: Digest,
    configDigest: Digest,
    reason: z.string(),
    /** The deployment that led to it, when that is recorded. */
    deploymentId: Id.nullable(),
    createdAt: Instant,
    liftedAt: Instant.nullable(),
    liftedBy: z.string().nullable(),
  })
  .meta({ id: "Quarantine" });
export type Quarantine = z.infer<typeof Quarantine>;
