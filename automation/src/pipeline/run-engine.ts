import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { makeAttemptToken } from "../access/attempt-tokens.ts";
import { unpackedServiceFolder } from "../artifacts/service-folder.ts";
import { eventOf } from "../engine/map-event.ts";
import type { PlanViolation } from "../engine/plan-violation.ts";
import { planViolationAmong } from "../engine/plan-violation.ts";
import type { EngineOperation, EngineOptions, RequestOutcome } from "../engine/runner-protocol.ts";
import { livePins } from "../shipments/rules.ts";
import { servingShipment } from "../shipments/store.ts";
import { currentFacts } from "../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun, StepOutcome } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { listenToPacks, notePacks, packsAskedBy } from "./policy-findings.ts";
import { placeOfSyntaxError, readProgramFailure } from "./program-failure.ts";
import { runCommand } from "./run-command.ts";
import { runRequest } from "./run-request.ts";

const SYNTAX_CHECK_TIMEOUT_SECONDS = 10;

/** Files that outlive the request. `planPath`: saved by a preview, and binding an update. `reportPath`: what a preview said. */
export interface EnginePaths {
  planPath?: string;
  reportPath?: string;
}

/** Runs one engine operation in the attempt's containment and passes on what happens as events of the step. */
export async function runEngine(
  run: AttemptRun,
  step: string,
  operation: EngineOperation,
  { planPath, reportPath }: EnginePaths = {},
  onEngineEvent: (event: Readonly<Record<string, unknown>>) => void = () => {},
  more: Pick<EngineOptions, "targets"> = {},
): Promise<RequestOutcome> {
  const { workDir, config, secrets, engineEnvironment } = preparedOf(run);
  const artifactsFile = await writeArtifacts(run);
  const pinsFile = await writePins(run);
  const token = await engineToken(run, operation);
  const traceParent = run.spans.traceParent();
  const tracesTo = traceParent === null ? null : run.context.tracing.engineEndpoint;
  const env = {
    ...engineEnvironment,
    ...(traceParent === null ? {} : { TRACEPARENT: traceParent }),
    PULUMI_ACCESS_TOKEN: token,
    ...(artifactsFile === null ? {} : { SLIPWAY_ARTIFACTS: artifactsFile }),
    ...(pinsFile === null ? {} : { SLIPWAY_PINS: pinsFile }),
  };
  const { organisation, project, stack } = run.claim;
  const said = listenToPacks(run);
  const packs = packsAskedBy(operation, run.results.policies);
  return runRequest(
    run,
    {
      type: "pulumi",
      id: randomUUID(),
      operation,
      pulumiPath: run.context.pulumiPath,
      workDir,
      stack: `${organisation}/${project}/${stack}`,
      config,
      options: { ...engineOptions(run, operation), ...more },
      ...(packs.length === 0
        ? {}
        : {
            policyPacks: packs.map(({ path: folder, config: settings }) => ({
              path: folder,
              config: settings,
            })),
          }),
      ...(planPath === undefined ? {} : { planPath }),
      ...(reportPath === undefined ? {} : { reportPath }),
      ...(tracesTo === null ? {} : { tracesTo }),
      env,
      secrets: [...secrets, token],
    },
    (message) => {
      if (message.type === "engine-event") {
        onEngineEvent(message.event);
        notePacks(said, message.event);
        const event = eventOf(step, message.event);
        if (event === null) return;
        // What is only read again, before a rollback and after shipping, is no change of it.
        if (mayChange(operation) && step !== "reconcile" && step !== "ship") run.account.add(event);
        run.events.emit(event);
      } else if (message.type === "output" && message.stream === "stderr" && isForPeople(message.line)) {
        run.events.emit({ type: "output", step, stream: "stderr", line: message.line });
      }
    },
  );
}

/** The state backend holds an engine to it: the token of one that only looks starts no update. */
function mayChange(operation: EngineOperation): boolean {
  return operation === "update" || operation === "refresh" || operation === "destroy";
}

/** A token for this one operation, good for the attempt's stack while the attempt holds it. */
function engineToken({ context, claim, stop }: AttemptRun, operation: EngineOperation): Promise<string> {
  const grant = { attemptId: claim.attemptId, mayChange: mayChange(operation) };
  // One whose reply was lost is known to nobody and ends with the attempt.
  return holdWhileDatabaseIsAway(
    () => context.db.transaction().execute((trx) => makeAttemptToken(trx, grant)),
    stop,
  );
}

/** The CLI's advice about its plan file speaks of a command that nobody here runs, and its token is ours. */
function isForPeople(line: string): boolean {
  return (
    line.trim() !== "" &&
    !line.startsWith("Logging in using access token from ") &&
    !line.startsWith("Update plan written to ") &&
    !line.startsWith("Run `pulumi up --plan=")
  );
}

const REMEDY_OF_A_CHANGE =
  "Correct what the message names and deploy again; the state records what was done.";
const REMEDIES: Partial<Record<EngineOperation, string>> = {
  preview: "Nothing was changed. Correct the program or its config and deploy again.",
  "preview-refresh": "Nothing was changed. Correct what the message names and refresh again.",
  "preview-destroy": "Nothing was changed. Correct what the message names and destroy again.",
  "detect-drift":
    "Nothing was changed, and whether the stack has drifted is not known. Correct what the message names and check again.",
};

/** How an engine operation that did not succeed ends its step. */
export async function failedEngine(
  run: AttemptRun,
  operation: EngineOperation,
  outcome: RequestOutcome,
): Promise<StepOutcome> {
  if (outcome.status === "interrupted") return { state: "stopped" };
  const error = outcome.errors[0]?.trim();
  const first =
    error === undefined
      ? `pulumi ended with ${outcome.signal ?? outcome.exitCode ?? "no exit code"}`
      : await firstFailingLine(run, operation, error);
  const account = mayChange(operation) ? ` ${run.account.describe()}` : "";
  const violation = operation === "update" ? planViolationAmong(outcome.errors) : null;
  if (violation !== null) {
    return {
      state: "failed",
      failure: {
        code: "plan_violation",
        detail: `${describeViolation(violation)}${account}`,
        remedy:
          "The program wanted something else than it had in the preview. Make it depend on its source and config alone, and deploy again.",
      },
    };
  }
  return {
    state: "failed",
    failure: {
      code: operation.startsWith("preview") ? "preview_failed" : `${operation.replace("-", "_")}_failed`,
      detail: `${sentence(first)}${account}`,
      remedy: REMEDIES[operation] ?? REMEDY_OF_A_CHANGE,
    },
  };
}

/** Pulumi reports a syntax error without its line; Node tells it when asked, without running the program. */
async function firstFailingLine(run: AttemptRun, step: string, error: string): Promise<string> {
  const { workDir, commandEnvironment, secrets } = preparedOf(run);
  const { said, unplacedIn } = readProgramFailure(error, workDir);
  if (unplacedIn === null || run.stop.aborted) return said;
  const { tail } = await runCommand(run, step, {
    argv: [run.context.nodePath, "--check", path.join(workDir, unplacedIn)],
    cwd: workDir,
    env: commandEnvironment,
    timeoutSeconds: SYNTAX_CHECK_TIMEOUT_SECONDS,
    secrets,
  });
  const place = placeOfSyntaxError(tail, workDir);
  return place === null ? said : said.replace(unplacedIn, place);
}

function describeViolation({ urn, properties }: PlanViolation): string {
  const named = properties.length === 0 ? "" : ` in ${properties.join(", ")}`;
  return `The update left its plan at ${urn ?? "a resource that the engine did not name"}${named}.`;
}

function sentence(text: string): string {
  const cut = text.slice(0, 2_000);
  return /[.!?]$/.test(cut) ? cut : `${cut}.`;
}

function engineOptions(run: AttemptRun, operation: EngineOperation): EngineOptions {
  const { targets, targetDependents, replace, refresh, parallel } = run.claim.options;
  const runsProgram = operation === "preview" || operation === "update";
  if (operation === "detect-drift") {
    const runProgram = run.pinned !== null;
    return {
      refresh: false,
      runProgram,
      // A second read of what was not found.
      ...(targets === undefined ? {} : { targets }),
      ...(parallel === undefined ? {} : { parallel }),
    };
  }
  return {
    refresh: operation !== "refresh" && operation !== "preview-refresh" && refresh === true,
    ...(targets === undefined ? {} : { targets }),
    ...(targetDependents === undefined ? {} : { targetDependents }),
    ...(replace === undefined || !runsProgram ? {} : { replace }),
    ...(parallel === undefined ? {} : { parallel }),
  };
}

/** The program's list of artifacts: `{<service>: {path, digest}}`. */
async function writeArtifacts(run: AttemptRun): Promise<string | null> {
  const { artifacts } = run.results;
  if (artifacts.length === 0) return null;
  const entries = await Promise.all(
    artifacts.map(async ({ name, digest }) => {
      const folder = await unpackedServiceFolder(run.context.artifacts, digest);
      return [name, { path: folder, digest }] as const;
    }),
  );
  const file = path.join(run.folder, "artifacts.json");
  await writeFile(file, JSON.stringify(Object.fromEntries(entries)), { mode: 0o600 });
  return file;
}

/** The program's list of the versions that serve, as they are now: a step before may have moved them. */
async function writePins({ context, claim, folder, stop }: AttemptRun): Promise<string | null> {
  const pins = await holdWhileDatabaseIsAway(async () => {
    const serving = await servingShipment(context.db, claim.stackId);
    if (serving === undefined) return {};
    const current = await currentFacts(context.db, context.keyring, claim.stackId);
    return livePins(serving.shipment.functions, serving.manifest, current?.facts.resources ?? []);
  }, stop);
  if (Object.keys(pins).length === 0) return null;
  const file = path.join(folder, "pins.json");
  await writeFile(file, JSON.stringify(pins), { mode: 0o600 });
  return file;
}
