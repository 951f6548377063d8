import { z } from "zod";
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
