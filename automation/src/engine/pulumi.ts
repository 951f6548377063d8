import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { type ChildEnd, runChild } from "./child.ts";
import { statusOf } from "./command.ts";
import { digestEvents, slimEvent } from "./engine-events.ts";
import { QUIET_ENGINE_ENVIRONMENT } from "./environment.ts";
import { followEventLog } from "./event-log.ts";
import { pulumiArguments } from "./pulumi-arguments.ts";
import { createRedactor, type Redactor } from "./redact.ts";
import type { PulumiRequest, RequestOutcome } from "./runner-protocol.ts";
import { writeStackConfig } from "./stack-config.ts";
import { enterStack } from "./stack-lock.ts";
import { backendStackName, readStackState, stackParts } from "./state-outputs.ts";
import type { Supervision } from "./supervision.ts";

/** How many of the CLI's own error lines are kept for an outcome without diagnostics. */
const MAX_ERROR_LINES = 20;

/**
 * Carries out an engine request with one start of the CLI (two for a stack that does not exist yet). Never throws for a
 * failed deployment: whatever prevented it is in `errors`.
 */
export async function runPulumi(request: PulumiRequest, supervision: Supervision): Promise<RequestOutcome> {
  const startedAt = performance.now();
  const secretConfig = Object.values(request.config).flatMap((entry) => (entry.secret ? [entry.value] : []));
  const redactor = createRedactor([...request.secrets, ...secretConfig]);
  const folder = await mkdtemp(join(supervision.attemptDir, "engine-"));
  let wasKilled = false;
  let leaveStack = (): Promise<void> => Promise.resolve();
  try {
    leaveStack = await enterStack(request.env.PULUMI_BACKEND_URL ?? "", request.stack);
    const outcome = await operate(request, supervision, redactor, folder);
    wasKilled = outcome.signal !== null;
    return { ...outcome, durationMs: performance.now() - startedAt };
  } catch (error) {
    return {
      status: supervision.isInterrupted() ? "interrupted" : "failed",
      exitCode: null,
      signal: null,
      durationMs: performance.now() - startedAt,
      errors: [redactor.text(messageOf(error))],
      changes: {},
      outputs: null,
    };
  } finally {
    // A CLI that was killed may have left its lock; then the note that it ran stays, and the next run clears up.
    if (!wasKilled) await leaveStack();
    await rm(folder, { recursive: true, force: true });
  }
}

async function operate(
  request: PulumiRequest,
  supervision: Supervision,
  redactor: Redactor,
  folder: string,
): Promise<Omit<RequestOutcome, "durationMs">> {
  const backendUrl = request.env.PULUMI_BACKEND_URL ?? "";
  const stack = backendStackName(backendUrl, request.stack);
  const files = { stack, configFile: join(folder, "config.yaml"), eventLog: join(folder, "events.jsonl") };
  const args = pulumiArguments(request, files);

  let state = await readStackState(backendUrl, request.stack);
  if (state === undefined) {
    const created = await createStack(request, supervision, redactor, folder, stack);
    if (created.end.exitCode !== 0 || supervision.isInterrupted()) {
      return outcomeOf(created.end, supervision, created.errors, {}, null);
    }
    state = await readStackState(backendUrl, request.stack);
  }
  await writeStackConfig(files.configFile, {
    config: request.config,
    encryptionSalt: state?.encryptionSalt,
    passphraseFile: request.env.PULUMI_CONFIG_PASSPHRASE_FILE,
    knownKey: request.secretsKey,
  });

  const digest = digestEvents();
  const log = await followEventLog(files.eventLog, (raw) => {
    const slim = slimEvent(raw);
    if (slim === null) return;
    const event = redactor.json(slim) as Record<string, unknown>;
    digest.add(event);
    supervision.send({ type: "engine-event", id: request.id, event });
  });
  const { end, errors } = await runCli(request, supervision, redactor, request.workDir, args);
  await log.end();

  const ended = request.operation === "preview" ? undefined : await readStackState(backendUrl, request.stack);
  return outcomeOf(
    end,
    supervision,
    digest.errors.length > 0 ? digest.errors : errors,
    digest.changes,
    (redactor.json(ended?.outputs ?? null) as RequestOutcome["outputs"]) ?? null,
  );
}

function outcomeOf(
  end: ChildEnd,
  supervision: Supervision,
  errors: string[],
  changes: Record<string, number>,
  outputs: RequestOutcome["outputs"],
): Omit<RequestOutcome, "durationMs"> {
  return {
    status: statusOf(end, supervision.isInterrupted()),
    exitCode: end.exitCode,
    signal: end.signal,
    errors: end.startError === undefined ? errors : [end.startError, ...errors],
    changes,
    outputs,
  };
}

/** In a folder of its own: `stack init` writes a config file beside the Pulumi.yaml that it finds. */
async function createStack(
  request: PulumiRequest,
  supervision: Supervision,
  redactor: Redactor,
  folder: string,
  stack: string,
): Promise<{ end: ChildEnd; errors: string[] }> {
  const projectDir = join(folder, "project");
  await mkdir(projectDir);
  const { project } = stackParts(stack);
  await writeFile(join(projectDir, "Pulumi.yaml"), JSON.stringify({ name: project, runtime: "nodejs" }));
  const args = ["stack", "init", "--non-interactive", "--color=never", "--no-select", `--stack=${stack}`];
  return await runCli(request, supervision, redactor, projectDir, args);
}

async function runCli(
  request: PulumiRequest,
  supervision: Supervision,
  redactor: Redactor,
  cwd: string,
  args: readonly string[],
): Promise<{ end: ChildEnd; errors: string[] }> {
  const errors: string[] = [];
  const end = await runChild(
    {
      argv: [request.pulumiPath, ...args],
      cwd,
      env: { ...request.env, ...QUIET_ENGINE_ENVIRONMENT },
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
