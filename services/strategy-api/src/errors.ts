/** Every error code that a client can meet, with its HTTP status. The list is closed: a code is never sent that is not here. */
export const PROBLEMS = {
  malformed_json: { status: 400, title: "The body is not valid JSON" },
  validation_failed: { status: 400, title: "The request does not have the expected form" },
  not_found: { status: 404, title: "There is no such thing" },
  route_not_found: { status: 404, title: "There is no such route" },
  name_taken: { status: 409, title: "The name is already in use" },
  template_built_in: { status: 409, title: "The template comes with the service" },
  template_in_use: { status: 409, title: "Strategies are made from the template" },
  revision_conflict: { status: 409, title: "Somebody else changed it first" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body must be JSON" },
  unknown_template: { status: 422, title: "There is no such strategy template" },
  unknown_symbol: { status: 422, title: "There is no such instrument" },
  unknown_strategy: { status: 422, title: "There is no such strategy" },
  unknown_risk_profile: { status: 422, title: "There is no such risk profile" },
  parameters_refused: { status: 422, title: "The parameters do not fit the template" },
  internal: { status: 500, title: "Something went wrong on our side" },
  stream_not_served: { status: 404, title: "Streams are not served here" },
  too_many_streams: { status: 503, title: "Too many market data streams are open" },
  contended: { status: 503, title: "Others change the same things at the moment" },
  database_unavailable: { status: 503, title: "The database cannot be reached" },
  time_series_unavailable: { status: 503, title: "Prices of the past cannot be had" },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;

/** One field that is wrong: `path` is a JSON path such as `body.parameters.fastDays`. */
export type FieldIssue = { readonly path: string; readonly message: string };

/** An error that the caller can act on. It becomes a problem body; its message is shown to the caller. */
export class ApiError extends Error {
  readonly code: ProblemCode;
  readonly issues: readonly FieldIssue[];

  constructor(
    code: ProblemCode,
    message: string,
    options: { issues?: readonly FieldIssue[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ApiError";
    this.code = code;
    this.issues = options.issues ?? [];
  }
}

/** A name, which must be the only one of its kind without regard to case, is already in use. */
export class NameTakenError extends Error {
  override readonly name = "NameTakenError";

  constructor(cause: unknown) {
    super("The name is already in use.", { cause });
  }
}

/** Runs `work` and makes a refusal of its name a problem: "There is already " and `what`. */
export async function namedUniquely<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NameTakenError)) throw error;
    throw new ApiError("name_taken", `There is already ${what}.`, { cause: error });
  }
}

/** What the store keeps moved on each time that a change was tried. */
export class ContentionError extends Error {
  override readonly name = "ContentionError";
}

/** The time series cannot be reached, refuses, or answers something else than what was asked for. Its message is for the log. */
export class TimeSeriesError extends Error {
  override readonly name = "TimeSeriesError";
}

/** SQLSTATE of a Postgres error or the code of a system error, or undefined. */
export function errorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string"
    ? thrown.code
    : undefined;
}

const FOREIGN_KEY_VIOLATION = "23503";
const UNIQUE_VIOLATION = "23505";

/** True for a Postgres unique violation of the named constraint or index. */
export function violatesUnique(thrown: unknown, constraint: string): boolean {
  return violates(thrown, UNIQUE_VIOLATION, constraint);
}

/** True when a row that others refer to was to be deleted. */
export function violatesForeignKey(thrown: unknown, constraint: string): boolean {
  return violates(thrown, FOREIGN_KEY_VIOLATION, constraint);
}

function violates(thrown: unknown, code: string, constraint: string): boolean {
  return (
    errorCode(thrown) === code &&
    thrown instanceof Error &&
    "constraint" in thrown &&
    thrown.constraint === constraint
  );
}

const CONNECTION_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "ENOTFOUND",
  "ETIMEDOUT",
  "EPIPE",
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "53300", // too_many_connections
]);

/** Names of errors of DynamoDB's client that say "not now". */
const NOT_NOW = new Set([
  "InternalServerError",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ServiceUnavailable",
  "ThrottlingException",
  "TimeoutError",
]);

/** True when the database could not be reached or went away, as opposed to refusing a statement. */
export function isConnectionFailure(thrown: unknown): boolean {
  if (thrown instanceof Error && NOT_NOW.has(thrown.name)) return true;
  const code = errorCode(thrown);
  if (code !== undefined) return CONNECTION_CODES.has(code) || code.startsWith("08");
  // pg reports these two without a code.
  return (
    thrown instanceof Error &&
    /timeout exceeded when trying to connect|Connection terminated/.test(thrown.message)
  );
}
