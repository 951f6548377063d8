import { execFile } from "node:child_process";
import { chownSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { SlipwayError } from "../errors.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { explainFailure } from "./failures.ts";
import type { PostgresFolders } from "./location.ts";
import { makePrivateFolder } from "./location.ts";
import type { SystemUser } from "./unprivileged-user.ts";

const INITDB_TIMEOUT_MS = 120_000;
const PARTIAL_PREFIX = "cluster.partial-";

/** The environment of every program of Postgres: nothing of the host's locale or PG* settings. */
export const POSTGRES_ENV = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } as const;

/** True when there is a cluster of this major version; false when there is none; throws for one of another version. */
export function hasCluster(folders: PostgresFolders, binaries: PostgresBinaries): boolean {
  const versionFile = path.join(folders.cluster, "PG_VERSION");
  if (!existsSync(versionFile)) return false;
  const found = Number(readFileSync(versionFile, "utf8").trim());
  if (found === binaries.major) return true;
  throw new SlipwayError(
    "postgres_version",
    `The database in ${folders.cluster} was made by PostgreSQL ${found}; this version of Slipway brings ${binaries.major}.`,
    {
      remedy: `Start the Slipway version that made it, or run a PostgreSQL ${found} on that folder yourself, move the data with pg_dump, and set DATABASE_URL.`,
    },
  );
}

/** Makes the cluster. It is built beside and renamed, so that an interrupted initdb is never taken for a cluster. */
export async function createCluster(
  folders: PostgresFolders,
  binaries: PostgresBinaries,
  user: SystemUser | undefined,
  password: string,
): Promise<void> {
  for (const name of readdirSync(folders.home)) {
    if (name.startsWith(PARTIAL_PREFIX))
      rmSync(path.join(folders.home, name), { recursive: true, force: true });
  }
  const work = path.join(folders.home, `${PARTIAL_PREFIX}${process.pid}`);
  makePrivateFolder(work, user);
  const passwordFile = path.join(work, "password");
  const partial = path.join(work, "cluster");
  try {
    writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
    if (user !== undefined) chownSync(passwordFile, user.uid, user.gid);
    await runInitdb(binaries.initdb, ["-D", partial, "--pwfile", passwordFile], user, folders.dir);
    renameSync(partial, folders.cluster);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function runInitdb(
  initdb: string,
  where: string[],
  user: SystemUser | undefined,
  dir: string,
): Promise<void> {
  const argv = [...where, "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"];
  // The built-in locale: no dependence on the host's locales or ICU, so that an index never changes its order.
  argv.push("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C");
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid };
  return new Promise((resolve, reject) => {
    execFile(
      initdb,
      argv,
      { ...identity, env: POSTGRES_ENV, cwd: "/", timeout: INITDB_TIMEOUT_MS },
      (error, stdout, stderr) => {
        if (error === null) resolve();
        else
          reject(
            explainFailure(
              "be created",
              dir,
              `${stdout}\n${stderr}\n${error.message}`,
              `initdb ${error.code}`,
            ),
          );
      },
    );
  });
}
