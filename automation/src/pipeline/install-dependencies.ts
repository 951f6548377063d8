import path from "node:path";
import type { ProvidedDependencies } from "../dependencies/install.ts";
import type { DependencyPlan } from "../dependencies/key.ts";
import { installerArguments } from "../dependencies/key.ts";
import { SlipwayError } from "../errors.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { describeFailure, runCommand } from "./run-command.ts";

const INSTALL_PROGRESS_SECONDS = 10;
const INSTALL_TIMEOUT_SECONDS = 900;

/**
 * The folder of a set of dependencies, installed in the attempt's containment when the store does not have it yet. Null: the attempt stops. Throws `install_failed`. `of` says for people whose they are.
 */
export async function installDependencies(
  run: AttemptRun,
  plan: DependencyPlan,
  sourceDir: string,
  of: { whose: string; remedy: string; failed?: (error: unknown) => unknown },
): Promise<ProvidedDependencies | null> {
  const { context } = run;
  let stopped = false;
  return context.dependencies
    .provide(plan, sourceDir, async (argv, folder) => {
      const tellProgress = (seconds: number): void => {
        const soFar = seconds === 0 ? "" : ` (${seconds} s so far)`;
        const detail = `Installing ${of.whose}${soFar}; the next deployment with this lockfile finds them.`;
        run.events.step("prepare", "running", detail);
      };
      tellProgress(0);
      let seconds = 0;
      const progress = setInterval(() => {
        seconds += INSTALL_PROGRESS_SECONDS;
        tellProgress(seconds);
      }, INSTALL_PROGRESS_SECONDS * 1_000);
      const env = {
        ...context.installerEnvironment,
        PATH: [...context.enginePath, context.hostPath].join(path.delimiter),
      };
      const { outcome, tail } = await runCommand(run, "prepare", {
        argv,
        cwd: folder,
        env,
        timeoutSeconds: INSTALL_TIMEOUT_SECONDS,
        secrets: [],
      }).finally(() => clearInterval(progress));
      if (outcome.status === "succeeded") return;
      stopped = outcome.status === "interrupted";
      const argvOfPlan = installerArguments(plan.workspaces);
      throw new SlipwayError("install_failed", describeFailure(argvOfPlan, outcome, tail), {
        remedy: of.remedy,
      });
    })
    .catch((error: unknown) => {
      if (stopped) return null;
      throw of.failed === undefined ? error : of.failed(error);
    });
}
