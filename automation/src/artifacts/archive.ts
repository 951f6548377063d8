import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Entry } from "tar-stream";
import tar from "tar-stream";
import { SlipwayError } from "../errors.ts";
import { comparePathBytes } from "./folder-digest.ts";

/** How many small files are read ahead of the one being packed. */
const READ_AHEAD = 32;
const WRITES_AT_ONCE = 32;
/** 0 would be 1970, which some unpackers take for "unknown". */
const FIXED_TIME = new Date("2000-01-01T00:00:00Z");

/** What an archive holds of one path. */
export type ArchiveEntry =
  | { kind: "file"; path: string; executable: boolean }
  | { kind: "symlink"; path: string; target: string };

/**
 * A tar of the named files of a folder as a stream. Equal names and contents give equal bytes: entries are ordered by path, times, owners and modes (but
 * for the executable bit) are fixed.
 */
export function packFiles(folder: string, entries: readonly ArchiveEntry[]): Readable {
  const pack = tar.pack();
  const ordered = [...entries].sort((a, b) => comparePathBytes(a.path, b.path));
  void addAll(pack, folder, ordered).then(
    () => pack.finalize(),
    (error: unknown) => pack.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return pack;
}

async function addAll(pack: tar.Pack, folder: string, entries: readonly ArchiveEntry[]): Promise<void> {
  for (let from = 0; from < entries.length; from += READ_AHEAD) {
    const batch = entries.slice(from, from + READ_AHEAD);
    const contents = await Promise.all(batch.map((entry) => contentOf(folder, entry)));
    for (const [index, entry] of batch.entries()) await addOne(pack, entry, contents[index] ?? null);
  }
}

async function contentOf(folder: string, entry: ArchiveEntry): Promise<Buffer | null> {
  return entry.kind === "file" ? readFile(path.join(folder, entry.path)) : null;
}

function addOne(pack: tar.Pack, entry: ArchiveEntry, content: Buffer | null): Promise<void> {
  const common = { name: entry.path, mtime: FIXED_TIME, uid: 0, gid: 0, uname: "", gname: "" };
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    if (entry.kind === "symlink") {
      pack.entry({ ...common, type: "symlink", linkname: entry.target, mode: 0o777 }, done);
      return;
    }
    const mode = entry.executable ? 0o755 : 0o644;
    pack.entry(
      { ...common, type: "file", mode, size: content?.length ?? 0 },
      content ?? Buffer.alloc(0),
      done,
    );
  });
}

/**
 * Unpacks a tar into a new or empty folder. Names that leave the folder, links that leave it, and kinds other than file, folder and link are refused with
 * `source_invalid`, so that a crafted archive writes nowhere else.
 */
export async function unpackInto(
  archive: Readable,
  folder: string,
  { readOnly = false }: { readOnly?: boolean } = {},
): Promise<void> {
  const made = new Set<string>();
  const links = new Set<string>();
  const writing: Promise<void>[] = [];
  const extract = tar.extract();
  const feeding = pipeline(archive, extract);
  // Its failure surfaces through the loop below as well; it must not be unhandled before it is awaited.
  feeding.catch(() => {});
  for await (const entry of extract as AsyncIterable<Entry>) {
    const { name, type, linkname, mode } = entry.header;
    const destination = insideOf(folder, name);
    throughNoLink(links, name);
    const content = await bytesOf(entry);
    await makeOnce(made, type === "directory" ? destination : path.dirname(destination));
    if (type === "symlink") {
      insideOf(folder, path.posix.join(path.posix.dirname(name), linkname ?? "/"), linkname ?? "");
      await symlink(linkname ?? "", destination);
      links.add(path.posix.normalize(name));
    } else if (type === "file") {
      const executable = ((mode ?? 0) & 0o100) !== 0;
      const bits = (executable ? 0o755 : 0o644) & (readOnly ? 0o555 : 0o777);
      writing.push(writeFile(destination, content, { mode: bits, flag: "wx" }));
      if (writing.length >= WRITES_AT_ONCE) await Promise.all(writing.splice(0));
    } else if (type !== "directory") {
      throw new SlipwayError("source_invalid", `the archive holds ${name}, which is a ${String(type)}`);
    }
  }
  await Promise.all(writing);
  await feeding;
}

async function bytesOf(entry: Entry): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function makeOnce(made: Set<string>, folder: string): Promise<void> {
  if (made.has(folder)) return;
  await mkdir(folder, { recursive: true });
  made.add(folder);
}

function insideOf(folder: string, name: string, shown = name): string {
  const normal = path.posix.normalize(name);
  if (path.posix.isAbsolute(shown) || normal === ".." || normal.startsWith("../") || name.includes("\0"))
    throw new SlipwayError("source_invalid", `the archive holds ${shown}, which leads out of its folder`);
  return path.join(folder, normal);
}

function throughNoLink(links: ReadonlySet<string>, name: string): void {
  for (
    let parent = path.posix.dirname(name);
    parent !== "." && parent !== "/";
    parent = path.posix.dirname(parent)
  ) {
    if (links.has(parent))
      throw new SlipwayError("source_invalid", `the archive writes ${name} through a link`);
  }
}
