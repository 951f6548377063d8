import { z } from "zod";
import { Digest, Id, Instant, OrganisationName, ProjectName, StackPath } from "./identifiers.ts";

/** Of an organisation's packs and rules. */
export const OrganisationPath = z.strictObject({ organisation: OrganisationName });

export const PackName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,99}$/, "a pack's name must be 1 to 100 of a-z, 0-9, '.', '_' and '-'");
export const PackVersion = z
  .string()
  .regex(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,99}$/, "a pack's version must look like 1.2.3");

/** One published version of a pack. It is never replaced. */
export const PolicyPack = z
  .object({
    id: Id,
    organisation: OrganisationName,
    name: z.string(),
    version: z.string(),
    description: z.string(),
    digest: Digest,
    sizeBytes: z.int(),
    publishedAt: Instant,
    publishedBy: z.string(),
  })
  .meta({ id: "PolicyPack" });
export type PolicyPack = z.infer<typeof PolicyPack>;

/** Most bytes of a pack's files. */
export const MOST_PACK_BYTES = 8 * 1024 * 1024;
/** Base64 is a third longer than what it stands for, and names come on top. */
const PACK_BODY_BYTES = 12 * 1024 * 1024;
/** Most files of a pack, without what its lockfile installs. */
export const MOST_PACK_FILES = 500;
/** A folder's files as they are sent: content in base64. */
export const PublishPack = z.strictObject({
  name: PackName,
  version: PackVersion,
  description: z.string().max(1000).default(""),
  files: z
    .array(
      z.strictObject({
        path: z.string().min(1).max(500),
        content: z.base64(),
        executable: z.boolean().default(false),
      }),
    )
    .min(1)
    .max(MOST_PACK_FILES),
});
export type PublishPack = z.infer<typeof PublishPack>;

/** `pack`: as each policy says itself. A violation of a mandatory policy stops a deployment before anything is touched. */
export const PolicyLevel = z.enum(["pack", "mandatory", "advisory"]);
export type PolicyLevel = z.infer<typeof PolicyLevel>;

const Glob = z.string().trim().min(1).max(300);
/** Tags that resources of a type must have, by glob of the type: `{"aws:*": ["owner"]}`. */
export const RequiredTags = z.strictObject({
  types: z
    .record(Glob, z.array(z.string().trim().min(1).max(200)).min(1).max(50))
    .refine((types) => Object.keys(types).length > 0, "name at least one type"),
  /** The property that holds the tags. */
  property: z.string().trim().min(1).max(200).default("tags"),
});
export type RequiredTags = z.infer<typeof RequiredTags>;
/** Types, by glob, of which nothing is deleted or replaced. */
export const ProtectedTypes = z.strictObject({ types: z.array(Glob).min(1).max(200) });
export type ProtectedTypes = z.infer<typeof ProtectedTypes>;
/** The config of a pack's policies, as --policy-pack-config has it: by name of the policy; `all` is for each. */
export const PackConfig = z.record(z.string().min(1).max(200), z.unknown());

const scope = {
  /** Only the stacks of this project; with `tag` those of it that have the tag. */
  project: ProjectName.optional(),
  /** Only stacks with this tag. */
  tag: z.strictObject({ name: z.string().trim().min(1).max(100), value: z.string().max(1000) }).optional(),
  /** Whether those who have the right may pass over a violation, with a reason, once. */
  overridable: z.boolean().default(false),
  /** Whether it stops an automatic rollback also to a release that is older than the rule. `protected-types` always does. */
  holdsForRollbacks: z.boolean().default(false),
};
export const EnablePolicy = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pack"),
    ...scope,
    pack: PackName,
    version: PackVersion,
    level: PolicyLevel.default("pack"),
    config: PackConfig.default({}),
  }),
  z.strictObject({
    kind: z.literal("required-tags"),
    ...scope,
    level: z.enum(["mandatory", "advisory"]).default("mandatory"),
    config: RequiredTags,
  }),
  z.strictObject({
    kind: z.literal("protected-types"),
    ...scope,
    level: z.enum(["mandatory", "advisory"]).default("mandatory"),
    config: ProtectedTypes,
  }),
]);
export type EnablePolicy = z.infer<typeof EnablePolicy>;

/** What stacks of an organisation must satisfy. A change is a new rule; the one before stays in the audit log. */
export const PolicyRule = z
  .object({
    id: Id,
    organisation: OrganisationName,
    project: ProjectName.nullable(),
    tag: z.object({ name: z.string(), value: z.string() }).nullable(),
    kind: z.enum(["pack", "required-tags", "protected-types"]),
    pack: z.object({ name: z.string(), version: z.string(), digest: Digest }).nullable(),
    level: PolicyLevel,
    overridable: z.boolean(),
    holdsForRollbacks: z.boolean(),
    config: z.record(z.string(), z.unknown()),
    enabledAt: Instant,
    enabledBy: z.string(),
  })
  .meta({ id: "PolicyRule" });
export type PolicyRule = z.infer<typeof PolicyRule>;

/** All rules that count; `version` moves with each change, `digest` is the same exactly while the rules are. */
export const PolicySet = z
  .object({ version: z.int(), digest: Digest, rules: z.array(PolicyRule) })
  .meta({ id: "PolicySet" });
export type PolicySet = z.infer<typeof PolicySet>;
export const OrganisationPolicies = z
  .object({ version: z.int(), packs: z.array(PolicyPack), rules: z.array(PolicyRule) })
  .meta({ id: "OrganisationPolicies" });

/** One thing that a policy said of a deployment. */
export const PolicyResult = z
  .object({
    attempt: z.int(),
    /** preview or update: while which of them it was said; policy: a built-in one. */
    step: z.string(),
    pack: z.string(),
    version: z.string().nullable(),
    policy: z.string(),
    level: z.enum(["mandatory", "advisory", "remediate"]),
    /** remediated: the policy has changed what the program asked for. reported: the rule is newer than the release that an automatic rollback goes back to, and stops nothing. */
    outcome: z.enum(["violated", "overridden", "remediated", "reported"]),
    /** Null: it is about the stack as a whole. */
    urn: z.string().nullable(),
    message: z.string(),
  })
  .meta({ id: "PolicyResult" });
export type PolicyResult = z.infer<typeof PolicyResult>;
/** What a policy says of a resource, before anybody has judged it. */
export type PolicyFinding = Omit<PolicyResult, "attempt" | "step" | "outcome">;

export const PolicyOverride = z
  .object({
    id: Id,
    deploymentId: Id,
    seal: Digest,
    reason: z.string(),
    overriddenBy: z.string(),
    overriddenAt: Instant,
    expiresAt: Instant,
    /** The one deployment that it let through; null: none yet. */
    usedBy: Id.nullable(),
  })
  .meta({ id: "PolicyOverride" });
export type PolicyOverride = z.infer<typeof PolicyOverride>;

/** What policies said of a deployment. */
export const DeploymentPolicies = z
  .object({
    /** Null: no attempt has come so far. */
    checked: z
      .object({
        attempt: z.int(),
        setVersion: z.int(),
        setDigest: Digest,
        /** Packs that ran, those of the project among them. */
        packs: z.array(z.object({ name: z.string(), version: z.string(), digest: z.string().nullable() })),
        /** What an override of this deployment would be bound to. */
        seal: Digest,
        stopped: z.boolean(),
        checkedAt: Instant,
      })
      .nullable(),
    mandatory: z.int(),
    advisory: z.int(),
    remediated: z.int(),
    overridden: z.int(),
    reported: z.int(),
    items: z.array(PolicyResult),
    /** Of this deployment's violations, for one like it. */
    override: PolicyOverride.nullable(),
    /** The override that let this deployment through. */
    letThroughBy: PolicyOverride.nullable(),
    /** Whether its violations can be passed over, by somebody who may. */
    overridable: z.boolean(),
  })
  .meta({ id: "DeploymentPolicies" });
export type DeploymentPolicies = z.infer<typeof DeploymentPolicies>;

export const OverridePolicies = z.strictObject({
  /** Of what is passed over: what the person has seen. */
  seal: Digest,
  reason: z.string().trim().min(10, "say why, in 10 characters or more").max(2000),
});
export type OverridePolicies = z.infer<typeof OverridePolicies>;

export const PolicyOverrider = z
  .object({ principal: z.string(), grantedAt: Instant, grantedBy: z.string() })
  .meta({ id: "PolicyOverrider" });
export type PolicyOverrider = z.infer<typeof PolicyOverrider>;
const OverriderPath = OrganisationPath.extend({
  /** A person; a service account cannot answer for anything. */
  user: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/, "must be the name of a person"),
});

const POLICIES = "/v1/organisations/:organisation/policies";

/** The rows of policies in the table of endpoints. */
export const policyEndpoints = {
  listPolicies: {
    method: "GET",
    path: POLICIES,
    summary: "The policy packs of an organisation, and the rules that its stacks must satisfy",
    permission: "organisation.read",
    params: OrganisationPath,
    success: { status: 200, body: OrganisationPolicies },
  },
  publishPack: {
    method: "POST",
    path: "/v1/organisations/:organisation/policy-packs",
    summary: "Publish a version of a policy pack; it runs nowhere until it is enabled",
    permission: "policy.manage",
    params: OrganisationPath,
    body: PublishPack,
    bodyLimitBytes: PACK_BODY_BYTES,
    success: { status: 201, body: PolicyPack },
  },
  enablePolicy: {
    method: "POST",
    path: POLICIES,
    summary: "Let stacks have to satisfy a pack or a built-in policy",
    permission: "policy.manage",
    params: OrganisationPath,
    body: EnablePolicy,
    success: { status: 201, body: PolicyRule },
  },
  disablePolicy: {
    method: "DELETE",
    path: `${POLICIES}/:rule`,
    summary: "End a rule",
    permission: "policy.manage",
    params: OrganisationPath.extend({ rule: Id }),
    success: { status: 204, body: null },
  },
  listOverriders: {
    method: "GET",
    path: "/v1/organisations/:organisation/policy-overriders",
    summary: "Who may pass over a violation of a policy",
    permission: "organisation.read",
    params: OrganisationPath,
    success: { status: 200, body: z.object({ items: z.array(PolicyOverrider) }) },
  },
  grantOverride: {
    method: "PUT",
    path: "/v1/organisations/:organisation/policy-overriders/:user",
    summary: "Give a person the right to pass over violations; no role brings it",
    permission: "policy.manage",
    params: OverriderPath,
    success: { status: 200, body: PolicyOverrider },
  },
  withdrawOverride: {
    method: "DELETE",
    path: "/v1/organisations/:organisation/policy-overriders/:user",
    summary: "Take the right to pass over violations from a person",
    permission: "policy.manage",
    params: OverriderPath,
    success: { status: 204, body: null },
  },
  getStackPolicies: {
    method: "GET",
    path: "/v1/stacks/:organisation/:project/:stack/policies",
    summary: "The rules that a stack must satisfy",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: PolicySet },
  },
  getDeploymentPolicies: {
    method: "GET",
    path: "/v1/deployments/:id/policies",
    summary: "What policies said of a deployment",
    permission: "stack.read",
    about: "deployment",
    params: z.strictObject({ id: Id }),
    success: { status: 200, body: DeploymentPolicies },
  },
  overridePolicies: {
    method: "POST",
    path: "/v1/deployments/:id/policy-override",
    summary: "Answer for the violations that stopped a deployment: one like it, unchanged, may pass once",
    permission: "policy.override",
    about: "deployment",
    params: z.strictObject({ id: Id }),
    body: OverridePolicies,
    success: { status: 201, body: PolicyOverride },
  },
} as const;
