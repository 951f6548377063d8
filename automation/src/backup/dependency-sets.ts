import { readdir, readlink, stat } from "node:fs/promises";
import path from "node:path";
import type { ArchiveEntry } from "../artifacts/archive.ts";
import { packFiles } from "../artifacts/archive.ts";
import { systemCode } from "../errors.ts";
import { piecesOf } from "./write-parts.ts";

/** Names of complete sets; what is being installed begins with a dot. */
const SET = /^[0-9a-f]{40}-node-v[0-9.]+$/;

/** A set of installed dependencies, as one tar. */
export interface DependencySet {
  name: string;
  /** Null: a link in it leads out of it, so that it is of no use elsewhere. */
  pack: (() => AsyncIterable<Buffer>) | null;
}

/** The sets of a data folder: a rollback runs with one and must not reach for a registry. */
export async function findDependencySets(dataDir: string): Promise<DependencySet[]> {
  const root = path.join(path.resolve(dataDir), "dependencies");
  const names = (await namesIn(root)).filter((name) => SET.test(name)).sort();
  const sets: DependencySet[] = [];
  for (const name of names) {
    const entries = await entriesOf(path.join(root, name), "");
    sets.push({ name, pack: entries && (() => piecesOf(packFiles(path.join(root, name), entries))) });
  }
  return sets;
}

async function entriesOf(root: string, below: string): Promise<ArchiveEntry[] | null> {
  const found: ArchiveEntry[] = [];
  for (const entry of await readdir(path.join(root, below), { withFileTypes: true })) {
    const name = path.posix.join(below, entry.name);
    if (entry.isDirectory()) {
      const inner = await entriesOf(root, name);
      if (inner === null) return null;
      found.push(...inner);
    } else if (entry.isSymbolicLink()) {
      const target = await readlink(path.join(root, name));
      const leadsTo = path.posix.join(path.posix.dirname(name), target);
      if (path.posix.isAbsolute(target) || leadsTo === ".." || leadsTo.startsWith("../")) return null;
      found.push({ kind: "symlink", path: name, target });
    } else if (entry.isFile()) {
      const { mode } = await stat(path.join(root, name));
      found.push({ kind: "file", path: name, executable: (mode & 0o100) !== 0 });
    }
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}
