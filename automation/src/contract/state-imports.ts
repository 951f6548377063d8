import { z } from "zod";
import { Digest, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";

const Count = z.int().min(0);
/** Most stacks in one question. */
const PLAN_LIMIT = 500;

/** A stack of another backend. `digest` is that of all that is to be imported of it: the same source has the same digest. */
export const PlanStateImport = z.strictObject({
  organisation: OrganisationName,
  stacks: z.array(z.strictObject({ project: ProjectName, stack: StackName, digest: Digest })).max(PLAN_LIMIT),
});
export type PlanStateImport = z.infer<typeof PlanStateImport>;

/** `new`: can be imported. `imported`: it was, from the same source. `changed`: it was, but the source has changed since. `occupied`: another stack has the name. */
export const ImportStanding = z.enum(["new", "imported", "changed", "occupied", "forbidden"]);
export type ImportStanding = z.infer<typeof ImportStanding>;

export const StateImportPlan = z
  .object({
    items: z.array(z.object({ project: ProjectName, stack: StackName, standing: ImportStanding })),
  })
  .meta({ id: "StateImportPlan" });
export type StateImportPlan = z.infer<typeof StateImportPlan>;

/** First line of an import. */
export const ImportStackLine = z.strictObject({
  type: z.literal("stack"),
  organisation: OrganisationName,
  project: ProjectName,
  stack: StackName,
  /** Where it comes from, without credentials. */
  source: z.string().max(2_000),
  tags: z.record(z.string().min(1).max(200), z.string().max(2_000)),
});
export type ImportStackLine = z.infer<typeof ImportStackLine>;

/** A config value as Pulumi's service API has it; a secret one is still sealed by the stack's own secrets provider. */
export const ImportedConfigValue = z.strictObject({
  string: z.string(),
  secret: z.boolean(),
  object: z.boolean(),
});

/** One update of the past, oldest first. What it says of itself is claimed by the source. */
export const ImportUpdateLine = z.strictObject({
  type: z.literal("update"),
  kind: z.enum(["preview", "update", "refresh", "destroy", "import", "edit"]),
  succeeded: z.boolean(),
  startedAt: Instant,
  finishedAt: Instant,
  message: z.string().nullable(),
  environment: z.record(z.string(), z.string()),
  config: z.record(z.string(), ImportedConfigValue),
  changes: z.record(z.string(), Count),
  /** Text of the checkpoint file that it left, when the source kept it. */
  checkpoint: z.string().nullable(),
});
export type ImportUpdateLine = z.infer<typeof ImportUpdateLine>;

/** Last line: the text of the stack's own checkpoint file. */
export const ImportStateLine = z.strictObject({ type: z.literal("state"), checkpoint: z.string() });
export type ImportStateLine = z.infer<typeof ImportStateLine>;

/** A line of the body of an import, which is application/x-ndjson: a stack, its updates, its state. */
export const ImportLine = z.discriminatedUnion("type", [ImportStackLine, ImportUpdateLine, ImportStateLine]);
export type ImportLine = z.infer<typeof ImportLine>;

/** SHA-256 of all lines after the first, each with its line break. */
export const ImportQuery = z.strictObject({ digest: Digest });

/** What an import did. `imported: false`: the same was imported before, and nothing was changed. */
export const StateImport = z
  .object({
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    imported: z.boolean(),
    /** Updates of the past that were taken over. */
    updates: Count,
    states: Count,
    resources: Count,
    secretsProvider: z.string().nullable(),
  })
  .meta({ id: "StateImport" });
export type StateImport = z.infer<typeof StateImport>;
/** Media type of an import's body. */
export const IMPORT_MEDIA_TYPE = "application/x-ndjson";
export const IMPORT_PATH = "/v1/state-imports";
