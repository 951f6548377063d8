import { lchown, mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { findProgram } from "../engine/containment-level.ts";
import { messageOf } from "../errors.ts";
import { asOwnUser, GATE_USER } from "../gates/own-user.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { runCommand } from "./run-command.ts";

const PROBE_TIMEOUT_SECONDS = 10;

/** How the commands of an attempt's gates are started. */
export interface GateCommands {
  /** Comes before the command's own arguments. */
  wrapper(cwd: string): readonly string[];
  env: Readonly<Record<string, string>>;
}

/**
 * Makes ready to run gates' commands as a user of their own, where the worker is root and the host has the means: they see neither the worker's data folder, with the tokens and keys in it, nor what other
 * attempts have. Elsewhere they run as the worker does, and the step's output says why.
 */
export async function gateCommands(run: AttemptRun, step: string): Promise<GateCommands> {
  const { commandEnvironment } = preparedOf(run);
  const asWorker: GateCommands = { wrapper: () => [], env: commandEnvironment };
  // It has no rights to give up.
  if (process.getuid?.() !== 0) return asWorker;
  try {
    return await ownUser(run, step);
  } catch (error) {
    const line = `Gates run as the worker's own user here: ${messageOf(error)}`;
    run.events.emit({ type: "output", step, stream: "stderr", line });
    return asWorker;
  }
}

async function ownUser(run: AttemptRun, step: string): Promise<GateCommands> {
  const { workDir, commandEnvironment } = preparedOf(run);
  const means = { bwrap: await findProgram("bwrap"), setpriv: await findProgram("setpriv") };
  const dataDir = path.resolve(run.context.dataDir);
  const own = path.join(run.folder, "gates");
  const [home, tmp] = [path.join(own, "home"), path.join(own, "tmp")];
  for (const folder of [home, tmp]) await mkdir(folder, { recursive: true, mode: 0o700 });
  // Programs beside which their libraries lie, as npm's do.
  const programs = (commandEnvironment.PATH ?? "")
    .split(path.delimiter)
    .filter((one) => one !== "" && !isIn(one, workDir));
  const seen = {
    hidden: [dataDir],
    writable: [workDir, home, tmp],
    readable: [
      path.join(dataDir, "dependencies"),
      ...programs.flatMap((folder) => [folder, path.join(folder, "..", "lib", "node_modules")]),
    ],
  };
  const { NODE_COMPILE_CACHE: _, ...env } = commandEnvironment;
  const commands: GateCommands = {
    wrapper: (cwd) => asOwnUser(means, seen, cwd),
    env: { ...env, HOME: home, TMPDIR: tmp },
  };
  await Promise.all([giveTo(workDir), giveTo(own)]);
  const { outcome, tail } = await runCommand(run, step, {
    argv: [...commands.wrapper(workDir), "true"],
    cwd: workDir,
    env: commands.env,
    timeoutSeconds: PROBE_TIMEOUT_SECONDS,
    secrets: [],
  });
  if (outcome.status === "failed" || outcome.status === "timed-out")
    throw new Error(outcome.errors[0] ?? tail.at(-1) ?? "it could not be separated");
  return commands;
}

/** Commands write reports and caches beside the source, which is the attempt's own copy. Links are not followed. */
async function giveTo(folder: string): Promise<void> {
  await lchown(folder, GATE_USER.uid, GATE_USER.gid);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const at = path.join(folder, entry.name);
    if (entry.isDirectory()) await giveTo(at);
    else await lchown(at, GATE_USER.uid, GATE_USER.gid);
  }
}

function isIn(folder: string, other: string): boolean {
  return folder === other || folder.startsWith(other + path.sep);
}
