import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import type { Connection } from "../../client/call.ts";
import { pulumiEnvironment } from "../../engine/pulumi-cli/environment.ts";
import { resolvePulumi } from "../../engine/pulumi-cli/resolve.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import type { CliContext } from "../context.ts";
import { clean } from "../output.ts";

/** Of states of many thousand resources. */
const LIMIT_MS = 10 * 60_000;
const OUTPUT_LIMIT_BYTES = 512 * 1024 * 1024;

/** Pulumi's CLI with a home of its own, which knows no login of the person's. */
export interface OwnPulumi {
  /** Removed by `close`. */
  readonly home: string;
  /** Environment for Slipway as the backend. */
  readonly slipway: Readonly<Record<string, string>>;
  /** A folder for commands about one stack, with the files that the CLI wants to see there. */
  folderFor(
    names: { project: string; stack: string },
    stackFile: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** Runs it. Answers standard output; throws SlipwayError `pulumi_failed` with what it said. Secrets may be in `input` and the answer: neither is in the error. */
  run(
    argv: readonly string[],
    options: { cwd: string; env: Readonly<Record<string, string>>; input?: string },
  ): Promise<string>;
  close(): Promise<void>;
}

/** Finds or obtains the CLI. The passphrase is in a 0600 file of its home. */
export async function openPulumi(
  context: CliContext,
  connection: Connection,
  passphrase: string,
): Promise<OwnPulumi> {
  const found = await resolvePulumi({ env: context.env, nodePath: process.execPath, signal: context.signal });
  const home = await mkdtemp(path.join(tmpdir(), "slipway-pulumi-"));
  const passphraseFile = path.join(home, "passphrase");
  await writeFile(passphraseFile, passphrase, { mode: 0o600 });
  const common = {
    ...pulumiEnvironment(found),
    HOME: home,
    PULUMI_HOME: path.join(home, "pulumi-home"),
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
  };
  return {
    home,
    slipway: { PULUMI_BACKEND_URL: connection.baseUrl, PULUMI_ACCESS_TOKEN: connection.token ?? "" },
    folderFor: async ({ project, stack }, stackFile) => {
      const folder = await mkdtemp(path.join(home, "stack-"));
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, "Pulumi.yaml"), stringify({ name: project, runtime: "nodejs" }));
      await writeFile(path.join(folder, `Pulumi.${stack}.yaml`), stringify(stackFile), { mode: 0o600 });
      return folder;
    },
    run: async (argv, { cwd, env, input }) => {
      const ran = await execa(found.path, [...argv, "--non-interactive"], {
        cwd,
        env: { ...common, ...env },
        extendEnv: false,
        ...(input === undefined ? { stdin: "ignore" as const } : { input }),
        timeout: LIMIT_MS,
        maxBuffer: OUTPUT_LIMIT_BYTES,
        cancelSignal: context.signal,
        reject: false,
      });
      if (ran.exitCode === 0) return ran.stdout;
      context.signal.throwIfAborted();
      const said = clean(ran.stderr || messageOf(ran.cause)).trim();
      throw new SlipwayError("pulumi_failed", `pulumi ${argv.slice(0, 2).join(" ")} failed: ${said}`);
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}
