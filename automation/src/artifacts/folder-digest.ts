import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import path from "node:path";
import { SlipwayError } from "../errors.ts";

/** One regular file of a folder; `path` is relative, with `/` between its parts. */
export interface FolderFile {
  sha256: string;
  sizeBytes: number;
  path: string;
  executable: boolean;
}

/**
 * The content address of a folder: `sha256:` and the SHA-256 of one line `<sha256hex> <size> <path>` for each regular file,
 * ordered by the bytes of their paths. Throws `artifact_invalid` when the folder holds anything that is neither a file nor a folder.
 * The local target computes the same digest of what it is given, so that both sides can name the same content.
 */
export async function digestOfFolder(folder: string): Promise<{ digest: string; files: FolderFile[] }> {
  const files: FolderFile[] = [];
  for (const name of await regularFiles(folder, "")) {
    const stat = await lstat(path.join(folder, name));
    const { sha256, sizeBytes } = await digestOfFile(path.join(folder, name));
    files.push({ sha256, sizeBytes, path: name, executable: (stat.mode & 0o100) !== 0 });
  }
  files.sort((a, b) => comparePathBytes(a.path, b.path));
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file.sha256} ${file.sizeBytes} ${file.path}\n`);
  return { digest: `sha256:${hash.digest("hex")}`, files };
}

/** Orders by UTF-8 bytes; JavaScript's own order is by UTF-16 units and differs for characters beyond U+FFFF. */
export function comparePathBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** SHA-256 in lower-case hex and size of a file's bytes. */
export async function digestOfFile(file: string): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

async function regularFiles(folder: string, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(path.join(folder, prefix), { withFileTypes: true })) {
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    // A line feed would let two different folders have the same lines.
    if (entry.name.includes("\n")) throw invalid(folder, name, "has a line break in its name");
    if (entry.isDirectory()) found.push(...(await regularFiles(folder, name)));
    else if (entry.isFile()) found.push(name);
    else throw invalid(folder, name, "is neither a regular file nor a folder");
  }
  return found;
}

function invalid(folder: string, name: string, what: string): SlipwayError {
  return new SlipwayError("artifact_invalid", `${name} in ${folder} ${what}`, {
    remedy: "Let the build write regular files only; copy the target of a link instead of linking it.",
  });
}
