import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { type ChildEnd, runChild } from "./child.ts";
import { statusOf } from "./command.ts";
import { cutValues, type DriftFacts, driftOf } from "./drift-facts.ts";
import { digestEvents, slimEvent } from "./engine-events.ts";
import { quietEnvironment } from "./environment.ts";
import { followEventLog } from "./event-log.ts";
import type { StepCollector } from "./planned-steps.ts";
import { collectSteps } from "./planned-steps.ts";
import { pulumiArguments } from "./pulumi-arguments.ts";
import { createRedactor, type Redactor } from "./redact.ts";
import type { PulumiRequest, RequestOutcome } from "./runner-protocol.ts";
import { writeStackConfig } from "./stack-config.ts";
import type { Supervision } from "./supervision.ts";

/** How many of the CLI's own error lines are kept for an outcome without diagnostics. */
const MAX_ERROR_LINES = 20;

/**
 * Carries out an engine request with one start of the CLI. Never throws for a failed deployment: whatever prevented it is in `errors`.
 */
export async function runPulumi(request: PulumiRequest, supervision: Supervision): Promise<RequestOutcome> {
  const startedAt = performance.now();
  const redactor = createRedactor(request.secrets);
  const folder = await mkdtemp(join(supervision.attemptDir, "engine-"));
  try {
    const outcome = await operate(request, supervision, redactor, folder);
    return { ...outcome, durationMs: performance.now() - startedAt };
  } catch (error) {
    return {
      status: supervision.isInterrupted() ? "interrupted" : "failed",
      exitCode: null,
      signal: null,
      durationMs: performance.now() - startedAt,
      errors: [redactor.text(messageOf(error))],
      changes: {},
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function operate(
  request: PulumiRequest,
  supervision: Supervision,
  redactor: Redactor,
  folder: string,
): Promise<Omit<RequestOutcome, "durationMs">> {
  const files = {
    configFile: join(folder, "config.yaml"),
    eventLog: join(folder, "events.jsonl"),
    policyConfigs: await writePolicyConfigs(request, folder),
  };
  const args = pulumiArguments(request, files);
  await writeStackConfig(files.configFile, request.config);

  const digest = digestEvents();
  const collector = collectorOf(request);
  const log = await followEventLog(files.eventLog, (raw) => {
    collector?.add(raw);
    const slim = slimEvent(raw);
    if (slim === null) return;
    const drift = request.operation === "detect-drift" ? driftOf(raw) : null;
    const event = redactor.json(slim) as Record<string, unknown>;
    if (drift !== null) event.drift = cutValues(redactor.json(drift) as DriftFacts);
    digest.add(event);
    supervision.send({ type: "engine-event", id: request.id, event });
  });
  const { end, errors } = await runCli(request, supervision, redactor, folder, args);
  await log.end();
  if (collector !== null && request.reportPath !== undefined) {
    // `wx`: what the program laid there itself is no report.
    const report = JSON.stringify(redactor.json(collector.report()));
    await writeFile(request.reportPath, report, { mode: 0o600, flag: "wx" });
  }

  const said = digest.errors.length > 0 ? digest.errors : errors;
  return {
    status: statusOf(end, supervision.isInterrupted()),
    exitCode: end.exitCode,
    signal: end.signal,
    errors: end.startError === undefined ? said : [end.startError, ...said],
    changes: digest.changes,
  };
}

function collectorOf({ operation, reportPath }: PulumiRequest): StepCollector | null {
  if (reportPath === undefined) return null;
  return operation === "preview" || operation === "preview-destroy" || operation === "preview-refresh"
    ? collectSteps(operation)
    : null;
}

/** The CLI takes the config of a pack as a file. */
function writePolicyConfigs({ policyPacks = [] }: PulumiRequest, folder: string): Promise<string[]> {
  return Promise.all(
    policyPacks.map(async ({ config }, index) => {
      const file = join(folder, `policy-${index}.json`);
      await writeFile(file, JSON.stringify(config), { mode: 0o600 });
      return file;
    }),
  );
}

async function runCli(
  request: PulumiRequest,
  supervision: Supervision,
  redactor: Redactor,
  folder: string,
  args: readonly string[],
): Promise<{ end: ChildEnd; errors: string[] }> {
  const errors: string[] = [];
  const end = await runChild(
    {
      argv: [request.pulumiPath, ...args],
      cwd: request.workDir,
      // The CLI writes the token that it is given to a file: to one that goes when this request ends.
      env: { ...request.env, ...quietEnvironment(request.operation), PULUMI_CREDENTIALS_PATH: folder },
      // The CLI passes an interrupt on by itself; the same signal to its children would end them first.
      interrupts: "process",
      redactor,
      // What it shows on stdout is what its events say already.
      reads: ["stderr"],
      onLine: (stream, line) => {
        if (line.startsWith("error: ") && errors.length < MAX_ERROR_LINES) errors.push(line.slice(7));
        supervision.send({ type: "output", id: request.id, stream, line });
      },
    },
    supervision,
  );
  return { end, errors };
}
