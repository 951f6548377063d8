import type { Dirent } from "node:fs";
import { mkdir, readdir, readlink, symlink } from "node:fs/promises";
import path from "node:path";
import { systemCode } from "../errors.ts";
import { workspaceFolders } from "./skeleton.ts";

/** npm's own notes about what it installed. */
const LEFT_OUT = new Set([".package-lock.json"]);
const LINKS_AT_ONCE = 64;

/**
 * Gives a work dir the dependencies of a store folder: `node_modules` is a folder of its own, so that tools can write caches into it, with one link for each
 * package. Links between workspaces point at the work dir's own folders.
 */
export async function linkDependencies(storeFolder: string, workDir: string): Promise<void> {
  const folders = ["", ...(await workspaceFolders(workDir))];
  const links = (await Promise.all(folders.map((folder) => linksOf(storeFolder, workDir, folder)))).flat();
  for (let from = 0; from < links.length; from += LINKS_AT_ONCE) {
    await Promise.all(links.slice(from, from + LINKS_AT_ONCE).map(({ target, at }) => symlink(target, at)));
  }
}

interface Link {
  target: string;
  at: string;
}

async function linksOf(storeFolder: string, workDir: string, folder: string): Promise<Link[]> {
  const from = path.join(storeFolder, folder, "node_modules");
  const to = path.join(workDir, folder, "node_modules");
  const entries = await entriesOf(from);
  if (entries.length === 0) return [];
  await mkdir(to, { recursive: true });
  const links: Link[] = [];
  for (const entry of entries) {
    if (LEFT_OUT.has(entry.name)) continue;
    if (entry.isDirectory() && (entry.name.startsWith("@") || entry.name === ".bin")) {
      await mkdir(path.join(to, entry.name), { recursive: true });
      for (const inner of await entriesOf(path.join(from, entry.name))) {
        links.push(await linkTo(from, to, `${entry.name}/${inner.name}`, inner));
      }
    } else links.push(await linkTo(from, to, entry.name, entry));
  }
  return links;
}

async function linkTo(from: string, to: string, name: string, entry: Dirent): Promise<Link> {
  const at = path.join(to, name);
  // npm makes links relative: the same words from the work dir lead to the work dir's own workspace or launcher.
  if (entry.isSymbolicLink()) return { at, target: await readlink(path.join(from, name)) };
  return { at, target: path.join(from, name) };
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}
