import { z } from "zod";
import { Id, Instant, OrganisationName, ProjectName, StackName, StackPath } from "./identifiers.ts";

export const Role = z.enum(["viewer", "deployer", "admin"]);
export type Role = z.infer<typeof Role>;

/**
 * What somebody wants to do. `stack.see` is to know that a stack is there; `stack.preview` takes no lock and changes nothing; `stack.update` is a bare update of the Pulumi CLI or an
 * edit of the state; `stack.protect` sets what its deployments must pass. `installation.*` is about no organisation: figures of all, organisations and people themselves.
 */
export const Verb = z.enum([
  "installation.read",
  "installation.manage",
  "organisation.read",
  "organisation.manage",
  "project.create",
  "project.remove",
  "project.pause",
  "project.limit",
  "project.configure",
  "stack.see",
  "stack.read",
  "stack.export",
  "stack.preview",
  "stack.update",
  "stack.deploy",
  "stack.cancel",
  "stack.pause",
  "stack.create",
  "stack.configure",
  "stack.protect",
  "stack.remove",
  "stack.decrypt",
  "policy.manage",
  "policy.override",
  "freeze.manage",
  "audit.read",
]);
export type Verb = z.infer<typeof Verb>;

/** An organisation with the caller's role in it; the owner of the installation is admin of all. */
export const Organisation = z
  .object({ name: OrganisationName, createdAt: Instant, role: Role.nullable() })
  .meta({ id: "Organisation" });
export type Organisation = z.infer<typeof Organisation>;
export const CreateOrganisation = z.strictObject({ name: OrganisationName });

/** A person or a service account with a role in an organisation. */
export const Member = z
  .object({
    /** As audit entries name it. */
    principal: z.string(),
    kind: z.enum(["user", "service"]),
    name: z.string(),
    role: Role,
    grantedAt: Instant,
    grantedBy: z.string(),
  })
  .meta({ id: "Member" });
export type Member = z.infer<typeof Member>;
export const UserName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/, "a name must be 1 to 100 letters, digits, '.', '_' or '-'");
/** `alice` is a person, `service:ci` a service account of the organisation. */
export const MemberName = z
  .string()
  .regex(
    /^(?:service:)?[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/,
    "a member is the name of a person, or service:<name> of a service account",
  );
export const SetMember = z.strictObject({ role: Role });

/** A token without its value, which nobody can read again. */
export const AccessToken = z
  .object({
    id: Id,
    principal: z.string(),
    kind: z.enum(["owner", "user", "service"]),
    /** Null: the owner's token in the data folder. */
    name: z.string().nullable(),
    createdAt: Instant,
    /** Null: never. */
    expiresAt: Instant.nullable(),
    revokedAt: Instant.nullable(),
  })
  .meta({ id: "AccessToken" });
export type AccessToken = z.infer<typeof AccessToken>;
/** The only answer that holds the value. */
export const NewAccessToken = AccessToken.extend({ value: z.string() }).meta({ id: "NewAccessToken" });
export type NewAccessToken = z.infer<typeof NewAccessToken>;
/** The longest life of a token, and the usual one. */
export const LONGEST_TOKEN_DAYS = 366;
export const USUAL_TOKEN_DAYS = 90;
export const CreateAccessToken = z.strictObject({
  /** What it is for, so that its owner knows it again: the machine, the pipeline. */
  name: z.string().trim().min(1).max(100),
  /** `user:<name>` or `service:<organisation>/<name>`; the caller's own when left out. */
  principal: z
    .string()
    .max(250)
    .regex(/^(?:user:[^/:]+|service:[^/:]+\/[^/:]+)$/, "must be user:<name> or service:<organisation>/<name>")
    .optional(),
  expiresInDays: z.int().min(1).max(LONGEST_TOKEN_DAYS).default(USUAL_TOKEN_DAYS),
});
export type CreateAccessToken = z.infer<typeof CreateAccessToken>;

/** A stack whose program may read another one's outputs. */
export const OutputReader = z
  .object({
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    grantedAt: Instant,
    grantedBy: z.string(),
  })
  .meta({ id: "OutputReader" });
export type OutputReader = z.infer<typeof OutputReader>;
/** That somebody's program did read them. */
export const OutputRead = z
  .object({
    /** The stack whose program it was; null when that is not known, or not to be known by the caller. */
    reader: StackPath.nullable(),
    principal: z.string(),
    firstAt: Instant,
    lastAt: Instant,
    times: z.int(),
  })
  .meta({ id: "OutputRead" });
export type OutputRead = z.infer<typeof OutputRead>;
export const OutputReaders = z.object({ allowed: z.array(OutputReader), reads: z.array(OutputRead) });

/** Who a token belongs to. `attempt`: the engine of one attempt, which acts on one stack while the attempt holds it. */
export const Principal = z
  .object({
    id: z.string(),
    kind: z.enum(["owner", "user", "service", "worker", "attempt", "system"]),
    name: z.string(),
  })
  .meta({ id: "Principal" });
export type Principal = z.infer<typeof Principal>;
