import { join } from "node:path";
import { messageOf } from "../../errors.ts";
import { runBounded } from "./bounded.ts";

/** A machine without a way out must not wait for this long before the next way is tried. */
const REACHABILITY_LIMIT_MILLISECONDS = 4_000;
const INSTALL_LIMIT_MILLISECONDS = 5 * 60_000;
const INSTALLER_URL = "https://get.pulumi.com/install.sh";

/** How to get a CLI from its makers; a parameter, so that a test can stand in for the network. */
export interface OfficialInstaller {
  readonly url: string;
  /** Argument vector of a program that installs into the folder that is appended to it. */
  readonly command: readonly string[];
}

/** Pulumi's own installer, run by the Automation API in a process of its own. */
export function officialInstaller(nodePath: string, sourceDir: string): OfficialInstaller {
  return { url: INSTALLER_URL, command: [nodePath, join(sourceDir, "bin", "install-pulumi.mjs")] };
}

/** Installs into `root`, which then holds bin/pulumi. Throws an Error that says why not; leaves no process behind. */
export async function installOfficially(
  installer: OfficialInstaller,
  root: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<void> {
  await assertReachable(installer.url, signal);
  await runBounded([...installer.command, root], {
    cwd: root,
    env,
    signal,
    limitMs: INSTALL_LIMIT_MILLISECONDS,
  });
}

async function assertReachable(url: string, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(REACHABILITY_LIMIT_MILLISECONDS);
  let status: number;
  try {
    const response = await fetch(url, { method: "HEAD", signal: AbortSignal.any([signal, limit]) });
    status = response.status;
  } catch (error) {
    signal.throwIfAborted();
    const cause =
      error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : messageOf(error);
    throw new Error(`${new URL(url).host} cannot be reached: ${cause}`, { cause: error });
  }
  if (status >= 400) throw new Error(`${url} answers with status ${status}`);
}
