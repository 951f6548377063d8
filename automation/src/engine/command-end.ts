import { stripVTControlCharacters } from "node:util";
import type { RequestOutcome } from "./runner-protocol.ts";

/** One sentence on how a command ended that did not succeed: the first thing that it said went wrong, as far as that can be told. */
export function describeFailure(
  argv: readonly string[],
  outcome: RequestOutcome,
  tail: readonly string[],
): string {
  const shown = argv.join(" ");
  const lines = tail.map(plain).filter((line) => line !== "");
  const said =
    outcome.errors[0] ??
    lines.find((line) => /\b(error|failed|cannot|not found)\b/i.test(line)) ??
    lines.at(-1);
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

/** Around what they say compilers draw frames, and colour them. */
const FRAME = /^[\s\u2500-\u257f]+|[\s\u2500-\u257f]+$/g;

function plain(line: string): string {
  return stripVTControlCharacters(line).replaceAll(FRAME, "");
}
