import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { digestEntries, listFolder } from "../../../infra/providers/local/folder-digest.ts";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";

/** One regular file of a folder; `path` is relative, with `/` between its parts. */
export interface FolderFile {
  path: string;
  sizeBytes: number;
  executable: boolean;
}

/**
 * The content address of a folder, by the rule of the local target (which checks what it is given), and its files. Throws `artifact_invalid` when the folder
 * is missing or holds anything that is neither a file nor a folder.
 */
export async function digestOfFolder(folder: string): Promise<{ digest: string; files: FolderFile[] }> {
  const entries = await listFolder(folder).catch((error: unknown) => {
    const missing = systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR";
    throw new SlipwayError("artifact_invalid", missing ? `there is no folder ${folder}` : messageOf(error), {
      cause: error,
      remedy:
        "Let the build write a folder of regular files; copy the target of a link instead of linking it.",
    });
  });
  const files = await Promise.all(
    entries.map(async (entry) => {
      const { mode } = await stat(path.join(folder, entry.path));
      return { path: entry.path, sizeBytes: entry.size, executable: (mode & 0o100) !== 0 };
    }),
  );
  return { digest: digestEntries(entries), files };
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
