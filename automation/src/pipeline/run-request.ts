import type { RequestOutcome, RunnerMessage, RunnerRequest } from "../engine/runner-protocol.ts";
import type { AttemptRun } from "./attempt-run.ts";

/** What a request comes to that an attempt no longer starts. */
const NOT_STARTED: RequestOutcome = {
  status: "interrupted",
  exitCode: null,
  signal: null,
  durationMs: 0,
  errors: [],
  changes: {},
};

/**
 * Hands a request to the attempt's containment, unless the attempt is to stop: an interrupt that came before the request would have met nothing, and the
 * request would run to its end.
 */
export async function runRequest(
  run: AttemptRun,
  request: RunnerRequest,
  onMessage: (message: RunnerMessage) => void,
): Promise<RequestOutcome> {
  if (run.stop.aborted) return NOT_STARTED;
  return run.containment.run(request, onMessage);
}
