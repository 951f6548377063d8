import { ProblemError } from "../client/problem-error.ts";
import { remedyInCommands } from "../client/remedies.ts";
import { PROBLEMS } from "../contract/problems.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** A command line that cannot be carried out as it is written. */
export function usageError(message: string, remedy: string): SlipwayError {
  return new SlipwayError("usage", message, { remedy });
}

/** What is printed instead of a stack trace. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
  /** One line a field that the server refused. */
  readonly issues: readonly { readonly path: string; readonly message: string }[];
  readonly exitCode: ExitCode;
}

const NOT_FOUND = new Set(["not_found", "release_not_found"]);
const AUTH = new Set(["unauthenticated", "forbidden"]);
const UNREACHABLE = new Set(["server_unreachable", "not_ready"]);
const SERVER_ERROR_STATUS = 500;

/** Where a command line took its token from, when it names that itself; null: from `login`, or this machine's own. */
export type TokenSource = "--token-file" | "SLIPWAY_TOKEN" | null;

/** The failure that anything thrown by a command stands for. */
export function failureOf(thrown: unknown, tokenFrom: TokenSource = null): Failure {
  if (!(thrown instanceof SlipwayError))
    return {
      code: "unexpected",
      message: messageOf(thrown),
      remedy: "Run `slipway doctor`; when it finds nothing, please report this message.",
      issues: [],
      exitCode: EXIT.failed,
    };
  return {
    code: thrown.code,
    message: thrown.message,
    remedy: remedyOf(thrown, tokenFrom),
    issues: issuesOf(thrown.details.issues),
    exitCode: exitCodeOf(thrown.code),
  };
}

function remedyOf(thrown: SlipwayError, tokenFrom: TokenSource): string | null {
  // The server's own names a header, which nobody types here.
  if (thrown instanceof ProblemError && thrown.code === "unauthenticated")
    return TOKEN_REMEDIES[tokenFrom ?? "login"];
  return thrown.remedy === undefined ? (REMEDIES[thrown.code] ?? null) : remedyInCommands(thrown.remedy);
}

const TOKEN_REMEDIES: Readonly<Record<NonNullable<TokenSource> | "login", string>> = {
  "--token-file":
    "It is the one that --token-file names: name another file, or leave that out and run `slipway login`.",
  SLIPWAY_TOKEN: "It is the one in SLIPWAY_TOKEN: correct that, or unset it and run `slipway login`.",
  login: "Run `slipway login`, or pass --token-file.",
};

const REMEDIES: Readonly<Record<string, string>> = {
  forbidden: "Use a token that has this permission.",
  not_ready: "Wait a moment and try again; `slipway doctor` says what is missing.",
  rate_limited: "Wait a minute and try again.",
  internal: "The server's log holds the cause under the request id.",
};

const REFUSALS: ReadonlySet<string> = new Set(
  Object.entries(PROBLEMS)
    .filter(([, [status]]) => status < SERVER_ERROR_STATUS)
    .map(([code]) => code),
);

function exitCodeOf(code: string): ExitCode {
  if (code === "usage") return EXIT.usage;
  if (code === "interrupted") return EXIT.interrupted;
  if (NOT_FOUND.has(code)) return EXIT.notFound;
  if (AUTH.has(code)) return EXIT.unauthenticated;
  if (UNREACHABLE.has(code)) return EXIT.unreachable;
  return REFUSALS.has(code) ? EXIT.refused : EXIT.failed;
}

function issuesOf(given: unknown): { path: string; message: string }[] {
  if (!Array.isArray(given)) return [];
  return given.flatMap((one: unknown) => {
    if (typeof one !== "object" || one === null || !("path" in one) || !("message" in one)) return [];
    return [{ path: String(one.path), message: String(one.message) }];
  });
}
