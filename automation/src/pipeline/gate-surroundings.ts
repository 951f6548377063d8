import path from "node:path";
import type { Surroundings } from "../gates/look.ts";
import type { SourcedGate } from "../gates/merge.ts";
import { mergeGates } from "../gates/merge.ts";
import { isNotStarted } from "../gates/own-user.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import type { GateCommands } from "./gate-commands.ts";
import { gateCommands } from "./gate-commands.ts";
import { describeFailure, runCommand } from "./run-command.ts";
import { validateStack } from "./validate-stack.ts";

/** Of an attempt: the surroundings of its gates. */
export type GateSurroundings = Surroundings;

const MAX_OUTPUT_CHARACTERS = 64 * 1024;

/** The gates of an attempt: those that its stack required when it began, and what its source adds. */
export function gatesOf(run: AttemptRun): SourcedGate[] {
  return mergeGates(run.requiredGates, run.results.prepared?.files.manifest.gates ?? []);
}

/** Whether anything is looked at after the update. */
export function hasGatesAfter(run: AttemptRun): boolean {
  return gatesOf(run).some(({ gate }) => gate.phase === "after");
}

/** What the gates of an attempt are measured in. Its commands run in the containment, one at a time: a runner takes one request after another. */
export function surroundingsOf(
  run: AttemptRun,
  step: string,
  { outputs, updateEndedAtMs }: Pick<Surroundings, "outputs" | "updateEndedAtMs">,
): GateSurroundings {
  const { workDir, secrets } = preparedOf(run);
  const { organisation, project, stack, deploymentId } = run.claim;
  let last: Promise<unknown> = Promise.resolve();
  let commands: Promise<GateCommands> | undefined;
  return {
    outputs,
    updateEndedAtMs,
    names: { organisation, project, stack, deployment: deploymentId },
    folder: workDir,
    validate: (gate, check) => validateStack(run, step, { gate, check, outputs }),
    signal: run.stop,
    nowMs: () => run.context.clock.now().getTime(),
    runProgram(argv, cwd, timeoutSeconds) {
      const program = async () => {
        commands ??= gateCommands(run, step);
        const { wrapper, env } = await commands;
        let output = "";
        const { outcome, tail } = await runCommand(run, step, {
          argv: [...wrapper(cwd), ...argv],
          cwd,
          env: {
            ...env,
            // A workspace's own tools come before those of the root.
            PATH: [path.join(cwd, "node_modules", ".bin"), env.PATH].join(path.delimiter),
            SLIPWAY_OUTPUTS: JSON.stringify(outputs),
          },
          timeoutSeconds,
          secrets,
          onLine: (line) => {
            output = `${output}${line}\n`.slice(-2 * MAX_OUTPUT_CHARACTERS);
          },
        });
        const ended = isNotStarted(outcome.exitCode, tail) ? { ...outcome, exitCode: null } : outcome;
        return { outcome: ended, failure: describeFailure(argv, ended, tail), output };
      };
      // Whatever became of the one before it.
      const ran = last.then(program, program);
      last = ran;
      return ran;
    },
  };
}
