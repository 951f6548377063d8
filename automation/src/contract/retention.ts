import { z } from "zod";
import { Instant } from "./identifiers.ts";

/** What is collected. Audit entries, deployments, releases and updates themselves are kept for ever. */
export const RetentionCategory = z.enum([
  "deployment-events",
  "previews",
  "cli-events",
  "journals",
  "states",
  "drift-checks",
  "schedule-slots",
  "idempotency-keys",
  "artifacts",
  "artifact-copies",
  "dependencies",
  "failures",
  "caches",
]);
export type RetentionCategory = z.infer<typeof RetentionCategory>;

/** How long and how much of a category is kept. What something still needs is kept whatever this says. */
export const RetentionLimits = z.strictObject({
  /** Null: whatever its age. */
  maxAgeDays: z.int().min(1).max(36_500).nullable(),
  /** Null: whatever its size. Beyond it the oldest goes first. */
  maxBytes: z.int().min(1_000_000).nullable(),
});
export type RetentionLimits = z.infer<typeof RetentionLimits>;

/** One category with its limits and what was collected. */
export const RetentionRule = z
  .object({
    category: RetentionCategory,
    what: z.string(),
    limits: RetentionLimits,
    isDefault: z.boolean(),
    /** Units removed and bytes freed so far. */
    removed: z.int(),
    freedBytes: z.int(),
    lastRunAt: Instant.nullable(),
  })
  .meta({ id: "RetentionRule" });
export type RetentionRule = z.infer<typeof RetentionRule>;

export const RetentionPath = z.strictObject({ category: RetentionCategory });
export const RunRetention = z
  .strictObject({ dryRun: z.boolean().default(false) })
  .meta({ id: "RunRetention" });

/** What one run has collected, or would collect. */
export const RetentionRun = z
  .object({
    dryRun: z.boolean(),
    /** False: there is more than one run takes, another run or a backup is at work. */
    complete: z.boolean(),
    items: z.array(z.object({ category: RetentionCategory, removed: z.int(), freedBytes: z.int() })),
  })
  .meta({ id: "RetentionRun" });
export type RetentionRun = z.infer<typeof RetentionRun>;
