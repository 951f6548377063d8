import { z } from "zod";
import { Digest, Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";
import { FailedRollback } from "./verification.ts";

export const Tags = z.record(z.string().min(1).max(100), z.string().max(1000));

export const Stack = z
  .object({
    id: Id,
    organisation: OrganisationName,
    project: ProjectName,
    name: StackName,
    tags: Tags,
    createdAt: Instant,
    /** The newest release whose update completed, and the newest good one. */
    currentRelease: z.int().nullable(),
    lastGoodRelease: z.int().nullable(),
    /** Id and status of the newest deployment. */
    lastDeployment: z
      .object({ id: Id, operation: z.string(), status: z.string(), requestedAt: Instant })
      .nullable(),
    /** The newest run of the Pulumi CLI that belongs to no deployment and is no preview. */
    lastUpdate: z
      .object({
        id: Id,
        number: z.int().nullable(),
        kind: z.string(),
        status: z.string(),
        requestedAt: Instant,
      })
      .nullable(),
    resourceCount: z.int().nullable(),
    /** The newest source that was deployed here and does not run, because it was rolled back; null: what runs is the newest. */
    sourceAhead: z
      .object({
        deploymentId: Id,
        commit: z.string().nullable(),
        sourceDigest: Digest,
        runsRelease: z.int(),
        /** organisation/project/stack of those of the organisation whose programs last read the outputs while it ran. They are not rolled back. */
        readBy: z.array(z.string()),
      })
      .nullable(),
    /** A rollback that failed and that nobody has put right: the stack takes only previews, refreshes, and deployments that name it. */
    failedRollback: FailedRollback.nullable(),
  })
  .meta({ id: "Stack" });
export type Stack = z.infer<typeof Stack>;

export const CreateStack = z.strictObject({
  organisation: OrganisationName.default("default"),
  project: ProjectName,
  name: StackName,
  tags: Tags.default({}),
});
export type CreateStack = z.infer<typeof CreateStack>;

export const ReplaceTags = z.strictObject({ tags: Tags });

/** Pulumi config key, `namespace:name`; a bare name gets the project's namespace. */
export const ConfigKey = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}(:[A-Za-z0-9_][A-Za-z0-9._-]{0,99})?$/);
/** A secret's value never comes back: `value` is null. */
export const ConfigValue = z
  .object({
    key: z.string(),
    secret: z.boolean(),
    value: z.string().nullable(),
    updatedAt: Instant,
    updatedBy: z.string(),
  })
  .meta({ id: "ConfigValue" });
export type ConfigValue = z.infer<typeof ConfigValue>;
export const SetConfig = z.strictObject({
  value: z.string().max(65_536),
  secret: z.boolean().default(false),
});
export type SetConfig = z.infer<typeof SetConfig>;

/** Outputs of the current state, whoever left it. Secret outputs are `{secret: true}`. `release` is the newest one, `state` the state's number. */
export const StackOutputs = z
  .object({
    release: z.int().nullable(),
    state: z.int().nullable(),
    outputs: z.record(z.string(), z.unknown()),
  })
  .meta({ id: "StackOutputs" });
export type StackOutputs = z.infer<typeof StackOutputs>;
