import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cacheLayout } from "../../automation/src/engine/pulumi-cli/cache.ts";
import { pulumiSearchPath } from "../../automation/src/engine/pulumi-cli/environment.ts";
import type { PulumiInstallation } from "../../automation/src/engine/pulumi-cli/installation.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";
import { readPulumiVersion } from "../../automation/src/engine/pulumi-cli/version.ts";
import { messageOf } from "../../automation/src/errors.ts";

/** The first that sends a journal without being asked to; test/pulumi-cli-oldest/go.mod pins it. */
export const OLDEST_VERSION = "3.225.0";
const MODULE_DIR = path.resolve(import.meta.dirname, "../pulumi-cli-oldest");
const CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
/** Two minutes on two cores that have nothing else to do, most of it once per machine. */
export const OLDEST_BUILD_LIMIT_MS = 20 * 60_000;

/**
 * The oldest CLI that Slipway's state backend is tested with, with the language host of the newest. Built from its Go module into Slipway's cache the first time. Answers
 * why it cannot be had as `missing`: a test prints that and skips, or fails with CI=true.
 */
export async function oldestPulumi(): Promise<PulumiInstallation | { missing: string }> {
  try {
    const newest = await pulumiForTests();
    const binary = path.join(
      path.dirname(cacheLayout(process.env).pulumi),
      `pulumi-${OLDEST_VERSION}`,
      "bin",
      "pulumi",
    );
    if (!(await isOldest(binary))) await build(path.dirname(path.dirname(binary)));
    const languageHostDir = newest.languageHostDir ?? pulumiSearchPath(newest)[0];
    return { ...newest, path: binary, version: OLDEST_VERSION, source: "go", languageHostDir };
  } catch (thrown) {
    return { missing: `Pulumi ${OLDEST_VERSION} cannot be built: ${messageOf(thrown).split("\n")[0] ?? ""}` };
  }
}

async function isOldest(binary: string): Promise<boolean> {
  const version = await readPulumiVersion(binary, process.env).catch(() => undefined);
  return version === OLDEST_VERSION;
}

/** Puts bin/pulumi into `place`, which appears whole, by a rename. */
async function build(place: string): Promise<void> {
  await mkdir(path.dirname(place), { recursive: true });
  const aside = await mkdtemp(path.join(path.dirname(place), ".oldest-"));
  try {
    const linker = `-s -w -X ${VERSION_VARIABLE}=v${OLDEST_VERSION}`;
    const output = path.join(aside, "bin", "pulumi");
    const argv = ["build", "-trimpath", "-mod=readonly", "-ldflags", linker, "-o", output, CLI_PACKAGE];
    await execa("go", argv, { cwd: MODULE_DIR, timeout: OLDEST_BUILD_LIMIT_MS });
    await rm(place, { recursive: true, force: true });
    await rename(aside, place);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
