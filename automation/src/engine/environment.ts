import type { EngineOperation } from "./runner-protocol.ts";

/**
 * Settings that keep the CLI quiet and to itself: it asks nobody for a newer version, offers no service, and never waits
 * for an answer. The runner adds them to every engine request; a request's own environment cannot turn them off.
 */
const QUIET_ENGINE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PULUMI_SKIP_UPDATE_CHECK: "true",
  PULUMI_SUPPRESS_NEO_LINK: "true",
  PULUMI_NEO: "false",
  PULUMI_SKIP_CONFIRMATIONS: "true",
  // The CLI waits this long for each batch of journal entries; its default of 50 ms is most of a small update.
  PULUMI_JOURNALING_BATCH_PERIOD: "1",
  NO_COLOR: "1",
  // Makes the CLI take --event-log.
  PULUMI_DEBUG_COMMANDS: "true",
};

/** The same for one operation. The CLI takes a skipped confirmation for --yes, which it refuses to a refresh or destroy that only looks. */
export function quietEnvironment(operation: EngineOperation): Readonly<Record<string, string>> {
  if (operation !== "detect-drift" && operation !== "preview-refresh" && operation !== "preview-destroy")
    return QUIET_ENGINE_ENVIRONMENT;
  return { ...QUIET_ENGINE_ENVIRONMENT, PULUMI_SKIP_CONFIRMATIONS: "false" };
}

/**
 * The engine's garbage collector runs less often than by default while there is room: a tenth less processor time at 200 resources.
 * The limit is soft and keeps big provider plugins, which inherit it, from growing threefold.
 */
const ENGINE_MEMORY: Readonly<Record<string, string>> = { GOGC: "300", GOMEMLIMIT: "1GiB" };

/** What an engine request's environment is made of. All paths are absolute. */
export interface EngineEnvironment {
  /** Slipway's server, for example `http://127.0.0.1:7420`. */
  backendUrl: string;
  /** Where the CLI finds its plugins; belongs to Slipway, not to the person who runs it. */
  pulumiHome: string;
  /** Folders in which programs are looked for, best first; the one with node and the language host must be among them. */
  path: readonly string[];
  /** HOME of the program. */
  home: string;
  tmpDir: string;
  /** Where Node keeps compiled code between runs; saves a third of a second for each program. */
  compileCache?: string;
  /** Whatever else the program needs; wins over the rest. */
  extra?: Readonly<Record<string, string>>;
}

/** The environment for `PulumiRequest.env`, but for PULUMI_ACCESS_TOKEN, which each request has of its own. */
export function engineEnvironment(parts: EngineEnvironment): Record<string, string> {
  return {
    PATH: parts.path.join(":"),
    HOME: parts.home,
    TMPDIR: parts.tmpDir,
    LANG: "C.UTF-8",
    PULUMI_BACKEND_URL: parts.backendUrl,
    PULUMI_HOME: parts.pulumiHome,
    ...ENGINE_MEMORY,
    ...(parts.compileCache === undefined ? {} : { NODE_COMPILE_CACHE: parts.compileCache }),
    ...parts.extra,
  };
}

/** What names a credential without being one. */
const NAMES_ONLY = /_(ID|FILE|ARN|URI|URL|PATH|NAME|REGION)$/i;
const CREDENTIAL = /SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE|(^|_)(API|ACCESS)?_?KEY(_|$)/i;

/** The values among variables that are credentials by their names: they are shown nowhere. */
export function credentialsAmong(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) =>
    CREDENTIAL.test(name) && !NAMES_ONLY.test(name) ? [value] : [],
  );
}
