import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open, readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { SlipwayError, systemCode } from "../../errors.ts";

const MAX_REPORT_BYTES = 64 * 1024 * 1024;
const MAX_REPORT_FILES = 1000;

/**
 * The text of a report below a project's folder, in chunks. Throws `report_unreadable` for what is not there, no file, too big, or reached by a link that leaves the folder: reports
 * are written by the project's own programs.
 */
export async function* readReport(folder: string, file: string): AsyncGenerator<string> {
  const found = await inside(folder, file);
  // Without waiting for a writer: what lies there may be a pipe.
  const handle = await open(found, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await refuseOddFile(handle, file);
    const stream = handle.createReadStream({ encoding: "utf8", autoClose: false, end: MAX_REPORT_BYTES });
    for await (const chunk of stream) yield chunk as string;
  } finally {
    await handle.close();
  }
}

/** The files that a name stands for: itself, or all *.xml of a folder in their order. Throws as readReport does. */
export async function reportFiles(folder: string, name: string): Promise<string[]> {
  const found = await inside(folder, name);
  if (!(await stat(found)).isDirectory()) return [name];
  const names = (await readdir(found)).filter((one) => one.endsWith(".xml")).sort();
  if (names.length === 0) throw unreadable(`there is no *.xml in ${name}`);
  if (names.length > MAX_REPORT_FILES)
    throw unreadable(`${name} holds more than ${MAX_REPORT_FILES} reports`);
  return names.map((one) => path.posix.join(name, one));
}

/** A report that cannot be used, and why. */
export function unreadable(why: string, cause?: unknown): SlipwayError {
  return new SlipwayError("report_unreadable", why, { cause });
}

async function inside(folder: string, file: string): Promise<string> {
  try {
    const [root, found] = await Promise.all([realpath(folder), realpath(path.join(folder, file))]);
    if (found === root || found.startsWith(root + path.sep)) return found;
  } catch (error) {
    throw unreadable(
      systemCode(error) === "ENOENT" ? `there is no ${file}` : `${file} cannot be read`,
      error,
    );
  }
  throw unreadable(`${file} is a link out of the project's folder`);
}

async function refuseOddFile(handle: FileHandle, file: string): Promise<void> {
  const found = await handle.stat();
  if (!found.isFile()) throw unreadable(`${file} is no file`);
  if (found.size > MAX_REPORT_BYTES)
    throw unreadable(`${file} is bigger than ${MAX_REPORT_BYTES / 1024 / 1024} MiB`);
}
