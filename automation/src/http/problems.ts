import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import type { Problem } from "../contract/problems.ts";
import { PROBLEMS, ProblemCode } from "../contract/problems.ts";
import type { MovedItem } from "../contract/seals.ts";
import { isDatabaseFull } from "../disk/database-full.ts";
import { SlipwayError, systemCode } from "../errors.ts";

export const PROBLEM_TYPE = "application/problem+json";
const RETRY_AFTER_SECONDS = 2;

/** What Fastify and its plugins throw, by code or status. */
const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_INVALID_JSON_BODY: "malformed_body",
  FST_ERR_CTP_EMPTY_JSON_BODY: "malformed_body",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed_body",
  FST_ERR_BAD_URL: "invalid_request",
  FST_ERR_ASYNC_CONSTRAINT: "invalid_request",
};
const FASTIFY_STATUSES: Readonly<Record<number, ProblemCode>> = {
  400: "malformed_body",
  413: "body_too_large",
  415: "unsupported_media_type",
  429: "rate_limited",
  503: "not_ready",
};
/** Conditions of Postgres that pass by themselves: connection failures, shutdown, start, too many clients, deadlock. */
const TRANSIENT_SQLSTATE = /^(08...|57P0[123]|53300|40001|40P01)$/;
const TRANSIENT_SYSTEM_CODES = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT"]);

interface Issue {
  path: string;
  message: string;
}

/** Builds a problem of the closed list. */
export function problem(
  code: ProblemCode,
  detail: string,
  more: {
    remedy?: string | undefined;
    issues?: Issue[] | undefined;
    moved?: MovedItem[] | undefined;
    instance?: string;
  } = {},
): Problem {
  const [status, title] = PROBLEMS[code];
  return {
    type: `urn:slipway:problem:${code}`,
    title,
    status,
    code,
    detail,
    ...(more.remedy === undefined ? {} : { remedy: more.remedy }),
    ...(more.instance === undefined ? {} : { instance: more.instance }),
    ...(more.issues === undefined ? {} : { issues: more.issues }),
    ...(more.moved === undefined ? {} : { moved: more.moved }),
  };
}

/** Turns anything that was thrown into a problem. What is not ours says nothing of itself: its text may hold a secret. */
export function problemOf(error: unknown, requestId: string): Problem {
  const instance = `urn:uuid:${requestId}`;
  if (error instanceof SlipwayError) {
    const code = ProblemCode.safeParse(error.code);
    if (code.success) {
      const { remedy } = error;
      return problem(code.data, error.message, {
        remedy,
        issues: issuesOf(error),
        moved: movedOf(error),
        instance,
      });
    }
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const where =
      error.validationContext === "querystring" ? "query" : (error.validationContext ?? "request");
    const issues = error.validation.map((issue) => ({
      path: [where, ...issue.instancePath.split("/").filter((part) => part !== "")].join("."),
      message: issue.message ?? "is not valid",
    }));
    return problem("invalid_request", summaryOf(issues), { issues, instance });
  }
  if (isDatabaseFull(error)) {
    return problem("disk_low", "The disk of the database is full.", {
      remedy: "Free space on it, or enlarge it. See docs/runbooks/disk.md.",
      instance,
    });
  }
  const { code, statusCode } = error as Partial<FastifyError>;
  const known = FASTIFY_CODES[code ?? ""] ?? FASTIFY_STATUSES[statusCode ?? 0];
  if (known !== undefined) return problem(known, fastifyDetail(known), { instance });
  if (isTransient(error)) {
    return problem("not_ready", "The database does not answer right now.", {
      remedy: "Try again in a few seconds.",
      instance,
    });
  }
  return problem("internal", `The request failed; the server's log has it under ${requestId}.`, { instance });
}

/** The one error handler. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const answer = problemOf(error, request.id);
  if (answer.status >= 500) request.log.error({ err: error }, "request failed");
  return sendProblem(reply, answer);
}

/** Sends a problem past the response schemas, with the headers that its code asks for. */
function sendProblem(reply: FastifyReply, answer: Problem): FastifyReply {
  if (answer.code === "unauthenticated") reply.header("www-authenticate", 'Bearer realm="slipway"');
  if (answer.code === "not_ready") reply.header("retry-after", String(RETRY_AFTER_SECONDS));
  return reply
    .code(answer.status)
    .type(PROBLEM_TYPE)
    .serializer((body: unknown) => JSON.stringify(body))
    .send(answer);
}

function issuesOf(error: SlipwayError): Issue[] | undefined {
  const issues = error.details.issues;
  return Array.isArray(issues) ? (issues as Issue[]) : undefined;
}

function movedOf(error: SlipwayError): MovedItem[] | undefined {
  const { moved } = error.details;
  return Array.isArray(moved) ? (moved as MovedItem[]) : undefined;
}

function summaryOf(issues: readonly Issue[]): string {
  const [first] = issues;
  if (first === undefined) return "The request is not valid.";
  const more = issues.length === 1 ? "" : ` (and ${issues.length - 1} more)`;
  return `${first.path}: ${first.message}${more}`;
}

function fastifyDetail(code: ProblemCode): string {
  switch (code) {
    case "unsupported_media_type":
      return "Send the body as content-type: application/json.";
    case "body_too_large":
      return "The body is larger than the server accepts.";
    case "malformed_body":
      return "The body cannot be parsed as JSON.";
    case "rate_limited":
      return "Too many requests from this address; the Retry-After header says when to go on.";
    case "not_ready":
      return "The server is overloaded right now.";
    default:
      return "The address is not a valid URL.";
  }
}

function isTransient(error: unknown): boolean {
  const code = systemCode(error) ?? "";
  if (TRANSIENT_SQLSTATE.test(code) || TRANSIENT_SYSTEM_CODES.has(code)) return true;
  // pg-pool and pg have no code for these two.
  return (
    error instanceof Error &&
    /timeout exceeded when trying to connect|Connection terminated/.test(error.message)
  );
}
