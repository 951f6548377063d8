import { mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { systemCode } from "../errors.ts";

/** Folders that the runner makes for one engine request each. */
const ENGINE_PREFIX = "engine-";
const MS_PER_SECOND = 1_000;

/** Where the folder of one attempt is while it runs. */
export function attemptFolder(dataDir: string, workerId: string, attemptId: string): string {
  return path.join(path.resolve(dataDir), "attempts", workerId, attemptId);
}

/** Keeps the folder of a failed attempt for whoever looks into it, in the place of the stack's one before. */
export async function keepFailure(dataDir: string, stackId: string, folder: string): Promise<void> {
  const kept = path.join(path.resolve(dataDir), "failures", stackId);
  const [age, keptAge] = await Promise.all([changedAt(folder), changedAt(kept)]);
  // The attempt of a worker on another machine has no folder here.
  if (age === null) return;
  // One of long ago does not replace what came after it, and nobody else would remove it while its worker lives.
  if (keptAge !== null && keptAge > age) {
    await rm(folder, { recursive: true, force: true });
    return;
  }
  await mkdir(path.dirname(kept), { recursive: true, mode: 0o700 });
  await rm(kept, { recursive: true, force: true });
  try {
    await rename(folder, kept);
  } catch (error) {
    // Another worker of this machine was faster.
    if (systemCode(error) !== "ENOENT") throw error;
    return;
  }
  // What a killed runner could not remove: the engine's raw event log, before anything was made unreadable in it.
  for (const name of await readdir(kept)) {
    if (name.startsWith(ENGINE_PREFIX)) await rm(path.join(kept, name), { recursive: true, force: true });
  }
  // Its age is the attempt's, not that of the tidying: a later attempt must still be the younger one.
  await utimes(kept, age / MS_PER_SECOND, age / MS_PER_SECOND);
}

async function changedAt(folder: string): Promise<number | null> {
  try {
    return (await stat(folder)).mtimeMs;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Ids of the attempts that have folders of a worker here. */
export function attemptsWithFolders(dataDir: string, workerId: string): Promise<string[]> {
  return namesIn(path.join(path.resolve(dataDir), "attempts", workerId));
}

/** Ids of the workers that have folders of attempts here. */
export function workersWithFolders(dataDir: string): Promise<string[]> {
  return namesIn(path.join(path.resolve(dataDir), "attempts"));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Removes all that a worker left. The caller knows that it is gone. */
export async function removeWorkerFolders(dataDir: string, workerId: string): Promise<void> {
  await rm(path.join(path.resolve(dataDir), "attempts", workerId), { recursive: true, force: true });
}
