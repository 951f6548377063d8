import { copyFile, mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { SlipwayError, systemCode } from "../errors.ts";

const Lockfile = z.looseObject({
  lockfileVersion: z.int().min(2),
  packages: z.record(z.string(), z.looseObject({ resolved: z.string().optional() })),
});

/** The folders of a lockfile's own packages (its workspaces and linked folders), relative to its root, which is left out. */
export async function workspaceFolders(sourceDir: string): Promise<string[]> {
  const { packages } = await readLockfile(sourceDir);
  return Object.keys(packages).filter(
    (name) => name !== "" && !name.split("/").includes("node_modules") && isInside(name),
  );
}

/** Copies what an installer reads (package.json of root and workspaces, the lockfile, .npmrc, packed packages beside it) and nothing else. */
export async function copySkeleton(sourceDir: string, folder: string): Promise<void> {
  const { packages } = await readLockfile(sourceDir);
  const packed = Object.values(packages)
    .map((one) => one.resolved ?? "")
    .filter((resolved) => resolved.startsWith("file:"))
    .map((resolved) => resolved.slice("file:".length))
    .filter(isInside);
  const manifests = (await workspaceFolders(sourceDir)).map((workspace) => `${workspace}/package.json`);
  for (const name of ["package.json", "package-lock.json", ".npmrc", ...manifests, ...packed]) {
    await copyIfThere(path.join(sourceDir, name), path.join(folder, name));
  }
}

async function readLockfile(sourceDir: string): Promise<z.infer<typeof Lockfile>> {
  try {
    return Lockfile.parse(JSON.parse(await readFile(path.join(sourceDir, "package-lock.json"), "utf8")));
  } catch (error) {
    throw new SlipwayError("source_invalid", "package-lock.json is not a lockfile of npm 7 or newer", {
      cause: error,
      remedy: "Run npm install in the project and commit the lockfile.",
    });
  }
}

function isInside(name: string): boolean {
  const normal = path.posix.normalize(name);
  return !path.posix.isAbsolute(name) && normal !== ".." && !normal.startsWith("../");
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  try {
    await copyFile(from, to);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" && systemCode(error) !== "EISDIR") throw error;
  }
}
