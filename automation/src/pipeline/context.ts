import type { ContentStore } from "../artifacts/content-store.ts";
import type { Clock } from "../clock.ts";
import type { Database } from "../database.ts";
import type { DependencyStore } from "../dependencies/install.ts";
import type { DiskGuard } from "../disk/guard.ts";
import type { Logger } from "../logger.ts";
import type { Tracing } from "../monitoring/tracing.ts";
import type { Keyring } from "../secrets/keyring.ts";

/** What every attempt of one worker shares. */
export interface WorkerContext {
  db: Database;
  clock: Clock;
  logger: Logger;
  workerId: string;
  dataDir: string;
  disk: Pick<DiskGuard, "status">;
  artifacts: ContentStore;
  dependencies: DependencyStore;
  keyring: Keyring;
  tracing: Tracing;
  /** Of the relay to the servers, which are the state backend of every engine; without a slash at its end. */
  serverUrl: string;
  /** Node 24 binary that runs guardian and runner. */
  nodePath: string;
  /** Folders of language host, CLI and the Node for programs that bring none, for their PATH. */
  enginePath: readonly string[];
  pulumiPath: string;
  pulumiVersion: string;
  /** Socket of the keeper of this data folder. */
  keeperSocket: () => string;
  /** Id of that keeper; null while none was found. */
  keeperId: () => string | null;
  /** PATH of the worker, for programs that builds need (npm, git, compilers). */
  hostPath: string;
  /** The whole environment of dependency installers; see dependencies/environment.ts. */
  installerEnvironment: Readonly<Record<string, string>>;
  /** Variables of the worker's own that engines and steps on a cloud get. */
  engineVariables: Readonly<Record<string, string>>;
  /** Between the one interrupt of a cancel and the end of the containment. */
  cancelGraceMs: number;
}

/** The name under which a worker's own changes stand in the audit log. */
export function principalOf(context: Pick<WorkerContext, "workerId">): string {
  return `worker:${context.workerId}`;
}
