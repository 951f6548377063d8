import { failed, passed, type Verdict } from "./check.ts";

/** An alarm as CloudWatch has it; null: there is none of that name. */
export type SeenAlarm = { state: string; reason: string; actionsEnabled: boolean } | null;

/** An alarm that is missing, muted or in any other state than OK is no watch that can be relied on. */
export function judgeAlarm(alarm: SeenAlarm): Verdict {
  if (alarm === null) return failed("there is no such alarm");
  if (alarm.state !== "OK") return failed(`it is ${alarm.state}: ${alarm.reason}`);
  return alarm.actionsEnabled ? passed("OK") : failed("it is OK, but its actions are switched off");
}

/** Whether an alarm may still become OK without anybody's doing: it was just made. */
export function isSettling(alarm: SeenAlarm): boolean {
  return alarm?.state === "INSUFFICIENT_DATA";
}

/** `widgets`: null when there is no such dashboard. */
export function judgeDashboard(widgets: number | null): Verdict {
  if (widgets === null) return failed("there is no such dashboard");
  return widgets === 0 ? failed("the dashboard is empty") : passed(`${widgets} widgets`);
}

export interface SeenSubscription {
  arn: string;
  protocol: string;
  endpoint: string;
}

/** SNS gives a subscription its ARN when its endpoint has confirmed it. */
const isConfirmed = ({ arn }: SeenSubscription) => arn.startsWith("arn:");

/** Everyone who is to be told has confirmed. `probe`: name of the queue that only validations read. */
export function judgeSubscriptions(seen: readonly SeenSubscription[], probe: string): Verdict {
  if (seen.length === 0) return failed("nobody is subscribed to the topic");
  const open = seen.filter((one) => !isConfirmed(one));
  if (open.length > 0) return failed(`not confirmed yet: ${open.map(describe).join(", ")}`);
  const people = seen.filter((one) => !one.endpoint.endsWith(`:${probe}`));
  return people.length === 0
    ? passed("confirmed; only the probe queue is subscribed, so that no person is told")
    : passed(`confirmed: ${seen.map(({ protocol }) => protocol).join(", ")}`);
}

/** Without the address: a report goes further than who subscribed may want. */
function describe({ protocol, endpoint }: SeenSubscription): string {
  const shown = endpoint.includes("@") ? `…@${endpoint.split("@").at(-1) ?? ""}` : endpoint;
  return `${protocol} ${shown}`;
}

/** `retentionDays`: null keeps for ever; undefined: there is no such group. */
export function judgeLogGroup(retentionDays: number | null | undefined): Verdict {
  if (retentionDays === undefined) return failed("there is no such log group");
  return retentionDays === null
    ? failed("it has no retention: its entries are kept for ever")
    : passed(`kept for ${retentionDays} days`);
}

/** What a function wrote since the deployment. */
export interface SeenLogs {
  entries: number;
  errors: readonly string[];
}

const SHOWN_ERRORS = 3;
const SHOWN_CHARACTERS = 200;

export function judgeLogs({ entries, errors }: SeenLogs): Verdict {
  if (errors.length > 0) {
    const shown = errors.slice(0, SHOWN_ERRORS).map((line) => line.trim().slice(0, SHOWN_CHARACTERS));
    return failed(`${errors.length} errors since the deployment: ${shown.join(" | ")}`);
  }
  return entries === 0
    ? failed("it has written nothing since the deployment")
    : passed(`${entries} entries since the deployment, no error`);
}

/**
 * Filter patterns that narrow down what CloudWatch sends; isErrorLine decides. Text by words, structured lines of pino by their level.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export const ERROR_PATTERNS: readonly string[] = [
  '?ERROR ?Error ?error ?FATAL ?failure ?timeout ?"timed out"',
  "{ $.level >= 50 }",
];

const ERROR_LINES: readonly RegExp[] = [
  // The runtime's own: a function that ran out of time or memory, or ended by itself.
  /Task timed out after/,
  /Runtime exited|Runtime\.(ExitError|ImportModuleError|HandlerNotFound|UserCodeSyntaxError|UnhandledPromiseRejection)/,
  // console.error and what was thrown, in the runtime's text format.
  /\tERROR\t/,
  /^\[?(ERROR|FATAL)\b/,
  // The runtime's own lines in its JSON format.
  /"type"\s*:\s*"platform\.\w+".*"status"\s*:\s*"(error|failure|timeout)"/,
  // Structured lines: the runtime's JSON format, and pino's levels error and fatal.
  /"level"\s*:\s*"(error|fatal)"/i,
  /"level"\s*:\s*(50|60)\b/,
];

/** Whether an entry of a function's log says that something went wrong, as opposed to mentioning errors. */
export function isErrorLine(line: string): boolean {
  return ERROR_LINES.some((pattern) => pattern.test(line));
}

/** `traced`: names of functions that traces were seen of. */
export function judgeTraces(functions: readonly string[], traced: ReadonlySet<string>): Verdict {
  const seen = functions.filter((name) => traced.has(name));
  return seen.length === 0
    ? failed("no trace of any function since the deployment")
    : passed(`traces of ${seen.length} of ${functions.length} functions`);
}
