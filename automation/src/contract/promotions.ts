import { z } from "zod";
import { Digest, Instant, StackName } from "./identifiers.ts";

/** A stack's place in the order of its project. */
export const EnvironmentRule = z.strictObject({
  stack: StackName,
  /** It takes no update but a promotion of what is good on the stack before. */
  onlyPromoted: z.boolean().default(false),
});
export type EnvironmentRule = z.infer<typeof EnvironmentRule>;

/** The order of a project's stacks, first to last: what is good on one may go to the next. */
export const SetEnvironments = z.strictObject({ stacks: z.array(EnvironmentRule).max(50) });
export type SetEnvironments = z.infer<typeof SetEnvironments>;

export const Environments = z
  .object({
    stacks: z.array(
      z.object({
        stack: StackName,
        onlyPromoted: z.boolean(),
        /** A stack that was removed keeps its place until somebody sets the order again: what follows it takes nothing meanwhile. */
        removed: z.boolean(),
        /** The newest release, and whether it may go on from here. */
        release: z
          .object({ number: z.int(), health: z.enum(["pending", "good", "bad"]), quarantined: z.boolean() })
          .nullable(),
      }),
    ),
  })
  .meta({ id: "Environments" });
export type Environments = z.infer<typeof Environments>;

/** Which release of another stack of the project a deployment takes; without a number the stack's newest one, which must be good. */
export const PromoteFrom = z.strictObject({ stack: StackName, release: z.int().min(1).optional() });
export type PromoteFrom = z.infer<typeof PromoteFrom>;

/** The release that source and artifacts came from. */
export const PromotedFrom = z.object({ stack: StackName, release: z.int() });
export type PromotedFrom = z.infer<typeof PromotedFrom>;

/** What a promotion would bring, and why it may not. */
export const PromotionPreview = z
  .object({
    from: z.object({
      stack: StackName,
      release: z.int(),
      health: z.enum(["pending", "good", "bad"]),
      commit: z.string().nullable(),
      sourceDigest: Digest,
      createdAt: Instant,
    }),
    /** Null: it may be asked for. */
    refusal: z.object({ code: z.string(), detail: z.string(), remedy: z.string().nullable() }).nullable(),
    /** The newest release of the stack that would take it; null: it has none. */
    current: z.object({ release: z.int(), commit: z.string().nullable(), sourceDigest: Digest }).nullable(),
    sameSource: z.boolean(),
    sameLockfile: z.boolean(),
    artifacts: z.array(
      z.object({ name: z.string(), change: z.enum(["same", "changed", "added", "removed"]) }),
    ),
    /** Keys that the two releases do not have in common, or not with the same value; of secrets only whether both have one. Values are not shown. */
    config: z.array(
      z.object({ key: z.string(), secret: z.boolean(), change: z.enum(["changed", "added", "removed"]) }),
    ),
    versions: z.array(z.object({ name: z.string(), from: z.string().nullable(), to: z.string().nullable() })),
  })
  .meta({ id: "PromotionPreview" });
export type PromotionPreview = z.infer<typeof PromotionPreview>;
