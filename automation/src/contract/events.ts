import { z } from "zod";
import { DeploymentStatus, GateResult, StepState } from "./deployments.ts";
import { Instant } from "./identifiers.ts";

/** What happened, without number and time. Stored row and SSE payload have the same shape. */
export const EventBody = z.discriminatedUnion("type", [
  z.object({ type: z.literal("status"), status: DeploymentStatus, detail: z.string().nullable() }),
  z.object({ type: z.literal("step"), step: z.string(), state: StepState, detail: z.string().nullable() }),
  z.object({
    type: z.literal("output"),
    step: z.string(),
    stream: z.enum(["stdout", "stderr"]),
    line: z.string(),
  }),
  /** The engine has read the stack and its config, and starts the program. Its first event of a step. */
  z.object({ type: z.literal("engine"), step: z.string(), state: z.literal("started") }),
  z.object({
    type: z.literal("resource"),
    step: z.string(),
    urn: z.string(),
    resourceType: z.string(),
    name: z.string(),
    /** The engine's step: create, update, delete, replace, create-replacement, delete-replaced, same, read, refresh, import ... */
    operation: z.string(),
    state: z.enum(["planned", "started", "succeeded", "failed"]),
    /** Paths of changed properties, never values. */
    changedProperties: z.array(z.string()),
  }),
  z.object({
    type: z.literal("diagnostic"),
    step: z.string(),
    severity: z.enum(["debug", "info", "warning", "error"]),
    urn: z.string().nullable(),
    message: z.string(),
  }),
  z.object({
    type: z.literal("summary"),
    step: z.string(),
    changes: z.record(z.string(), z.int()),
    durationMs: z.int(),
  }),
  z.object({ type: z.literal("gate"), gate: GateResult }),
  /** What a policy says, as soon as it does; whether it is passed over is decided afterwards. */
  z.object({
    type: z.literal("policy"),
    step: z.string(),
    pack: z.string(),
    version: z.string().nullable(),
    policy: z.string(),
    level: z.enum(["mandatory", "advisory", "remediate"]),
    /** Null: of the stack as a whole. */
    urn: z.string().nullable(),
    message: z.string(),
  }),
  /** One rung of the ladder on which a run is stopped: asked for, interrupted once, terminated, killed; `empty`: nothing of it is left. */
  z.object({
    type: z.literal("stop"),
    rung: z.enum(["asked", "interrupted", "terminated", "killed", "empty"]),
    detail: z.string(),
  }),
]);
export type EventBody = z.infer<typeof EventBody>;

/** `sequence` counts from 1 within a deployment without gaps and is the SSE id. */
export const DeploymentEvent = z
  .object({ sequence: z.int(), at: Instant, attempt: z.int(), body: EventBody })
  .meta({ id: "DeploymentEvent" });
export type DeploymentEvent = z.infer<typeof DeploymentEvent>;
