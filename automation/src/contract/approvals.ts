import { z } from "zod";
import { Digest, Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";
import { ChecklistItem } from "./readiness.ts";

/** How much a change can cost, from nothing to what cannot be undone; in this order. */
export const RiskTier = z.enum(["none", "low", "medium", "high", "highest"]);
export type RiskTier = z.infer<typeof RiskTier>;

/** What a preview means for whoever has to decide about it. */
export const Risk = z.object({
  tier: RiskTier,
  /** Why it is this tier, worst first. */
  reasons: z.array(z.string()),
  /** Steps by the engine's own word; without those that change nothing. */
  counts: z.record(z.string(), z.int()),
});
export type Risk = z.infer<typeof Risk>;

const Name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "a name must be 1 to 63 lower-case letters, digits or '-'");
export const GroupName = Name;
export const RuleName = Name;

/** A person in a group: the name of a member of the organisation, or `owner` for the owner of the installation. */
export const PersonName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/,
    "a person is named by 1 to 100 letters, digits, '.', '_' or '-'",
  );

/** People of an organisation who decide together. */
export const Group = z
  .object({
    organisation: OrganisationName,
    name: GroupName,
    members: z.array(
      z.object({
        /** As audit entries name it. */
        principal: z.string(),
        name: z.string(),
        addedAt: Instant,
        addedBy: z.string(),
        /** False: no member of the organisation any more, so that the person counts nowhere. */
        counts: z.boolean(),
      }),
    ),
    createdAt: Instant,
    createdBy: z.string(),
  })
  .meta({ id: "Group" });
export type Group = z.infer<typeof Group>;

/** Operations that change a stack's resources or its state, and that rules can ask votes for. */
export const GuardedOperation = z.enum(["update", "refresh", "destroy", "rollback", "remediate-drift"]);
export type GuardedOperation = z.infer<typeof GuardedOperation>;

/** What an automatic rule votes for. `adds-only`: nothing but creates. `in-place-only`: nothing but creates and changes in place. Never for a step that nobody here knows, nor without a preview. */
export const AutomaticVote = z.enum(["adds-only", "in-place-only"]);
export type AutomaticVote = z.infer<typeof AutomaticVote>;

/** One requirement: for the changes that it matches, so many votes of people in one of its groups. */
export const ApprovalRule = z.strictObject({
  name: RuleName,
  /** Null: all. */
  operations: z.array(GuardedOperation).min(1).nullable().default(null),
  /** Changes of this tier and above. */
  minRisk: RiskTier.exclude(["none"]).default("low"),
  /** Only changes to a resource whose type matches one of these globs; null: all. */
  resourceTypes: z.array(z.string().min(1).max(300)).min(1).max(100).nullable().default(null),
  need: z.int().min(1).max(20),
  /** Groups; empty: whoever may deploy in the organisation. */
  from: z.array(GroupName).max(20).default([]),
  /** Casts one of the votes by itself. */
  automatic: AutomaticVote.nullable().default(null),
  /** Votes and preview lapse after so many hours; a destroy's after one at most. */
  expiresInHours: z.int().min(1).max(168).default(24),
});
export type ApprovalRule = z.infer<typeof ApprovalRule>;

/** What a stack asks for, as a whole. */
export const StackRules = z.strictObject({
  /** Every one that matches a change must be met. */
  rules: z.array(ApprovalRule).max(20),
  /** Globs of resource types that hold data, besides the known ones. */
  statefulTypes: z.array(z.string().min(1).max(300)).max(200).default([]),
  /** Groups whose people may pass the votes by in an emergency. */
  emergency: z.array(GroupName).max(20).default([]),
});
export type StackRules = z.infer<typeof StackRules>;

export const SetStackRules = StackRules.extend({
  /** The version that the change was made from: another one in the meantime is a conflict. */
  basedOn: z.int().min(0).optional(),
});

/** The rules in force. */
export const StackRulesVersion = StackRules.extend({
  /** 0: nobody has set any. */
  version: z.int(),
  /** Whether the stack has the tag `environment: production`: then a change that no rule matches asks for one vote of somebody who has no part in it. */
  production: z.boolean(),
  /** `preview-only`: a run of the Pulumi CLI may look and change nothing. */
  cliUpdates: z.enum(["allowed", "preview-only"]),
  setAt: Instant.nullable(),
  setBy: z.string().nullable(),
}).meta({ id: "StackRules" });
export type StackRulesVersion = z.infer<typeof StackRulesVersion>;

/** A sign-in of a person. It lasts some hours, whatever is done with it. */
export const SignIn = z
  .object({ id: Id, principal: z.string(), createdAt: Instant, expiresAt: Instant })
  .meta({ id: "SignIn" });
export type SignIn = z.infer<typeof SignIn>;
/** The only answer that holds the value. */
export const NewSignIn = SignIn.extend({ value: z.string() }).meta({ id: "NewSignIn" });

/** `open`: votes or a sign-off are missing. `approved`: enough, and a worker is to begin. `begun`: the change is under way or done. */
export const ApprovalState = z.enum([
  "open",
  "approved",
  "begun",
  "rejected",
  "expired",
  "stale",
  "cancelled",
]);
export type ApprovalState = z.infer<typeof ApprovalState>;

export const Verdict = z.enum(["approve", "reject"]);
export type Verdict = z.infer<typeof Verdict>;

export const CastVote = z.strictObject({
  verdict: Verdict,
  /** Of what the voter saw: `seal` of the approval. */
  seal: z.string().min(1).max(200),
  /** Needed for a rejection, and for a destroy. */
  comment: z.string().trim().max(2000).optional(),
});
export type CastVote = z.infer<typeof CastVote>;

/** One requirement that matches a change, with how far it is met. */
export const RuleProgress = z.object({
  name: z.string(),
  need: z.int(),
  /** Whose votes count for it now. */
  by: z.array(z.string()),
  missing: z.int(),
  from: z.array(z.string()),
  /** Who may still vote for it: members without a part in the change, who have not. */
  mayVote: z.array(z.string()),
  /** Of a rule that votes by itself: whether it did, and why. */
  automatic: z.object({ kind: AutomaticVote, votes: z.boolean(), reason: z.string() }).nullable(),
});
export type RuleProgress = z.infer<typeof RuleProgress>;

/** The latest word of one person, or of an automatic rule. */
export const ShownVote = z.object({
  principal: z.string(),
  verdict: Verdict,
  comment: z.string().nullable(),
  castAt: Instant,
  /** Whether it counts now; else why not. */
  counts: z.boolean(),
  why: z.string().nullable(),
});

/** The sign-off that a deployment has to have before it begins, beside the votes. */
export const AwaitedSignOff = z.object({
  /** What is to be signed off: exactly what the deployment brings, another stack's release or a source. */
  brings: z.discriminatedUnion("kind", [
    z.object({
      kind: z.literal("release"),
      stack: StackName,
      release: z.int(),
      sourceDigest: Digest,
    }),
    z.object({ kind: z.literal("source"), sourceDigest: Digest }),
  ]),
  isMissing: z.boolean(),
  /** Sign-offs in force; `why`: why one does not count, null when it does. */
  signOffs: z.array(z.object({ principal: z.string(), why: z.string().nullable() })),
  /** While it is missing, what is open or has failed on the checklist: nobody signs off before that is settled. */
  open: z.array(ChecklistItem),
  /** Who may give it: people who may deploy and have no part in the change. */
  mayGive: z.array(z.string()),
  /** The command that gives it. */
  command: z.string(),
});
export type AwaitedSignOff = z.infer<typeof AwaitedSignOff>;

/** That somebody passes the votes of a deployment by. */
export const Emergency = z
  .object({
    deploymentId: Id,
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    principal: z.string(),
    reason: z.string(),
    incident: z.string(),
    requestedAt: Instant,
    reviewDueAt: Instant,
    reviewedAt: Instant.nullable(),
    reviewedBy: z.string().nullable(),
    review: z.string().nullable(),
    /** Not reviewed in time: the person's next use is refused. */
    overdue: z.boolean(),
  })
  .meta({ id: "Emergency" });
export type Emergency = z.infer<typeof Emergency>;

export const RequestEmergency = z.strictObject({
  reason: z.string().trim().min(20, "say in at least 20 characters why nobody can be waited for").max(2000),
  /** Of the incident. */
  incident: z.url({ protocol: /^https?$/, error: "must be a link to the incident" }).max(2000),
});
export type RequestEmergency = z.infer<typeof RequestEmergency>;

export const ReviewEmergency = z.strictObject({
  comment: z.string().trim().min(1, "say what the review came to").max(2000),
});

/** A deployment that has to be approved. */
export const ApprovalSummary = z
  .object({
    deploymentId: Id,
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    number: z.int(),
    operation: z.string(),
    message: z.string().nullable(),
    requestedBy: z.string(),
    state: ApprovalState,
    /** Digest of all that a vote is for. */
    seal: z.string(),
    risk: Risk,
    requestedAt: Instant,
    expiresAt: Instant,
    decidedAt: Instant.nullable(),
    /** How many votes are missing, of all rules. */
    missing: z.int(),
    /** Whether it waits for a sign-off of what it brings. */
    signOffMissing: z.boolean(),
    /** Whether the caller may vote or sign off now; of who may do neither, why not. */
    me: z.object({ mayVote: z.boolean(), maySignOff: z.boolean(), why: z.string().nullable() }),
  })
  .meta({ id: "ApprovalSummary" });
export type ApprovalSummary = z.infer<typeof ApprovalSummary>;

export const Approval = ApprovalSummary.extend({
  rules: z.array(RuleProgress),
  rulesVersion: z.int(),
  /** Null: it needs none. */
  signOff: AwaitedSignOff.nullable(),
  /** Everybody with a part in the change, who may not vote, and which part. */
  requesters: z.array(z.object({ principal: z.string(), why: z.string() })),
  votes: z.array(ShownVote),
  /** Why it is stale, rejected or expired. */
  ending: z.string().nullable(),
}).meta({ id: "Approval" });
export type Approval = z.infer<typeof Approval>;
