import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import type { DependencyPlan } from "./key.ts";
import { dependencyKey, installerArguments } from "./key.ts";
import { copySkeleton } from "./skeleton.ts";

/** Installed dependencies, one folder for each set; a folder is complete or not there. */
export interface DependencyStore {
  readonly root: string;
  /**
   * The folder of a set, installed by `run` when it is not there yet. Two that need the same set at once install it once. Throws what `run` throws; nothing half-done is left then.
   */
  provide(plan: DependencyPlan, sourceDir: string, run: Installer): Promise<ProvidedDependencies>;
  /** The folder of a set made for any Node; for a rollback, which must not reach for a registry. Undefined when there is none. */
  find(plan: DependencyPlan): Promise<string | undefined>;
}

export interface ProvidedDependencies {
  folder: string;
  /** False when it was in the store already. */
  installed: boolean;
}

/** Runs `argv` in `folder` and resolves when it succeeded. */
export type Installer = (argv: string[], folder: string) => Promise<void>;

/** Prefix of a folder that is being installed into; the id of the process follows. */
const INSTALLING = ".installing-";

/** Removes what processes of this machine that were killed have left half-installed. One whose id another process has by now stays until that one ends. */
export async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith(INSTALLING)) continue;
    const pid = Number(name.slice(INSTALLING.length).split("-")[0]);
    if (!isRunning(pid)) await rm(path.join(root, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    // Somebody else's process has the id.
    return systemCode(error) === "EPERM";
  }
}

/** The store in `<dataDir>/dependencies`. */
export async function openDependencyStore(dataDir: string): Promise<DependencyStore> {
  const root = path.join(path.resolve(dataDir), "dependencies");
  await mkdir(root, { recursive: true, mode: 0o700 });
  await removeAbandoned(root);
  const installing = new Map<string, Promise<void>>();

  const install = async (
    folder: string,
    plan: DependencyPlan,
    sourceDir: string,
    run: Installer,
  ): Promise<void> => {
    const temporary = path.join(root, `${INSTALLING}${process.pid}-${randomUUID()}`);
    try {
      await mkdir(temporary, { mode: 0o700 });
      await copySkeleton(sourceDir, temporary);
      await run(installerArguments(plan.workspaces), temporary);
      // A project without any dependency gets no folder from npm.
      await mkdir(path.join(temporary, "node_modules"), { recursive: true });
      await rename(temporary, folder).catch(async (error: unknown) => {
        // Another worker on the same data folder was faster; what it installed is the same.
        if (!(await isFolder(folder))) throw error;
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  };

  return {
    root,
    async provide(plan, sourceDir, run) {
      const folder = path.join(root, dependencyKey(plan).folder);
      while (!(await isFolder(folder))) {
        const other = installing.get(folder);
        if (other !== undefined) {
          // The other attempt may be cancelled or fail for a reason of its own; then this one tries.
          await other.catch(() => {});
          continue;
        }
        const mine = install(folder, plan, sourceDir, run).finally(() => installing.delete(folder));
        installing.set(folder, mine);
        await mine;
        return { folder, installed: true };
      }
      return { folder, installed: false };
    },
    async find(plan) {
      const { what, folder } = dependencyKey(plan);
      const names = await readdir(root);
      const name = names.includes(folder) ? folder : names.find((one) => one.startsWith(`${what}-`));
      return name === undefined ? undefined : path.join(root, name);
    },
  };
}

/** The error of a rollback whose dependencies are not on this machine and cannot be installed; `cause` says why. */
export function dependenciesMissing(lockfileDigest: string, cause: unknown): SlipwayError {
  return new SlipwayError(
    "dependencies_missing",
    `the dependencies of lockfile ${lockfileDigest} are not in this worker's store, and could not be installed: ${messageOf(cause)}`,
    {
      cause,
      remedy:
        "Roll back on the machine that has deployed the release, or restore the dependencies folder of its data folder from a backup.",
    },
  );
}

async function isFolder(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
