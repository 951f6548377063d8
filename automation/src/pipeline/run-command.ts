import { randomUUID } from "node:crypto";
import type { RequestOutcome } from "../engine/runner-protocol.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { runRequest } from "./run-request.ts";

export { describeFailure } from "../engine/command-end.ts";

/** Output lines beyond this are not stored; the end of a command says the most, so a mark tells where it was cut. */
const MAX_LINES = 20_000;
const LAST_LINES = 20;

/** A program to run inside the attempt's containment. */
export interface Command {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  timeoutSeconds: number;
  secrets: readonly string[];
  /** Also told of each line, without secrets. */
  onLine?: (line: string) => void;
}

/** Runs a command and passes its lines on as events of the step. Answers the outcome and its last lines. */
export async function runCommand(
  run: AttemptRun,
  step: string,
  command: Command,
): Promise<{ outcome: RequestOutcome; tail: string[] }> {
  const tail: string[] = [];
  let lines = 0;
  const outcome = await runRequest(
    run,
    {
      type: "command",
      id: randomUUID(),
      argv: [...command.argv],
      cwd: command.cwd,
      env: { ...command.env },
      timeoutSeconds: command.timeoutSeconds,
      secrets: [...command.secrets],
    },
    (message) => {
      if (message.type !== "output") return;
      tail.push(message.line);
      command.onLine?.(message.line);
      if (tail.length > LAST_LINES) tail.shift();
      lines += 1;
      if (lines <= MAX_LINES)
        run.events.emit({ type: "output", step, stream: message.stream, line: message.line });
      if (lines === MAX_LINES) {
        run.events.emit({
          type: "output",
          step,
          stream: "stderr",
          line: `[more than ${MAX_LINES} lines; the rest is left out]`,
        });
      }
    },
  );
  return { outcome, tail };
}
