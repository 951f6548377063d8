import { isWrongId, remedyInCommands, saysTheSame } from "@slipway/automation/client";

/** What a person is told about something that failed. */
export interface Explanation {
  readonly code: string | null;
  readonly title: string;
  readonly remedy: string | null;
  /** What is wrong with which field of the request, by its path. */
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

const UNREACHABLE: Explanation = {
  code: "server_unreachable",
  title: "The server does not answer.",
  remedy:
    "It may be starting or overloaded, or the network between it and this browser is down. Open pages ask it again by themselves.",
  issues: [],
};

/** An address that was cut off or typed: its id is none. */
const NOTHING_THERE: Explanation = {
  code: "not_found",
  title: "There is nothing at this address.",
  remedy: "It may have been cut off where it was copied. All that there is can be reached from the stacks.",
  issues: [],
};

/** Reads the detail, remedy and issues out of anything that a call of the client threw. */
export function explain(thrown: unknown): Explanation {
  if (!(thrown instanceof Error)) return { code: null, title: String(thrown), remedy: null, issues: [] };
  const { code, remedy, details } = thrown as { code?: unknown; remedy?: unknown; details?: unknown };
  // Its own words are for a terminal: an address, and another server to name.
  if (code === "server_unreachable" || thrown.name === "TimeoutError") return UNREACHABLE;
  const issues = issuesOf(details);
  if (issues.some(isWrongId)) return NOTHING_THERE;
  return {
    code: typeof code === "string" ? code : null,
    title: thrown.message,
    remedy: typeof remedy === "string" ? remedyInCommands(remedy) : null,
    issues: issues.filter((issue) => !saysTheSame(thrown.message, issue)),
  };
}

function issuesOf(details: unknown): Explanation["issues"] {
  if (typeof details !== "object" || details === null || !("issues" in details)) return [];
  const { issues } = details;
  if (!Array.isArray(issues)) return [];
  return issues.flatMap((issue: unknown) => {
    if (typeof issue !== "object" || issue === null || !("path" in issue) || !("message" in issue)) return [];
    return [{ path: String(issue.path), message: String(issue.message) }];
  });
}

/** The message for one field: an issue whose path ends with its name. */
export function issueFor(thrown: unknown, field: string): string | null {
  if (thrown === null || thrown === undefined) return null;
  const fits = (path: string) => path === field || path.endsWith(`.${field}`) || path.endsWith(`/${field}`);
  return explain(thrown).issues.find((issue) => fits(issue.path))?.message ?? null;
}

export function isUnauthenticated(thrown: unknown): boolean {
  return explain(thrown).code === "unauthenticated";
}
