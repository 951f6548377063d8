import type { Children } from "./children.ts";

/** What every call of the language host needs to know. One per process. */
export interface Host {
  /** Set by the command line or by the engine's Handshake. */
  engineAddress: string | undefined;
  /** Node binary that runs programs, plugins and policy packs: the one that runs this host. */
  readonly nodePath: string;
  readonly nodeVersion: string;
  /** Version of the SDK whose protocol this host speaks, without a leading v. */
  readonly sdkVersion: string;
  /** Environment that programs inherit. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly children: Children;
  /** Aborted by the engine's Cancel: what runs is interrupted, and nothing new lives long. */
  readonly cancelled: AbortController;
}
