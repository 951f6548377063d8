import { z } from "zod";
import { DeploymentSummary } from "./deployments.ts";
import { EventBody } from "./events.ts";
import { Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";

export const UpdateKind = z.enum(["preview", "update", "refresh", "destroy", "import", "edit"]);
export type UpdateKind = z.infer<typeof UpdateKind>;
/** `expired`: whoever ran it was not heard of any more, and its journal was made into a state. */
export const UpdateStatus = z.enum(["requested", "running", "succeeded", "failed", "cancelled", "expired"]);
export type UpdateStatus = z.infer<typeof UpdateStatus>;

/** What the Pulumi CLI itself runs against the state backend. A bare CLI run has no deployment. */
export const Update = z
  .object({
    id: Id,
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    kind: UpdateKind,
    /** A preview, whatever its kind. */
    dryRun: z.boolean(),
    status: UpdateStatus,
    /** Pulumi's version of the stack; null for previews. */
    number: z.int().nullable(),
    deploymentId: Id.nullable(),
    principal: z.string(),
    message: z.string().nullable(),
    /** What the client says of itself (git.head, git.dirty, ci.build.url ...). Shown as claimed, trusted for nothing. */
    claimed: z.record(z.string(), z.string()),
    /** User-Agent of the CLI. */
    client: z.string().nullable(),
    /** Where the request came from, as the server saw it. */
    address: z.string().nullable(),
    /** A cancel was asked for; what was begun before may still be recorded for some seconds. */
    cancelling: z.boolean(),
    /** Why what it had recorded could not be made into a state. */
    failure: z.string().nullable(),
    changes: z.record(z.string(), z.int()),
    resourceCount: z.int().nullable(),
    /** Number of the state that it left; null when it left none. */
    state: z.int().nullable(),
    requestedAt: Instant,
    startedAt: Instant.nullable(),
    finishedAt: Instant.nullable(),
  })
  .meta({ id: "Update" });
export type Update = z.infer<typeof Update>;

/** Who has the right to write to a stack now, and until when. */
export const StackWriter = z
  .object({
    holder: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("attempt"), attemptId: Id, deploymentId: Id, number: z.int() }),
      z.object({ kind: z.literal("update"), updateId: Id, number: z.int().nullable() }),
    ]),
    principal: z.string(),
    /** Host that the client claims, or the worker's. */
    host: z.string().nullable(),
    since: Instant,
    expiresAt: Instant,
    /** By the database's clock: `expiresAt` has passed, and Slipway frees the stack by itself within seconds. */
    expired: z.boolean(),
    /** When the journal last grew; null before its first entry. */
    lastEntryAt: Instant.nullable(),
    /** The command that frees the stack. */
    release: z.string(),
  })
  .meta({ id: "StackWriter" });
export type StackWriter = z.infer<typeof StackWriter>;

/** One resource of a stack's state, without values. */
export const StateResource = z
  .object({
    urn: z.string(),
    type: z.string(),
    name: z.string(),
    /** The provider's id; null for components. */
    id: z.string().nullable(),
    parent: z.string().nullable(),
    provider: z.string().nullable(),
    protect: z.boolean(),
    external: z.boolean(),
    /** A predecessor that is still to be deleted. */
    pendingDeletion: z.boolean(),
  })
  .meta({ id: "StateResource" });
export type StateResource = z.infer<typeof StateResource>;

/** `writer` is null while nobody writes to the stack. */
export const StackWriterAnswer = z
  .object({ writer: StackWriter.nullable() })
  .meta({ id: "StackWriterAnswer" });

/** An operation that was begun and whose end nobody recorded: the resource may or may not be there. */
export const PendingOperation = z
  .object({ operation: z.string(), urn: z.string(), type: z.string(), name: z.string() })
  .meta({ id: "PendingOperation" });
export type PendingOperation = z.infer<typeof PendingOperation>;

/** The resources of a stack's current state, in the state's own order: a parent is before its children. */
export const StackResources = z
  .object({
    /** Number of the state that was read; null when the stack has none yet. */
    state: z.int().nullable(),
    items: z.array(StateResource),
    pendingOperations: z.array(PendingOperation),
  })
  .meta({ id: "StackResources" });
export type StackResources = z.infer<typeof StackResources>;

/** One state of a stack. The state itself is what `pulumi stack export` gives. */
export const StackState = z
  .object({
    /** Counts from 1 within the stack; the newest is the stack's state. */
    number: z.int(),
    /** Of its JSON text. */
    sizeBytes: z.int(),
    resourceCount: z.int(),
    /** The update ended before it was through: this is what it had recorded by then. */
    partial: z.boolean(),
    /** The update that left it; null for one that was imported. */
    update: z
      .object({ id: Id, number: z.int().nullable(), kind: UpdateKind, deploymentId: Id.nullable() })
      .nullable(),
    createdAt: Instant,
  })
  .meta({ id: "StackState" });
export type StackState = z.infer<typeof StackState>;

/** What was done to a stack: a deployment, or a run of the Pulumi CLI that belongs to none. */
export const HistoryEntry = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("deployment"), deployment: DeploymentSummary }),
    z.object({ kind: z.literal("update"), update: Update }),
  ])
  .meta({ id: "HistoryEntry" });
export type HistoryEntry = z.infer<typeof HistoryEntry>;

/** Numbers `from` to `to` never arrived: the CLI sends its events without waiting for them, and some were lost on the way. */
export const EventGap = z.object({ type: z.literal("gap"), from: z.int(), to: z.int() });
export type EventGap = z.infer<typeof EventGap>;

/**
 * What the CLI told of an update. `sequence` counts the CLI's events from 1 and is the SSE id; numbers that are left out say nothing to
 * people, those that are lost are told by a gap, which has the last number of its own.
 */
export const UpdateEvent = z
  .object({ sequence: z.int(), at: Instant, body: z.union([EventBody, EventGap]) })
  .meta({ id: "UpdateEvent" });
export type UpdateEvent = z.infer<typeof UpdateEvent>;

export const ENDED_UPDATE_STATUSES: readonly UpdateStatus[] = ["succeeded", "failed", "cancelled", "expired"];
