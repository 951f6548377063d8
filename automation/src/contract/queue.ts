import { z } from "zod";
import { DeploymentSummary } from "./deployments.ts";
import { Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";

/** Nothing new is claimed of what a pause covers; what runs goes on, and an automatic rollback still starts: it finishes what ran. */
export const Pause = z
  .object({
    scope: z.enum(["everything", "project", "stack"]),
    /** Null: everything. */
    organisation: OrganisationName.nullable(),
    project: ProjectName.nullable(),
    /** Null: the whole project, or everything. */
    stack: StackName.nullable(),
    reason: z.string(),
    pausedBy: z.string(),
    pausedAt: Instant,
    /** Whether the caller may resume it. */
    mayResume: z.boolean(),
  })
  .meta({ id: "Pause" });
export type Pause = z.infer<typeof Pause>;
export const SetPause = z.strictObject({ reason: z.string().trim().min(1, "say why").max(1000) });

/** Most deployments at once. */
export const RunLimit = z
  .object({
    /** Null: the whole installation. */
    organisation: OrganisationName.nullable(),
    project: ProjectName.nullable(),
    most: z.int(),
    setBy: z.string(),
    setAt: Instant,
  })
  .meta({ id: "RunLimit" });
export type RunLimit = z.infer<typeof RunLimit>;
export const SetRunLimit = z.strictObject({ most: z.int().min(1).max(10_000) });

/** What runs and what waits, in the order in which it is claimed. */
export const Queue = z
  .object({
    running: z.array(DeploymentSummary),
    waiting: z.array(DeploymentSummary),
    /** Whether more wait than are shown. */
    more: z.boolean(),
  })
  .meta({ id: "Queue" });
export type Queue = z.infer<typeof Queue>;

export const Worker = z
  .object({
    id: Id,
    host: z.string(),
    /** `lost`: it was not seen for half a minute. `draining`: it ends when what it runs has ended. */
    state: z.enum(["running", "draining", "lost"]),
    /** Most attempts at once; null: it never said. */
    concurrency: z.int().nullable(),
    running: z.int(),
    startedAt: Instant,
    seenAt: Instant,
  })
  .meta({ id: "Worker" });
export type Worker = z.infer<typeof Worker>;
