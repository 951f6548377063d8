import { delimiter, dirname, isAbsolute, join } from "node:path";
import { execa } from "execa";
import type { Environment } from "../config.ts";
import { cacheDefect, cacheLayout } from "../engine/pulumi-cli/cache.ts";
import { PULUMI_VERSION } from "../engine/pulumi-cli/installation.ts";
import { readPulumiVersion, refusalOf } from "../engine/pulumi-cli/version.ts";
import { messageOf } from "../errors.ts";
import { type DoctorCheck, fail, ok, warn } from "./check.ts";

const ASK_TIMEOUT_MS = 10_000;
const RUNTIME_MAJOR = 24;

/** The Node that runs Slipway. */
export function checkNode(version: string): DoctorCheck {
  const major = Number(version.split(".")[0]);
  if (major >= RUNTIME_MAJOR) return ok("node", version);
  return fail(
    "node",
    `${version}, needed is ${RUNTIME_MAJOR}`,
    "Start with npm start, which brings Node 24.",
  );
}

export async function checkNpm(env: Environment): Promise<DoctorCheck> {
  const version = await ask("npm", ["--version"], env);
  if (version !== undefined) return ok("npm", version);
  return fail(
    "npm",
    "not found on the PATH",
    "Install npm; the first start and programs' dependencies need it.",
  );
}

export async function checkGit(env: Environment): Promise<DoctorCheck> {
  const version = await ask("git", ["--version"], env);
  if (version !== undefined) return ok("git", version.replace("git version ", ""));
  return warn(
    "git",
    "not found on the PATH",
    "Install git; without it the commit of a source is not recorded.",
  );
}

/** The Pulumi CLI that a start would take, in its order; nothing is installed. */
export async function checkPulumi(env: Environment): Promise<DoctorCheck> {
  const remedy = `npm start obtains ${PULUMI_VERSION}; or name a binary in SLIPWAY_PULUMI.`;
  const reasons: string[] = [];
  for (const { source, path } of await candidates(env)) {
    try {
      const version = await readPulumiVersion(path, env);
      const refusal = refusalOf(version);
      if (refusal === undefined) return ok("pulumi", `${version} (${source}: ${path})`);
      reasons.push(`${source}: ${refusal}`);
    } catch (error) {
      reasons.push(`${source}: ${messageOf(error)}`);
    }
    // An explicit choice is never passed over.
    if (source === "SLIPWAY_PULUMI") break;
  }
  return fail("pulumi", reasons.length === 0 ? "not found" : reasons.join("; "), remedy);
}

async function candidates(env: Environment): Promise<{ source: string; path: string }[]> {
  const found: { source: string; path: string }[] = [];
  if (env.SLIPWAY_PULUMI) found.push({ source: "SLIPWAY_PULUMI", path: env.SLIPWAY_PULUMI });
  const onPath = (env.PATH ?? "").split(delimiter).filter(isAbsolute);
  for (const folder of onPath) {
    // Only a folder that has one is worth a sentence.
    if ((await ask(join(folder, "pulumi"), ["version"], env)) !== undefined) {
      found.push({ source: "PATH", path: join(folder, "pulumi") });
      break;
    }
  }
  const layout = cacheLayout(env);
  if ((await cacheDefect(layout)) === undefined) found.push({ source: "cache", path: layout.binary });
  return found;
}

async function ask(program: string, argv: readonly string[], env: Environment): Promise<string | undefined> {
  try {
    const path = [dirname(process.execPath), env.PATH ?? ""].join(delimiter);
    const options = {
      env: { ...env, PATH: path },
      extendEnv: false,
      stdin: "ignore",
      timeout: ASK_TIMEOUT_MS,
    } as const;
    return (await execa(program, argv, options)).stdout.trim();
  } catch {
    // Not there, or it does not run: for a doctor that is the same finding.
    return undefined;
  }
}
