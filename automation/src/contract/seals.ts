import { z } from "zod";
import { Digest, Id, Instant } from "./identifiers.ts";
import { PlannedStep } from "./previews.ts";

/** What an approval is for, part by part. */
export const SealItem = z.enum([
  "operation",
  "options",
  "source",
  "lockfile",
  "config",
  "serverConfig",
  "plan",
  "cli",
  "plugins",
  "state",
  "artifacts",
  "rules",
  "policies",
]);
export type SealItem = z.infer<typeof SealItem>;

/** Something that is not as it was sealed. Of the plan each difference is one of its own, with the resource and the property. */
export const MovedItem = z
  .object({
    item: SealItem,
    urn: z.string().nullable(),
    path: z.string().nullable(),
    /** As it was sealed, and as it is now; secrets are "[secret]", what was not there is null. */
    was: z.unknown(),
    is: z.unknown(),
  })
  .meta({ id: "MovedItem" });
export type MovedItem = z.infer<typeof MovedItem>;

/** How what runs is bound to what was sealed. `equivalent`: nothing differs but credentials of providers. */
export const Binding = z.enum(["exact", "equivalent"]);
export type Binding = z.infer<typeof Binding>;

export const Seal = z
  .object({
    deploymentId: Id,
    /** What a vote names. */
    digest: Digest,
    /** Versions, numbers and digests; no value of anything. */
    items: z.record(z.string(), z.unknown()),
    attempt: z.int(),
    sealedAt: Instant,
    binding: Binding.nullable(),
    /** What can be seen to have moved since, without another preview. */
    moved: z.array(MovedItem),
  })
  .meta({ id: "Seal" });
export type Seal = z.infer<typeof Seal>;

export const DeploymentPreview = z
  .object({
    deploymentId: Id,
    attempt: z.int(),
    previewedAt: Instant,
    /** By the engine's own count; a replacement counts once. */
    counts: z.record(z.string(), z.int()),
    /** Of all steps. */
    stepCount: z.int(),
    /** Fewer steps are kept than there were, or some without what they change. */
    truncated: z.boolean(),
    items: z.array(PlannedStep),
    next: z.string().nullable(),
  })
  .meta({ id: "DeploymentPreview" });
export type DeploymentPreview = z.infer<typeof DeploymentPreview>;
