import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/** One regular file of a folder: lower-case hex SHA-256 of its bytes, its size in bytes, its path relative to the folder with `/` between the parts. */
export interface FolderEntry {
  sha256: string;
  size: number;
  path: string;
}

/**
 * The content address of a folder: `sha256:` and the hex SHA-256 of the lines `<sha256hex> <size> <path>\n`, one for each
 * regular file, ordered by the bytes of their paths. Modes, times and empty folders do not count. Throws when the folder holds
 * anything else (a symbolic link, socket, device): such a folder has no content that could be copied faithfully.
 */
export async function digestFolder(folder: string): Promise<string> {
  return digestEntries(await listFolder(folder));
}

/** The files of a folder in the order of their digest lines. Throws as `digestFolder` does. */
export async function listFolder(folder: string): Promise<FolderEntry[]> {
  const entries: FolderEntry[] = [];
  for (const path of await regularFiles(folder, "")) {
    const { sha256, size } = await hashFile(join(folder, path));
    entries.push({ sha256, size, path });
  }
  return entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

/** The digest of a folder whose files are already listed in order. */
export function digestEntries(entries: readonly FolderEntry[]): string {
  const hash = createHash("sha256");
  for (const entry of entries) hash.update(`${entry.sha256} ${entry.size} ${entry.path}\n`);
  return `sha256:${hash.digest("hex")}`;
}

async function regularFiles(folder: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(join(folder, prefix))) {
    const path = prefix === "" ? name : `${prefix}/${name}`;
    // A line feed would let two different folders have the same lines.
    if (name.includes("\n")) throw new Error(`file name with a line break in ${folder}`);
    const stat = await lstat(join(folder, path));
    if (stat.isDirectory()) found.push(...(await regularFiles(folder, path)));
    else if (stat.isFile()) found.push(path);
    else throw new Error(`${path} in ${folder} is neither a regular file nor a folder`);
  }
  return found;
}

async function hashFile(path: string): Promise<{ sha256: string; size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  await pipeline(createReadStream(path), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      size += chunk.length;
      hash.update(chunk);
    }
  });
  return { sha256: hash.digest("hex"), size };
}
