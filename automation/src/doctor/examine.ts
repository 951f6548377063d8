import type { Environment, StartConfig } from "../config.ts";
import type { DoctorCheck } from "./check.ts";
import { checkDatabase } from "./database.ts";
import { checkKeys } from "./keys.ts";
import { checkContainment, checkDisk, checkPort } from "./machine.ts";
import { checkGit, checkNode, checkNpm, checkPulumi } from "./programs.ts";

/**
 * Looks at everything that Slipway needs on this machine: versions, engine, database, disk, port, containment. Changes and
 * starts nothing. Answers the checks in the order in which they are worth reading.
 */
export async function examine(config: StartConfig, env: Environment): Promise<DoctorCheck[]> {
  const checks = await Promise.all([
    Promise.resolve(checkNode(process.versions.node)),
    checkNpm(env),
    checkGit(env),
    checkPulumi(env),
    checkContainment(),
    checkDatabase(config),
    checkKeys(config),
    Promise.resolve(checkDisk(config.dataDir)),
    checkPort(config),
  ]);
  return checks.flat();
}
