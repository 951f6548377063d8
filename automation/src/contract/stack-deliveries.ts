import { z } from "zod";
import { DeploymentStatus } from "./deployments.ts";
import { Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";

const MOST_STACKS = 100;

/** One release brought to several stacks, wave by wave: the next wave begins once every stack of the one before is good. */
export const CreateStackDelivery = z.strictObject({
  organisation: OrganisationName.default("default"),
  project: ProjectName,
  /** The good release that the first wave takes. Left out: the first wave is one stack, which is deployed from the project's folder. */
  from: z.strictObject({ stack: StackName, release: z.int().min(1).optional() }).optional(),
  /** Every stack by its name. */
  waves: z.array(z.array(StackName).min(1).max(MOST_STACKS)).min(1).max(MOST_STACKS),
  message: z.string().max(1000).optional(),
});
export type CreateStackDelivery = z.infer<typeof CreateStackDelivery>;

/** `good`: its deployment succeeded and its release is good. `not_good`: it ended otherwise. `refused`: no deployment could be queued. `left_out`: the delivery ended before. */
export const StackDeliveryState = z.enum([
  "waiting",
  "queued",
  "running",
  "waiting_approval",
  "good",
  "not_good",
  "refused",
  "left_out",
]);
export type StackDeliveryState = z.infer<typeof StackDeliveryState>;

export const StackDeliveryStatus = z.enum(["running", "paused", "succeeded", "stopped", "cancelled"]);
export type StackDeliveryStatus = z.infer<typeof StackDeliveryStatus>;

export const StackDelivery = z
  .object({
    id: Id,
    organisation: OrganisationName,
    project: ProjectName,
    /** `stopped`: a stack was not good, and nothing after it was begun. */
    status: StackDeliveryStatus,
    /** Why it is not going on, or what it waits for. */
    detail: z.string().nullable(),
    from: z.object({ stack: StackName, release: z.int() }).nullable(),
    requestedBy: z.string(),
    message: z.string().nullable(),
    createdAt: Instant,
    endedAt: Instant.nullable(),
    pausedBy: z.string().nullable(),
    cancelledBy: z.string().nullable(),
    stacks: z.array(
      z.object({
        stack: StackName,
        wave: z.int(),
        /** The stack whose release it takes; null: the project's folder. */
        from: StackName.nullable(),
        state: StackDeliveryState,
        detail: z.string().nullable(),
        deployment: z.object({ id: Id, number: z.int(), status: DeploymentStatus }).nullable(),
        release: z.int().nullable(),
      }),
    ),
  })
  .meta({ id: "StackDelivery" });
export type StackDelivery = z.infer<typeof StackDelivery>;
