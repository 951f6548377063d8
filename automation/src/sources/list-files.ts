import type { BigIntStats } from "node:fs";
import { lstat, readdir, readlink, realpath } from "node:fs/promises";
import path from "node:path";
import { SlipwayError, systemCode } from "../errors.ts";
import { isInGit, listGitPaths } from "./git.ts";

/** Never part of a source, unless committed. */
const LEFT_OUT = new Set(["node_modules", ".git", ".slipway", ".pulumi"]);
const LOOK_AT_ONCE = 64;

/** One file or link of a source. */
export interface SourceFile {
  path: string;
  stat: BigIntStats;
  /** Set for a symbolic link. */
  target: string | null;
}

/**
 * The files that make up the source in a folder: what git tracks or does not ignore, or outside git everything but dependencies and Slipway's and Pulumi's own
 * folders. Throws `source_invalid` for a link that leads out of the folder and for what is neither file nor link.
 */
export async function listSourceFiles(folder: string, inGit: boolean): Promise<SourceFile[]> {
  const names = inGit ? await fromGit(folder, "") : await fromDisk(folder, "");
  return lookAtAll(folder, names);
}

/** The same files as they are now, without those that are gone. */
export function lookAgain(folder: string, files: readonly SourceFile[]): Promise<SourceFile[]> {
  return lookAtAll(
    folder,
    files.map((file) => file.path),
  );
}

async function lookAtAll(folder: string, names: readonly string[]): Promise<SourceFile[]> {
  const found: SourceFile[] = [];
  for (let from = 0; from < names.length; from += LOOK_AT_ONCE) {
    const batch = names.slice(from, from + LOOK_AT_ONCE);
    for (const file of await Promise.all(batch.map((name) => look(folder, name)))) {
      if (file !== null) found.push(file);
    }
  }
  return found;
}

async function fromGit(folder: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for (const { path: name, tracked } of await listGitPaths(path.join(folder, prefix))) {
    if (!tracked && name.split("/").some((part) => LEFT_OUT.has(part))) continue;
    names.push(prefix === "" ? name : `${prefix}/${name}`);
  }
  const nested = await Promise.all(names.map((name) => nestedIn(folder, name)));
  return nested.flat();
}

/** A submodule or a clone inside the clone is listed as its folder: its own git says what belongs to it. */
async function nestedIn(folder: string, name: string): Promise<string[]> {
  const stat = await statOf(path.join(folder, name));
  if (stat === null) return [];
  if (!stat.isDirectory()) return [name];
  return (await isInGit(path.join(folder, name))) ? fromGit(folder, name) : fromDisk(folder, name);
}

async function fromDisk(folder: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await readdir(path.join(folder, prefix), { withFileTypes: true })) {
    if (LEFT_OUT.has(entry.name)) continue;
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (entry.isDirectory()) names.push(...(await fromDisk(folder, name)));
    else names.push(name);
  }
  return names;
}

async function look(folder: string, name: string): Promise<SourceFile | null> {
  const full = path.join(folder, name);
  const stat = await statOf(full);
  // Deleted in the work tree but still in git's index.
  if (stat === null) return null;
  if (stat.isFile()) return { path: name, stat, target: null };
  if (stat.isSymbolicLink()) return { path: name, stat, target: await targetInside(folder, name) };
  throw new SlipwayError("source_invalid", `${name} is neither a file, a folder nor a link`);
}

async function targetInside(folder: string, name: string): Promise<string> {
  const target = await readlink(path.join(folder, name));
  const normal = path.posix.normalize(path.posix.join(path.posix.dirname(name), target));
  let outside = path.posix.isAbsolute(target) || normal === ".." || normal.startsWith("../");
  if (!outside) {
    // A link may pass through another link that leads out.
    const real = await realpath(path.join(folder, name)).catch(() => null);
    const root = await realpath(folder);
    outside = real !== null && real !== root && !real.startsWith(root + path.sep);
  }
  if (!outside) return target;
  throw new SlipwayError("source_invalid", `${name} is a link that leads out of the project's folder`, {
    remedy: "Replace the link by a copy of what it points at.",
  });
}

async function statOf(file: string): Promise<BigIntStats | null> {
  try {
    return await lstat(file, { bigint: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return null;
    throw error;
  }
}
