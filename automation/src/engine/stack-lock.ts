import { mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { systemCode } from "../errors.ts";
import { backendFolder, isFileBackend, stackParts } from "./state-outputs.ts";

/*
 * A file backend's lock is a file that a killed CLI leaves behind, and every later update is refused because of it. Its
 * content (pid, host) does not tell whether its owner lives: the pid is one of a namespace that is gone. So each engine run
 * notes beforehand which locks there are. A note that is still there at the next run was left by a run that was killed, and
 * since the right to write is only given on when a containment is empty, the locks that came after the note have no owner.
 */
const RunNote = z.object({ locksBefore: z.array(z.string()) });

/**
 * Called before the CLI is started on a stack, by whoever has the right to write. Removes the locks of a run that was killed;
 * never one that was there before that run. Returns what to call when the CLI has ended by itself.
 */
export async function enterStack(backendUrl: string, stack: string): Promise<() => Promise<void>> {
  if (!isFileBackend(backendUrl)) return () => Promise.resolve();
  const { project, name } = stackParts(stack);
  const folder = backendFolder(backendUrl);
  // Source of the path: pkg/backend/diy/lock.go at 3.250.0.
  const locks = join(folder, ".pulumi", "locks", "organization", project, name);
  const noteFile = join(folder, ".slipway", "running", project, `${name}.json`);

  const note = await readNote(noteFile);
  if (note !== undefined) {
    const orphans = (await namesIn(locks)).filter((lock) => !note.locksBefore.includes(lock));
    await Promise.all(orphans.map((lock) => rm(join(locks, lock), { force: true })));
  }
  await writeNote(noteFile, { locksBefore: await namesIn(locks) });
  return () => rm(noteFile, { force: true });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}

async function readNote(file: string): Promise<z.infer<typeof RunNote> | undefined> {
  try {
    return RunNote.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function writeNote(file: string, note: z.infer<typeof RunNote>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, "w", 0o600);
  try {
    await handle.writeFile(JSON.stringify(note));
    // A lock that outlives a power cut whose note does not would block the stack for good.
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
