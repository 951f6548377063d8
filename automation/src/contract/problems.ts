import { z } from "zod";
import { MovedItem } from "./seals.ts";

/** The closed list of problem codes, each with its HTTP status and title. `type` of a problem is `urn:slipway:problem:<code>`. */
export const PROBLEMS = {
  invalid_request: [422, "The request does not have the expected form"],
  malformed_body: [400, "The body is not valid JSON"],
  body_too_large: [413, "The body is over the limit"],
  unsupported_media_type: [415, "The body must be application/json"],
  method_not_allowed: [405, "This path does not answer that method"],
  not_found: [404, "There is nothing at this address"],
  unauthenticated: [401, "A valid token is required"],
  forbidden: [403, "The token does not allow this"],
  host_not_allowed: [421, "The Host header names another server"],
  origin_not_allowed: [403, "The Origin header names another site"],
  already_exists: [409, "It exists already"],
  conflict: [409, "The state of the resource does not allow this"],
  idempotency_mismatch: [422, "The Idempotency-Key was used for another request"],
  option_not_supported: [422, "The operation does not support an option"],
  folder_not_allowed: [422, "The folder is outside the allowed roots"],
  source_invalid: [422, "The source cannot be used"],
  slipway_yaml_invalid: [422, "slipway.yaml is not valid"],
  invalid_journal: [422, "The journal entries cannot be used"],
  invalid_state: [422, "The state cannot be used"],
  secret_unreadable: [422, "A sealed value cannot be opened"],
  key_unavailable: [503, "The wrapping key cannot be used now"],
  config_missing: [422, "Required configuration is missing"],
  release_not_found: [404, "There is no such release"],
  release_not_good: [409, "Only good releases can be rolled back to or promoted"],
  not_promoted: [409, "The stack only takes what was promoted to it"],
  rollback_failed: [409, "A rollback of the stack has failed"],
  quarantined: [409, "This source and config are quarantined"],
  paused: [409, "It is paused"],
  frozen: [409, "Nothing may change in this window"],
  policies_required: [409, "The stack is only changed by deployments, which its policies look at"],
  policy_pack_invalid: [422, "The policy pack cannot be used"],
  stack_not_empty: [409, "The stack still has resources"],
  unreconciled: [409, "The stack was restored and not yet compared with what is there"],
  sign_in_required: [403, "Only a person who has signed in can do this"],
  requester_cannot_vote: [403, "Whoever has a part in a change cannot decide about it"],
  not_an_approver: [403, "No rule asks for this person"],
  already_voted: [409, "The person has said so already"],
  not_voted: [409, "The person has not voted"],
  vote_too_late: [409, "It is decided, or the time for a decision is over"],
  rules_lock_out: [422, "Nobody could ever fulfil the rules"],
  sign_off_missing: [409, "The stack only takes what was signed off"],
  checklist_open: [409, "Items of the checklist are open"],
  approval_required: [409, "The stack is only changed with approval"],
  emergency_unreviewed: [409, "An earlier emergency was not reviewed in time"],
  stale: [409, "It is no longer what was sealed"],
  disk_low: [507, "There is too little space for new work"],
  rate_limited: [429, "Too many requests"],
  not_ready: [503, "The server is not ready"],
  internal: [500, "Something failed inside the server"],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;
export const ProblemCode = z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]);

/** RFC 9457 problem details. `issues` points at fields; `remedy` says what to do. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: ProblemCode,
    detail: z.string(),
    remedy: z.string().optional(),
    instance: z.string().optional(),
    issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    /** Of `stale`: what is not as it was sealed. */
    moved: z.array(MovedItem).optional(),
  })
  .meta({ id: "Problem" });
export type Problem = z.infer<typeof Problem>;
