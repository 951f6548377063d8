import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { cacheLayout } from "../../automation/src/engine/pulumi-cli/cache.ts";
import { messageOf } from "../../automation/src/errors.ts";

/** Stands in for AWS. Pinned: what it answers is part of the tests. */
const MOTO_VERSION = "5.2.5";
const LAUNCHER = path.resolve(import.meta.dirname, "../doubles/aws/moto/launcher.py");
const INSTALL_LIMIT_MS = 10 * 60_000;
const READY_LIMIT_MS = 60_000;
const READY = /Running on (http:\/\/127\.0\.0\.1:\d+)/;

/** A running stand-in for AWS. */
export interface Moto {
  url: string;
  /** For AWS clients that take their settings from the environment. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

export interface MotoOptions {
  /** Where HTTP APIs say that they are reached; the stand-in itself when left out. */
  api?: string;
  /** `host:port` of edges: domain names that distributions get, in turn. */
  edges?: readonly string[];
  /** File with a certificate and its key: it signs what ACM issues. */
  authority?: string;
  /** File of certificates that functions trust. */
  trusted?: string;
  /** Address of caches. */
  cache?: string;
}

/**
 * Starts moto, which is installed into Slipway's cache the first time, with what test/doubles/aws/moto adds and corrects. Answers why it cannot be had as
 * `missing`: a test prints that and skips, or fails with CI=true.
 */
export async function startMoto(options: MotoOptions = {}): Promise<Moto | { missing: string }> {
  let packages: string;
  try {
    packages = await installed();
  } catch (thrown) {
    return {
      missing: `moto ${MOTO_VERSION} cannot be installed with python3: ${messageOf(thrown).split("\n")[0] ?? ""}`,
    };
  }
  // Code of functions is unpacked here; removed with everything, however moto ends.
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-moto-"));
  const argv = [LAUNCHER, "--folder", folder, "--node", process.execPath];
  if (options.api !== undefined) argv.push("--api", options.api);
  for (const edge of options.edges ?? []) argv.push("--edge", edge);
  for (const name of ["authority", "trusted", "cache"] as const) {
    const given = options[name];
    if (given !== undefined) argv.push(`--${name}`, given);
  }
  const child = spawn("python3", argv, {
    env: {
      ...process.env,
      PYTHONPATH: packages,
      PYTHONUNBUFFERED: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      ...settings(""),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  const said: string[] = [];
  createInterface(child.stderr).on("line", (line) => said.push(line));
  const ready = new Promise<string>((resolve) => {
    createInterface(child.stdout).on("line", (line) => {
      const url = READY.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const url = await Promise.race([
      ready,
      exited.then(() => Promise.reject(new Error(`moto ended:\n${said.join("\n")}`))),
      once(AbortSignal.timeout(READY_LIMIT_MS), "abort").then(() =>
        Promise.reject(new Error("moto is not ready")),
      ),
    ]);
    return { url, env: settings(url), stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
function settings(url: string): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: "testing",
    AWS_SECRET_ACCESS_KEY: "testing",
    AWS_REGION: "us-east-1",
    AWS_EC2_METADATA_DISABLED: "true",
    ...(url === "" ? {} : { AWS_ENDPOINT_URL: url }),
  };
}

/** Folder of moto's packages for this python. Whole or absent: it appears by a rename. */
async function installed(): Promise<string> {
  const { stdout: version } = await execa("python3", [
    "-c",
    "import sys; print('%d.%d' % sys.version_info[:2])",
  ]);
  const { root } = cacheLayout(process.env);
  const place = path.join(root, `moto-${MOTO_VERSION}-python-${version.trim()}`);
  if (await isThere(path.join(place, "complete"))) return place;
  await mkdir(root, { recursive: true });
  const aside = await mkdtemp(path.join(root, ".moto-"));
  try {
    const venv = path.join(aside, "venv");
    const packages = path.join(aside, "packages");
    await execa("python3", ["-m", "venv", venv], { timeout: INSTALL_LIMIT_MS });
    const pip = [
      "install",
      "--quiet",
      "--disable-pip-version-check",
      "--target",
      packages,
      `moto[server]==${MOTO_VERSION}`,
    ];
    await execa(path.join(venv, "bin", "pip"), pip, { timeout: INSTALL_LIMIT_MS });
    await writeFile(path.join(packages, "complete"), "");
    // Another test file may have been faster; its folder is as good.
    await rename(packages, place).catch(async (thrown: unknown) => {
      if ((await readdir(place)).length === 0) throw thrown;
    });
    return place;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch {
    // Nothing was installed yet.
    return false;
  }
}
