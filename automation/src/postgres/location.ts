import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { systemCode } from "../errors.ts";
import { writeDurably } from "./credentials.ts";
import type { SystemUser } from "./unprivileged-user.ts";
import { firstClosedFolder } from "./unprivileged-user.ts";

/** Where data goes that the unprivileged user must reach, when it cannot pass the folders above the data folder. */
const SHARED_BASE = "/var/lib/slipway";

/** The folders of one embedded Postgres. */
export interface PostgresFolders {
  /** Ours: passwords, port, log. */
  dir: string;
  /** The cluster's parent; the unprivileged user can reach it. Equal to `dir` unless a folder above is closed. */
  home: string;
  /** PGDATA. */
  cluster: string;
  log: string;
}

/**
 * Makes the folders. `dir` holds everything if it can. As root below a folder that others may not pass (a 0700 home), the
 * cluster goes to a folder under `sharedBase` instead, named in `<dir>/location`, so that every later start finds it.
 */
export function prepareFolders(
  wantedDir: string,
  user: SystemUser | undefined,
  sharedBase: string = SHARED_BASE,
): PostgresFolders {
  mkdirSync(wantedDir, { recursive: true, mode: user === undefined ? 0o700 : 0o711 });
  const dir = realpathSync(wantedDir);
  return foldersOf(dir, chooseHome(dir, user, sharedBase));
}

/** The folders of a Postgres that has been prepared before. */
export function findFolders(preparedDir: string): PostgresFolders {
  const dir = realpathSync(preparedDir);
  return foldersOf(dir, readLocation(dir) ?? dir);
}

function foldersOf(dir: string, home: string): PostgresFolders {
  return { dir, home, cluster: path.join(home, "cluster"), log: path.join(dir, "postgres.log") };
}

function chooseHome(dir: string, user: SystemUser | undefined, sharedBase: string): string {
  const kept = readLocation(dir);
  if (kept !== undefined) return kept;
  if (user === undefined) return dir;
  chmodSync(dir, 0o711);
  if (firstClosedFolder(dir, user) === undefined) return dir;
  const home = path.join(sharedBase, createHash("sha256").update(dir).digest("hex").slice(0, 16));
  mkdirSync(home, { recursive: true, mode: 0o711 });
  writeDurably(path.join(dir, "location"), `${home}\n`);
  return home;
}

function readLocation(dir: string): string | undefined {
  try {
    const text = readFileSync(path.join(dir, "location"), "utf8").trim();
    return text === "" ? undefined : text;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Makes a folder that only `user` (or we, when there is none) may enter. */
export function makePrivateFolder(folder: string, user: SystemUser | undefined): void {
  mkdirSync(folder, { mode: 0o700 });
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
}
