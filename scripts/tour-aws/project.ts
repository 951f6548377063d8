import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { dependencyKey } from "../../automation/src/dependencies/key.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
/** Its own name, so that it is not taken for the repository itself, which every installation knows. */
export const PROJECT = "strategy-desk";
/** Needs a zone of somebody's own. */
const OF_A_DOMAIN = /strategyDesk:(zone|domain|apiDomain|createZone):/;

/** A copy of the repository's last commit as a project of its own, whose release is validated by the groups of checks that the stand-in can answer. */
export function writeDesk(folder: string, groups: readonly string[]): void {
  execFileSync("git", ["clone", "--quiet", REPOSITORY, folder], { stdio: ["ignore", "ignore", "inherit"] });
  edit(folder, "Pulumi.yaml", (text) => text.replace(/^name: .*/m, `name: ${PROJECT}`));
  edit(folder, "Pulumi.production.yaml", (text) =>
    text
      .split("\n")
      .filter((line) => !OF_A_DOMAIN.test(line))
      .join("\n")
      // Without a domain its policies let no environment of that name pass, and rightly so.
      .replace("strategyDesk:environment: production", "strategyDesk:environment: live"),
  );
  edit(folder, "slipway.yaml", (text) =>
    text.replace(
      /^gates:$/m,
      `gates:\n  - name: validated\n    phase: after\n    validate: { only: [${groups.join(", ")}] }`,
    ),
  );
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
