import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { dependencyKey } from "../../automation/src/dependencies/key.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
/** Its own name, so that it is not taken for the repository itself, which every installation knows. */
export const PROJECT = "strategy-desk";
/** Of Pulumi.production.yaml: there are no name servers but the stand-in's that know it. */
export const ZONE = "strategy-desk.example";
const API = `api.${ZONE}`;
const MOST_NAMES_BYTES = 16 * 1_048_576;

/** What of the stand-in for AWS the project is told. */
export interface Surroundings {
  /** `host:port` of a name server. */
  resolver: string;
  /** `host:port` that all of them lead to. */
  front: string;
  /** Whether caches can be reached. */
  hasCache: boolean;
}

/**
 * A copy of the repository's files, committed or not, as a project of its own. Each release is validated by all groups of checks, which are told where the names of production are; gates that ask names by the machine's own name
 * servers could not find them. Production has what nobody wants to pay for in a project that is only looked at: a cache in a network of its own, and a firewall.
 */
export function writeDesk(folder: string, surroundings: Surroundings): void {
  const { resolver, hasCache } = surroundings;
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: REPOSITORY,
    encoding: "utf8",
    maxBuffer: MOST_NAMES_BYTES,
  });
  for (const file of listed.split("\0").filter((name) => name !== "")) {
    const [from, to] = [path.join(REPOSITORY, file), path.join(folder, file)];
    // Deleted, and not committed yet.
    if (!existsSync(from)) continue;
    mkdirSync(path.dirname(to), { recursive: true });
    copyFileSync(from, to);
  }
  edit(folder, "Pulumi.yaml", (text) => text.replace(/^name: .*/m, `name: ${PROJECT}`));
  const more = ["firewall: managed", ...(hasCache ? ["cache: redis", "cacheNodes: 2"] : [])];
  edit(
    folder,
    "Pulumi.production.yaml",
    (text) => `${text.trimEnd()}\n${more.map((line) => `  strategyDesk:${line}\n`).join("")}`,
  );
  edit(folder, "slipway.yaml", (text) =>
    text.replace(
      /^gates:\n(?: .*\n|\n)*/m,
      `gates:
  - name: validated
    phase: after
    validate:
      settings:
        resolvers: ["${resolver}"]
        connectTo: ${JSON.stringify(namesOf(surroundings))}

`,
    ),
  );
}

/** Where the names of production lead. */
export function namesOf({ front }: Pick<Surroundings, "front">): Record<string, string> {
  return { [ZONE]: front, [API]: front };
}

/** Changes a file of the project. Throws when that changes nothing: the tour would go on about a version that is none. */
export function edit(folder: string, file: string, change: (text: string) => string): void {
  const at = path.join(folder, file);
  const before = readFileSync(at, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`${file} is not what the tour knows`);
  writeFileSync(at, after);
}

/** Gives a data folder the packages that this repository has, as those of the project's lockfile: the tour installs nothing. */
export function shareDependencies(dataDir: string, folder: string): void {
  const lockfile = readFileSync(path.join(folder, "package-lock.json"));
  const lockfileDigest = `sha256:${createHash("sha256").update(lockfile).digest("hex")}`;
  const key = dependencyKey({ lockfileDigest, workspaces: [], nodeVersion: process.version });
  const store = path.join(dataDir, "dependencies", key.folder);
  mkdirSync(store, { recursive: true });
  symlinkSync(path.join(REPOSITORY, "node_modules"), path.join(store, "node_modules"));
}
