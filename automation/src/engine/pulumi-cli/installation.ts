/** The CLI that Slipway builds, installs and tests with; the SDK in package.json has the same version. */
export const PULUMI_VERSION = "3.250.0";

/** Where a CLI came from, in the order in which they are tried. */
export type PulumiSource = "SLIPWAY_PULUMI" | "path" | "cache" | "installer" | "go";

/** A way to a CLI that was tried and did not lead to one. */
export interface FailedWay {
  readonly source: PulumiSource;
  readonly reason: string;
}

/** A CLI that runs Node programs, with all that it needs for that. */
export interface PulumiInstallation {
  /** Absolute path of the pulumi binary. */
  readonly path: string;
  /** As `pulumi version` says, without the leading v. */
  readonly version: string;
  readonly source: PulumiSource;
  /** `bundled`: Pulumi's own language host was found with the CLI. `own`: Slipway's. */
  readonly languageHost: "bundled" | "own";
  /** Folder of the language host's launchers, to be put on the PATH; undefined when they are beside the binary. */
  readonly languageHostDir: string | undefined;
  /** Node 24 that outlives the clone; it runs the language host and, first on the PATH, programs and plugins. */
  readonly nodePath: string;
  /** What was tried before and why it was not taken. */
  readonly passedOver: readonly FailedWay[];
}

/** What is being done: `install` and `build` may take minutes. */
export type ProgressStep = "look" | "wait" | "install" | "build" | "language-host";
export type OnProgress = (step: ProgressStep, detail: string) => void;
