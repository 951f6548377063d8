import { z } from "zod";
import {
  Approval,
  ApprovalSummary,
  CastVote,
  Emergency,
  Group,
  GroupName,
  NewSignIn,
  PersonName,
  ReviewEmergency,
  SetStackRules,
  SignIn,
  StackRulesVersion,
} from "./approvals.ts";
import type { Endpoint } from "./endpoint.ts";
import { Id, OrganisationName, PageQuery, pageOf, StackPath } from "./identifiers.ts";

const GROUP = "/v1/organisations/:organisation/groups/:group";
const GroupPath = z.strictObject({ organisation: OrganisationName, group: GroupName });
const RULES = "/v1/stacks/:organisation/:project/:stack/approval-rules";
const byId = z.strictObject({ id: Id });

/** Sign-ins, groups, rules of stacks, and what is voted about. */
export const approvalEndpoints = {
  signIn: {
    method: "POST",
    path: "/v1/sessions",
    // Without an Idempotency-Key: the record of the answer would hold the value.
    summary:
      "Sign in: exchange a person's token for a session of 12 hours; its value is in this answer and nowhere else",
    permission: "any",
    success: { status: 201, body: NewSignIn },
  },
  getSignIn: {
    method: "GET",
    path: "/v1/sessions/current",
    summary: "The session that the request carries",
    permission: "any",
    success: { status: 200, body: SignIn },
  },
  signOut: {
    method: "DELETE",
    path: "/v1/sessions/current",
    summary: "End the session that the request carries",
    permission: "any",
    success: { status: 204, body: null },
  },
  listGroups: {
    method: "GET",
    path: "/v1/organisations/:organisation/groups",
    summary: "List the groups of an organisation with their people",
    permission: "organisation.read",
    params: z.strictObject({ organisation: OrganisationName }),
    success: { status: 200, body: z.object({ items: z.array(Group) }) },
  },
  createGroup: {
    method: "PUT",
    path: GROUP,
    summary: "Make a group; one that is there stays as it is",
    permission: "organisation.manage",
    params: GroupPath,
    success: { status: 200, body: Group },
  },
  removeGroup: {
    method: "DELETE",
    path: GROUP,
    summary: "Remove a group that no stack's rules name",
    permission: "organisation.manage",
    params: GroupPath,
    success: { status: 204, body: null },
  },
  addToGroup: {
    method: "PUT",
    path: `${GROUP}/members/:person`,
    summary: "Add a person to a group",
    permission: "organisation.manage",
    params: GroupPath.extend({ person: PersonName }),
    success: { status: 200, body: Group },
  },
  removeFromGroup: {
    method: "DELETE",
    path: `${GROUP}/members/:person`,
    summary: "Remove a person from a group; what they voted for counts no more",
    permission: "organisation.manage",
    params: GroupPath.extend({ person: PersonName }),
    success: { status: 204, body: null },
  },
  getStackRules: {
    method: "GET",
    path: RULES,
    summary: "What a stack asks for before it is changed; an earlier version by its number",
    permission: "stack.read",
    params: StackPath,
    query: z.strictObject({ version: z.coerce.number().int().min(1).optional() }),
    success: { status: 200, body: StackRulesVersion },
  },
  setStackRules: {
    method: "PUT",
    path: RULES,
    summary: "Replace what a stack asks for; refused when nobody could ever fulfil it",
    permission: "stack.protect",
    params: StackPath,
    body: SetStackRules,
    success: { status: 200, body: StackRulesVersion },
  },
  listApprovals: {
    method: "GET",
    path: "/v1/approvals",
    summary: "What waits for approval: for the caller's vote or sign-off, or all that the caller may see",
    permission: "any",
    query: PageQuery.extend({ waitingFor: z.enum(["me", "anybody"]).default("me") }),
    success: { status: 200, body: pageOf(ApprovalSummary) },
  },
  getApproval: {
    method: "GET",
    path: "/v1/deployments/:id/approval",
    summary: "What is to be approved, its risk, who may vote or sign off, who has, and what is missing",
    permission: "stack.read",
    about: "deployment",
    params: byId,
    success: { status: 200, body: Approval },
  },
  castVote: {
    method: "POST",
    path: "/v1/deployments/:id/votes",
    summary: "Approve or reject what waits, by a person who signed in",
    permission: "stack.read",
    about: "deployment",
    params: byId,
    body: CastVote,
    success: { status: 200, body: Approval },
  },
  withdrawVote: {
    method: "DELETE",
    path: "/v1/deployments/:id/votes",
    summary: "Withdraw one's vote, until the change begins",
    permission: "stack.read",
    about: "deployment",
    params: byId,
    success: { status: 200, body: Approval },
  },
  listEmergencies: {
    method: "GET",
    path: "/v1/emergencies",
    summary: "Uses of an emergency, newest first, with how many are not reviewed",
    permission: "any",
    query: PageQuery,
    success: {
      status: 200,
      body: pageOf(Emergency).extend({ unreviewed: z.int(), overdue: z.int() }),
    },
  },
  reviewEmergency: {
    method: "POST",
    path: "/v1/deployments/:id/emergency/review",
    summary: "Say what the review of an emergency came to; by somebody else than who used it",
    permission: "stack.read",
    about: "deployment",
    params: byId,
    body: ReviewEmergency,
    success: { status: 200, body: Emergency },
  },
} as const satisfies Record<string, Endpoint>;
