import { execFileSync } from "node:child_process";
import { lstatSync, statSync } from "node:fs";
import path from "node:path";
import { SlipwayError } from "../errors.ts";

/** The user that Postgres runs as, when it is another than ours. */
export interface SystemUser {
  name: string;
  uid: number;
  gid: number;
}

const CANDIDATES = ["postgres", "_postgres", "nobody"];

/**
 * Postgres refuses to run as root. Answers the user to change to: undefined when we are not root ourselves, else the owner
 * of an existing cluster, else the first of the well-known unprivileged users that this machine has.
 */
export function chooseUser(clusterDir: string): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0)
    return { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  for (const name of CANDIDATES) {
    const user = lookUp(name);
    if (user !== undefined) return user;
  }
  throw new SlipwayError(
    "postgres_no_user",
    "Postgres does not run as root, and no unprivileged user was found.",
    {
      remedy: `Create one of the users ${CANDIDATES.join(", ")}, start Slipway as another user, or set DATABASE_URL.`,
    },
  );
}

function lookUp(name: string): SystemUser | undefined {
  try {
    const id = (flag: string) =>
      Number(execFileSync("id", [flag, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
    const user = { name, uid: id("-u"), gid: id("-g") };
    return user.uid > 0 ? user : undefined;
  } catch {
    // `id` exits 1 for a user that does not exist: try the next one.
    return undefined;
  }
}

/** The first folder on the way to `target` which `user` may not pass, or undefined when it can reach it. */
export function firstClosedFolder(target: string, user: SystemUser): string | undefined {
  const { root } = path.parse(target);
  let folder = root;
  for (const part of ["", ...path.relative(root, target).split(path.sep)]) {
    folder = path.join(folder, part);
    const info = lstatSync(folder, { throwIfNoEntry: false });
    if (info === undefined) return undefined;
    if (!info.isDirectory()) continue;
    const bit = info.uid === user.uid ? 0o100 : info.gid === user.gid ? 0o010 : 0o001;
    if ((info.mode & bit) === 0) return folder;
  }
  return undefined;
}
