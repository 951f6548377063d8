import { type ChildEnd, runChild } from "./child.ts";
import { createRedactor } from "./redact.ts";
import type { CommandRequest, RequestOutcome } from "./runner-protocol.ts";
import type { Supervision } from "./supervision.ts";

const MS_PER_SECOND = 1_000;

/** Carries out a command request. A program that cannot be started is a failed command with the reason in `errors`. */
export async function runCommand(request: CommandRequest, supervision: Supervision): Promise<RequestOutcome> {
  const startedAt = performance.now();
  const redactor = createRedactor(request.secrets);
  const end = await runChild(
    {
      argv: request.argv,
      cwd: request.cwd,
      env: request.env,
      timeoutMs: request.timeoutSeconds * MS_PER_SECOND,
      interrupts: "group",
      redactor,
      onLine: (stream, line) => supervision.send({ type: "output", id: request.id, stream, line }),
    },
    supervision,
  );
  return {
    status: statusOf(end, supervision.isInterrupted()),
    exitCode: end.exitCode,
    signal: end.signal,
    durationMs: performance.now() - startedAt,
    errors: end.startError === undefined ? [] : [end.startError],
    changes: {},
  };
}

/** What an end means. Any end after an interrupt is `interrupted`, also with exit code 0. */
export function statusOf(end: ChildEnd, isInterrupted: boolean): RequestOutcome["status"] {
  if (isInterrupted) return "interrupted";
  if (end.timedOut) return "timed-out";
  return end.exitCode === 0 ? "succeeded" : "failed";
}
