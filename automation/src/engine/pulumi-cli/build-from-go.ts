import { join } from "node:path";
import { execa } from "execa";
import { systemCode } from "../../errors.ts";
import { runBounded } from "./bounded.ts";
import { PULUMI_VERSION } from "./installation.ts";

const GO_VERSION_LIMIT_MILLISECONDS = 20_000;
const BUILD_LIMIT_MILLISECONDS = 30 * 60_000;
const CLI_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

/** The arguments of `go` that build the CLI into `output`, stripped and with its version set, as its releases are. */
export function goBuildArguments(output: string): string[] {
  // -v prints each package as it is compiled: on a cold cache the only sign of life for minutes.
  const linker = `-s -w -X ${VERSION_VARIABLE}=v${PULUMI_VERSION}`;
  return ["build", "-v", "-trimpath", "-mod=readonly", "-ldflags", linker, "-o", output, CLI_PACKAGE];
}

/**
 * Builds the CLI from the pinned Go module into `root`/bin/pulumi. Throws an Error that says why not. `onPackages` gets
 * the number of packages compiled so far.
 */
export async function buildFromGo(
  root: string,
  sourceDir: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
  onPackages: (compiled: number) => void,
): Promise<void> {
  await assertGo(env);
  let compiled = 0;
  await runBounded(["go", ...goBuildArguments(join(root, "bin", "pulumi"))], {
    cwd: join(sourceDir, "pulumi-cli"),
    env,
    signal,
    limitMs: BUILD_LIMIT_MILLISECONDS,
    onLine: (line) => {
      if (!line.startsWith("go: ")) compiled++;
      onPackages(compiled);
    },
  });
}

async function assertGo(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  try {
    await execa("go", ["version"], {
      env: { ...env },
      extendEnv: false,
      stdin: "ignore",
      timeout: GO_VERSION_LIMIT_MILLISECONDS,
    });
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw new Error("there is no go on the PATH", { cause: error });
    throw new Error("the go on the PATH does not run", { cause: error });
  }
}
