/*
 * What the engine says when a run leaves its plan. Source: pkg/resource/deploy/{plan,step_generator,deployment_executor}.go at 3.250.0. Its words hold the values planned and found, secrets in
 * clear: they must not leave the runner.
 */
const CHANGED = /(violates plan: properties changed: )([\s\S]*)$/u;
/** What was planned for a property, what was about to be done, and its name; a value in brackets follows. */
const ENTRY = /(?:^|, )[+~=-][+~=-]([A-Za-z_$][\w$.-]*)(?=\[|, |$)/gu;
const VIOLATION =
  /violates plan: |is not allowed by the plan: |expected resource operations for \S+ but none were seen/u;
const NEVER_CAME = /expected resource operations for \S+ but none were seen/u;
const ANY_URN = /urn:pulumi:\S+/u;

/** Where a run left its plan. */
export interface PlanViolation {
  /** Null when the engine did not say. */
  urn: string | null;
  properties: string[];
}

/** The message without values, with the URN in front when it does not name it itself; any other message as it is. */
export function withoutPlannedValues(message: string, urn: unknown): string {
  if (!VIOLATION.test(message)) return message;
  const clean = message.replace(
    CHANGED,
    (_, said: string, entries: string) => `${said}${namesIn(entries).join(", ")}`,
  );
  return typeof urn === "string" && urn !== "" && !clean.includes(urn) ? `${urn}: ${clean}` : clean;
}

/** Where the run left its plan, read from a message without values; null for any other failure. */
export function planViolationIn(message: string): PlanViolation | null {
  if (!VIOLATION.test(message)) return null;
  const [urn] = ANY_URN.exec(message) ?? [];
  const listed = CHANGED.exec(message)?.[2];
  return {
    urn: urn?.replace(/:$/u, "") ?? null,
    properties: listed === undefined ? [] : listed.split(", ").map((name) => name.trim()),
  };
}

/** Where a run left its plan, by all that it said went wrong; null when something else did: what it then never came to is no choice of the program's. */
export function planViolationAmong(messages: readonly string[]): PlanViolation | null {
  const left = messages.find((one) => VIOLATION.test(one) && !NEVER_CAME.test(one));
  if (left !== undefined) return planViolationIn(left);
  const [first] = messages;
  return first !== undefined && messages.every((one) => NEVER_CAME.test(one)) ? planViolationIn(first) : null;
}

function namesIn(entries: string): string[] {
  return [...new Set([...entries.matchAll(ENTRY)].map(([, name]) => name ?? ""))];
}
