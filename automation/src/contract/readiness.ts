import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { Digest, Id, Instant, StackName, StackPath } from "./identifiers.ts";

/** Items of the checklist that Slipway answers from what is recorded. */
export const AutomaticItem = z.enum([
  /** The candidate is good, and not quarantined, on the stack that it comes from. */
  "good-before",
  /** The gates after its update there have passed, the validation among them where the target is AWS. */
  "verified-before",
  /** Every slot of the stack has a secret that was put through Slipway. */
  "secrets",
  /** The validation of what runs has found the data stores and their backups in order. */
  "backups",
  /** The validation of what runs has found the alarms in order. */
  "alarms",
  /** No drift is open on the stack. */
  "drift",
  /** There is a good release to go back to. */
  "way-back",
]);
export type AutomaticItem = z.infer<typeof AutomaticItem>;

const ItemName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "a name must be 1 to 63 lower-case letters, digits or '-'");
/** An item that people tick. */
export const ManualItem = z.strictObject({ name: ItemName, title: z.string().trim().min(1).max(200) });
export type ManualItem = z.infer<typeof ManualItem>;

/** `open`: nobody knows or nobody has done it yet. `failed`: it is known not to be so. */
export const ItemState = z.enum(["ok", "open", "failed", "not-applicable"]);
export type ItemState = z.infer<typeof ItemState>;

export const ChecklistItem = z.object({
  name: z.string(),
  title: z.string(),
  kind: z.enum(["automatic", "manual"]),
  state: ItemState,
  /** Why, in one sentence. */
  detail: z.string(),
  /** Who ticked it, or took that back. */
  by: z.string().nullable(),
  at: Instant.nullable(),
});
export type ChecklistItem = z.infer<typeof ChecklistItem>;

/** What a stack is to take: another stack's release, or a source that no other stack has run. */
export const Candidate = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("release"),
    stack: StackName,
    release: z.int(),
    sourceDigest: Digest,
    artifactsDigest: Digest,
  }),
  z.object({ kind: z.literal("source"), sourceDigest: Digest }),
]);
export type Candidate = z.infer<typeof Candidate>;

/** A person's word that a stack may take a candidate. */
export const SignOff = z
  .object({
    id: Id,
    by: z.string(),
    at: Instant,
    comment: z.string(),
    withdrawnAt: Instant.nullable(),
    withdrawnBy: z.string().nullable(),
  })
  .meta({ id: "SignOff" });
export type SignOff = z.infer<typeof SignOff>;

/** What a stack asks for before it takes something new. */
export const ReadinessSettings = z.object({
  /** Whether an update waits for a sign-off of what it brings. */
  required: z.boolean(),
  manual: z.array(ManualItem),
  without: z.array(AutomaticItem),
});
export type ReadinessSettings = z.infer<typeof ReadinessSettings>;

/** What is left out stays. */
export const SetReadinessSettings = z.strictObject({
  required: z.boolean().optional(),
  manual: z.array(ManualItem).max(50).optional(),
  without: z.array(AutomaticItem).max(AutomaticItem.options.length).optional(),
});
export type SetReadinessSettings = z.infer<typeof SetReadinessSettings>;

/** How far a stack is ready for a candidate. */
export const Readiness = z
  .object({
    settings: ReadinessSettings,
    /** Null: nothing is there to take. */
    candidate: Candidate.nullable(),
    checklist: z.array(ChecklistItem),
    signOffs: z.array(SignOff),
    /** Whether somebody who still may has signed the candidate off; it counts for what they have no part in. */
    isSignedOff: z.boolean(),
  })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof Readiness>;

const chosen = {
  /** The stack whose release it is; left out: the one before it in the project's order. */
  from: StackName.optional(),
  /** Left out: the newest. */
  release: z.coerce.number().int().min(1).optional(),
  /** In place of a release: a source, as a preview of the stack names it. */
  source: Digest.optional(),
};
/** Which candidate is meant. */
export const ChooseCandidate = z.strictObject(chosen);
export type ChooseCandidate = z.infer<typeof ChooseCandidate>;
export const TickItem = z.strictObject({
  ...chosen,
  item: ItemName,
  done: z.boolean().default(true),
  note: z.string().trim().max(1000).optional(),
});
export type TickItem = z.infer<typeof TickItem>;
export const GiveSignOff = z.strictObject({
  ...chosen,
  comment: z.string().trim().min(1, "say what was looked at").max(2000),
});
export type GiveSignOff = z.infer<typeof GiveSignOff>;

const READINESS = "/v1/stacks/:organisation/:project/:stack/readiness";

/** The rows of readiness in the table of endpoints. */
export const readinessEndpoints = {
  getReadiness: {
    method: "GET",
    path: READINESS,
    summary: "The checklist of a stack for what it is to take next, and who signed that off",
    permission: "stack.read",
    params: StackPath,
    query: ChooseCandidate,
    success: { status: 200, body: Readiness },
  },
  setReadinessSettings: {
    method: "PUT",
    path: `${READINESS}/settings`,
    summary: "Set whether a stack only takes what was signed off, and its checklist; what is left out stays",
    permission: "stack.protect",
    params: StackPath,
    body: SetReadinessSettings,
    success: { status: 200, body: ReadinessSettings },
  },
  tickReadiness: {
    method: "POST",
    path: `${READINESS}/ticks`,
    summary: "Say that an item of the checklist is done, or take that back",
    permission: "stack.deploy",
    params: StackPath,
    body: TickItem,
    success: { status: 200, body: Readiness },
  },
  signOff: {
    method: "POST",
    path: `${READINESS}/sign-offs`,
    summary: "Sign off what a stack is to take, once its checklist has nothing open",
    permission: "stack.deploy",
    params: StackPath,
    body: GiveSignOff,
    success: { status: 201, body: Readiness },
  },
  withdrawSignOff: {
    method: "DELETE",
    path: `${READINESS}/sign-offs/:signOff`,
    summary: "Withdraw a sign-off; what has not begun then waits for another",
    permission: "stack.deploy",
    params: StackPath.extend({ signOff: Id }),
    success: { status: 200, body: Readiness },
  },
} as const satisfies Record<string, Endpoint>;
