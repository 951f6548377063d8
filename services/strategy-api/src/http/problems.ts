import type { FastifyInstance } from "fastify";
import { hasZodFastifySchemaValidationErrors, isResponseSerializationError } from "fastify-type-provider-zod";
import {
  ApiError,
  ContentionError,
  errorCode,
  type FieldIssue,
  isConnectionFailure,
  PROBLEMS,
  type ProblemCode,
  TimeSeriesError,
} from "../errors.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** An RFC 9457 problem with the code and the correlation id that also stands in the log. */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly correlationId: string;
  readonly issues: readonly FieldIssue[];
};

/** Code and detail for anything thrown in a request. What is not foreseen becomes `internal` and tells the caller nothing. */
export function classify(thrown: unknown): {
  code: ProblemCode;
  detail: string;
  issues: readonly FieldIssue[];
} {
  if (thrown instanceof ApiError) return { code: thrown.code, detail: thrown.message, issues: thrown.issues };
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const issues = thrown.validation.map((issue) => ({
      path: [thrown.validationContext, ...issue.instancePath.split("/").filter((part) => part !== "")].join(
        ".",
      ),
      message: issue.message ?? "is not accepted",
    }));
    return {
      code: "validation_failed",
      detail: issues.map((i) => `${i.path}: ${i.message}`).join("; "),
      issues,
    };
  }
  if (thrown instanceof ContentionError) {
    return { code: "contended", detail: "Try again in a moment.", issues: [] };
  }
  if (thrown instanceof TimeSeriesError) {
    return { code: "time_series_unavailable", detail: "Try again in a moment.", issues: [] };
  }
  if (isConnectionFailure(thrown)) {
    return { code: "database_unavailable", detail: "Try again in a moment.", issues: [] };
  }
  switch (errorCode(thrown) ?? "") {
    case "FST_ERR_CTP_INVALID_JSON_BODY":
    case "FST_ERR_CTP_EMPTY_JSON_BODY":
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return { code: "malformed_json", detail: "Send one JSON value in UTF-8.", issues: [] };
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return { code: "body_too_large", detail: "The limit is 64 KiB.", issues: [] };
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return { code: "unsupported_media_type", detail: "Use content-type: application/json.", issues: [] };
    default:
      return { code: "internal", detail: "Quote the correlation id when you report this.", issues: [] };
  }
}

/** Answers every error and every unknown route with a problem body. */
export function installProblems(app: FastifyInstance): void {
  app.setErrorHandler(async (error, request, reply) => {
    const { code, detail, issues } = classify(error);
    const status = PROBLEMS[code].status;
    if (status >= 500) {
      const cause = isResponseSerializationError(error) ? error.cause.issues : undefined;
      request.log.error({ err: error, code, cause }, "request failed");
    } else {
      request.log.info({ code, detail }, "request refused");
    }
    return reply
      .status(status)
      .type(PROBLEM_TYPE)
      .send(problem(code, detail, request.id, issues));
  });
  app.setNotFoundHandler(async (request, reply) =>
    reply
      .status(404)
      .type(PROBLEM_TYPE)
      .send(problem("route_not_found", `${request.method} is not served at this path.`, request.id, [])),
  );
}

function problem(
  code: ProblemCode,
  detail: string,
  correlationId: string,
  issues: readonly FieldIssue[],
): Problem {
  const { status, title } = PROBLEMS[code];
  return { type: `urn:strategy-desk:problem:${code}`, title, status, code, detail, correlationId, issues };
}
