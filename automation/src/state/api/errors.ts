import type { FastifyReply, FastifyRequest } from "fastify";
import type { Problem } from "../../contract/problems.ts";
import { SlipwayError } from "../../errors.ts";
import { problemOf } from "../../http/problems.ts";

/** The form of an error that the Pulumi CLI understands; it prints `message` as it is. */
export interface ApiError {
  /** The HTTP status once more. */
  code: number;
  message: string;
}

const RETRY_AFTER_SECONDS = 1;
/** The CLI compares the text: only then it says that the stack has to be destroyed first. */
const STACK_NOT_EMPTY = "Bad Request: Stack still contains resources.";

/**
 * Turns anything that was thrown into what the CLI understands. Statuses are those that it acts on: 401 asks for a login, 403 ends an update, 409 and
 * 404 are told from other failures, 413 makes it send less at once, 5xx is tried again. Never 429: the CLI gives up at once.
 */
export function apiErrorOf(error: unknown, requestId: string): ApiError {
  // From the readers of raw JSON; only below /api is it the sender's fault.
  if (error instanceof SlipwayError && error.code === "invalid_json")
    return { code: 400, message: error.message };
  const problem = problemOf(error, requestId);
  switch (problem.code) {
    case "stack_not_empty":
      return { code: 400, message: STACK_NOT_EMPTY };
    case "disk_low":
      // The CLI tries a 5xx again and again without a word; this one it prints.
      return { code: 400, message: textOf(problem) };
    case "rate_limited":
      return { code: 503, message: textOf(problem) };
    default:
      // 422 is unknown to the protocol.
      return { code: problem.status === 422 ? 400 : problem.status, message: textOf(problem) };
  }
}

/** The one error handler below /api. */
export function handleApiError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = apiErrorOf(error, request.id);
  if (answer.code >= 500) request.log.error({ err: error }, "request of the state backend failed");
  if (answer.code === 503) reply.header("retry-after", String(RETRY_AFTER_SECONDS));
  // The CLI shows it beside the message of a 5xx.
  reply.header("x-pulumi-request-id", request.id);
  return reply.code(answer.code).type("application/json; charset=utf-8").send(JSON.stringify(answer));
}

function textOf({ detail, remedy }: Problem): string {
  return remedy === undefined ? detail : `${detail} ${remedy}`;
}
