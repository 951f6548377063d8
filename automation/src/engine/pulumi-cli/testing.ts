import type { PulumiInstallation } from "./installation.ts";
import { resolvePulumi } from "./resolve.ts";

let installation: Promise<PulumiInstallation> | undefined;

/**
 * The CLI for tests that need the real engine, found and if need be obtained as the product does it; once per process.
 * Throws the product's SlipwayError when there is none.
 */
export function pulumiForTests(): Promise<PulumiInstallation> {
  // eslint-disable-next-line no-restricted-properties -- a test has no entry that could hand its environment in
  const { env } = process;
  installation ??= resolvePulumi({ env, nodePath: process.execPath });
  return installation;
}
