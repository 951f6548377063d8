import { delimiter, dirname } from "node:path";
import type { PulumiInstallation } from "./installation.ts";

/** Where the programs of every POSIX system are. */
const SYSTEM_PATH = ["/usr/local/bin", "/usr/bin", "/bin"];

/** What else the environment of a CLI depends on. */
export interface PulumiEnvironmentOptions {
  /** Folders searched after those of the installation. Default: those of the system. */
  readonly path?: readonly string[];
  /** Folder in which Node keeps compiled code; it takes a third off the time of a preview. */
  readonly compileCacheDir?: string;
}

/** The folders that a CLI needs on its PATH, in order: itself, its language host, Node 24. Without doubles. */
export function pulumiSearchPath(installation: PulumiInstallation): string[] {
  const folders = [
    dirname(installation.path),
    ...(installation.languageHostDir === undefined ? [] : [installation.languageHostDir]),
    dirname(installation.nodePath),
  ];
  return [...new Set(folders)];
}

/**
 * The variables by which CLI, language host and Node 24 find each other in an environment that inherits nothing. The
 * caller adds HOME, PULUMI_HOME, backend and secrets.
 */
export function pulumiEnvironment(
  installation: PulumiInstallation,
  options: PulumiEnvironmentOptions = {},
): Record<string, string> {
  const folders = [...pulumiSearchPath(installation), ...(options.path ?? SYSTEM_PATH)];
  return {
    PATH: [...new Set(folders)].join(delimiter),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...(options.compileCacheDir === undefined ? {} : { NODE_COMPILE_CACHE: options.compileCacheDir }),
  };
}
