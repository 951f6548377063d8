import type { PulumiInstallation } from "./installation.ts";
import { resolvePulumi } from "./resolve.ts";

let installation: Promise<PulumiInstallation> | undefined;

/**
 * The CLI for tests that need the real engine, found and if need be obtained as the product does it; once per process.
 * `env` is the test's own process.env. Throws the product's SlipwayError when there is none.
 */
export function pulumiForTests(
  env: Readonly<Record<string, string | undefined>>,
): Promise<PulumiInstallation> {
  installation ??= resolvePulumi({ env, nodePath: process.execPath });
  return installation;
}
