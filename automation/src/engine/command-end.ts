import type { RequestOutcome } from "./runner-protocol.ts";

/** One sentence on how a command ended that did not succeed: the first thing that it said went wrong, as far as that can be told. */
export function describeFailure(
  argv: readonly string[],
  outcome: RequestOutcome,
  tail: readonly string[],
): string {
  const shown = argv.join(" ");
  const said =
    outcome.errors[0] ??
    tail.find((line) => /\b(error|failed|cannot|not found)\b/i.test(line)) ??
    tail.at(-1);
  const how =
    outcome.status === "timed-out"
      ? `did not end within ${Math.round(outcome.durationMs / 1000)} s`
      : outcome.signal !== null
        ? `was ended by ${outcome.signal}`
        : outcome.exitCode === null
          ? "could not be started"
          : `exited with ${outcome.exitCode}`;
  return `'${shown}' ${how}${said === undefined ? "" : `: ${said.trim().slice(0, 500)}`}`;
}
