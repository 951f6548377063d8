import { type ChildProcess, spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Children } from "./children.ts";
import type { PackageManagerChoice, RuntimeOptions } from "./options.ts";

type PackageManager = Exclude<PackageManagerChoice, "auto">;

const LOCK_FILES: readonly [string, PackageManager][] = [
  ["package-lock.json", "npm"],
  ["yarn.lock", "yarn"],
  ["pnpm-lock.yaml", "pnpm"],
  ["bun.lock", "bun"],
  ["bun.lockb", "bun"],
];

/** Which package manager installs a program, and the folder to run it in. */
export interface Installer {
  readonly packageManager: PackageManager;
  readonly folder: string;
}

/**
 * Chooses by the option `packagemanager`, else by the nearest lock file at or above the program (a workspace keeps it at
 * its root), else npm in the program's folder.
 */
export async function chooseInstaller(programDirectory: string, options: RuntimeOptions): Promise<Installer> {
  for (let folder = programDirectory; ; folder = dirname(folder)) {
    for (const [file, packageManager] of LOCK_FILES) {
      const wanted = options.packageManager === "auto" || options.packageManager === packageManager;
      if (wanted && (await exists(join(folder, file)))) return { packageManager, folder };
    }
    if (dirname(folder) === folder) break;
  }
  const packageManager = options.packageManager === "auto" ? "npm" : options.packageManager;
  return { packageManager, folder: programDirectory };
}

/** The command that installs all dependencies. */
function installCommand(packageManager: PackageManager, production: boolean): string[] {
  switch (packageManager) {
    case "npm":
      return ["npm", "install", "--loglevel=error", ...(production ? ["--omit=dev"] : [])];
    case "yarn":
      return ["yarn", "install", ...(production ? ["--production"] : [])];
    case "pnpm":
      return ["pnpm", "install", ...(production ? ["--prod"] : [])];
    case "bun":
      return ["bun", "install", ...(production ? ["--production"] : [])];
  }
}

/** Runs the installer and hands its output on as it comes. Throws an Error when it cannot be started or fails. */
export async function runInstaller(
  installer: Installer,
  production: boolean,
  env: Readonly<Record<string, string | undefined>>,
  children: Children,
  output: { stdout(chunk: Buffer): void; stderr(chunk: Buffer): void },
  signal: AbortSignal,
): Promise<void> {
  const [program = "", ...args] = installCommand(installer.packageManager, production);
  const child: ChildProcess = spawn(program, args, {
    cwd: installer.folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.on("data", output.stdout);
  child.stderr?.on("data", output.stderr);
  let end: Awaited<ReturnType<Children["follow"]>>;
  try {
    end = await children.follow(child, signal);
  } catch (error) {
    throw new Error(`${program} could not be started; is it on the PATH?`, { cause: error });
  }
  if (end.interrupted) throw new Error(`${program} was interrupted`);
  if (end.exitCode !== 0)
    throw new Error(`${program} ${args.join(" ")} failed with code ${end.exitCode ?? end.signal}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    // Any reason for which it cannot be reached makes it useless as a lock file.
    return false;
  }
}
