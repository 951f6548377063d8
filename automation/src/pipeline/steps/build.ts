import path from "node:path";
import { z } from "zod";
import { storeServiceFolder } from "../../artifacts/service-folder.ts";
import { recordArtifact } from "../../artifacts/store.ts";
import type { Promoted } from "../../promotions/store.ts";
import type { Service } from "../../sources/slipway-yaml.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, BuiltArtifact, StepOutcome } from "../attempt-run.ts";
import { failureOf, keptResult, preparedOf } from "../attempt-run.ts";
import { describeFailure, runCommand } from "../run-command.ts";

const BUILD_TIMEOUT_SECONDS = 1_800;
const TEST_TIMEOUT_SECONDS = 1_800;

const BuiltArtifacts = z.array(z.object({ name: z.string(), digest: z.string() }));

/** Runs each service's build commands and puts what they left behind into the artifact store. */
export async function build(run: AttemptRun): Promise<StepOutcome> {
  const services = Object.entries(preparedOf(run).files.manifest.services);
  if (run.promoted !== null) {
    const { stack, release } = run.promoted;
    return { state: "skipped", detail: `takes what was built for release ${release} of ${stack}` };
  }
  if (services.length === 0) return { state: "skipped", detail: "slipway.yaml declares no services" };
  const known = BuiltArtifacts.safeParse(keptResult(run, "build")?.result);
  if (known.success) {
    run.results.artifacts = known.data;
    return { state: "succeeded", detail: "built by an earlier attempt", result: known.data };
  }
  const built: BuiltArtifact[] = [];
  for (const [name, service] of services) {
    const ended = await runAll(run, "build", name, service, service.build ?? [], BUILD_TIMEOUT_SECONDS);
    if (ended !== null) return ended;
    try {
      const folder = path.join(preparedOf(run).workDir, service.path, service.artifact);
      const stored = await storeServiceFolder(run.context.artifacts, folder);
      await holdWhileDatabaseIsAway(
        () => recordArtifact(run.context.db, { ...stored, kind: "service" }),
        run.stop,
      );
      built.push({ name, digest: stored.digest });
    } catch (error) {
      return { state: "failed", failure: failureOf("build_failed", error) };
    }
  }
  run.results.artifacts = built;
  return { state: "succeeded", result: built };
}

/** Runs each service's test commands. */
export async function test(run: AttemptRun): Promise<StepOutcome> {
  const services = Object.entries(preparedOf(run).files.manifest.services);
  if (run.promoted !== null) return { state: "skipped", detail: describeTests(run.promoted) };
  if (services.every(([, service]) => service.test === undefined)) {
    return { state: "skipped", detail: "slipway.yaml declares no tests" };
  }
  if (keptResult(run, "test") !== undefined) {
    return { state: "succeeded", detail: "passed in an earlier attempt" };
  }
  for (const [name, service] of services) {
    const ended = await runAll(run, "test", name, service, service.test ?? [], TEST_TIMEOUT_SECONDS);
    if (ended !== null) return ended;
  }
  return { state: "succeeded" };
}

function describeTests({ stack, release, tests }: Promoted): string {
  const where = `for release ${release} of ${stack}`;
  if (tests?.state === "succeeded") return `passed ${where}`;
  return `not run ${where}${tests?.detail == null ? "" : `: ${tests.detail}`}`;
}

async function runAll(
  run: AttemptRun,
  step: "build" | "test",
  name: string,
  service: Service,
  commands: readonly (readonly string[])[],
  timeoutSeconds: number,
): Promise<StepOutcome | null> {
  const { workDir, commandEnvironment, secrets } = preparedOf(run);
  const cwd = path.join(workDir, service.path);
  // A workspace's own tools come before those of the root.
  const env = {
    ...commandEnvironment,
    PATH: [path.join(cwd, "node_modules", ".bin"), commandEnvironment.PATH].join(path.delimiter),
  };
  const { clock } = run.context;
  const startedMs = clock.monotonicMs();
  const ended = (succeeded: boolean): void => {
    const durationMs = clock.monotonicMs() - startedMs;
    run.results.serviceRuns.push({ step, service: name, succeeded, durationMs });
  };
  for (const argv of commands) {
    if (run.stop.aborted) return { state: "stopped" };
    run.events.emit({ type: "output", step, stream: "stdout", line: `${name}: ${argv.join(" ")}` });
    const { outcome, tail } = await runCommand(run, step, { argv, cwd, env, timeoutSeconds, secrets });
    if (outcome.status === "interrupted") return { state: "stopped" };
    if (outcome.status === "succeeded") continue;
    ended(false);
    return {
      state: "failed",
      failure: {
        code: `${step}_failed`,
        detail: `${name}: ${describeFailure(argv, outcome, tail)}`,
        remedy: `Run the command in ${service.path}; nothing was deployed.`,
      },
    };
  }
  if (commands.length > 0) ended(true);
  return null;
}
