import { constants } from "node:os";
import { execa } from "execa";
import { messageOf, SlipwayError } from "../errors.ts";
import type { CliContext } from "./context.ts";

/**
 * Runs a program in the place of this CLI, with its terminal, and answers its exit code (128 + n for a signal). It gets a
 * session of its own, so that a Ctrl-C reaches it once, from here, and not also from the terminal and from npx.
 */
export async function runInForeground(
  context: CliContext,
  program: string,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const child = execa(program, argv, {
    cwd: context.cwd,
    env,
    extendEnv: false,
    stdio: "inherit",
    detached: true,
    cleanup: false,
    reject: false,
  });
  const interrupt = () => child.kill("SIGINT");
  context.signal.addEventListener("abort", interrupt);
  try {
    const { exitCode, signal, cause } = await child;
    if (signal !== undefined) return 128 + constants.signals[signal];
    if (exitCode !== undefined) return exitCode;
    throw new SlipwayError("cli_program", `${program} could not be started: ${messageOf(cause)}.`, {
      cause,
      remedy: "Run `slipway doctor`.",
    });
  } finally {
    context.signal.removeEventListener("abort", interrupt);
  }
}
