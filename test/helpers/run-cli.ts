import { Readable } from "node:stream";
import type { CliContext } from "../../automation/src/cli/context.ts";
import { buildProgram, runCli } from "../../automation/src/cli/program.ts";

const VERSION = "0.0.0-test";

/** What a command line came to. */
export interface CliRun {
  stdout: string;
  stderr: string;
  /** Both, in the order in which they were printed. */
  printed: string;
  /** The exit code. */
  code: number;
}

/** What a command line has around it; an empty environment in `/` when nothing is said. */
export type CliSurroundings = Partial<Pick<CliContext, "env" | "cwd" | "signal">>;

/**
 * Runs `slipway <argv>` in the test's own process, with an empty standard input, and answers what it printed and its exit code.
 * It sees nothing of the test's environment but what `surroundings` hands on.
 */
export async function runSlipway(
  argv: readonly string[],
  surroundings: CliSurroundings = {},
): Promise<CliRun> {
  const run: CliRun = { stdout: "", stderr: "", printed: "", code: 0 };
  await runCli(argv, contextFor(run, surroundings), VERSION);
  return run;
}

/** The program with every command and option in full, for tests that compare what is written about them. */
export function wholeProgram(): ReturnType<typeof buildProgram> {
  const run: CliRun = { stdout: "", stderr: "", printed: "", code: 0 };
  return buildProgram(["--help"], contextFor(run, {}), VERSION, true);
}

function contextFor(run: CliRun, surroundings: CliSurroundings): CliContext {
  const output = (to: "stdout" | "stderr") => ({
    write(text: string) {
      run[to] += text;
      run.printed += text;
    },
  });
  return {
    env: {},
    cwd: "/",
    stdin: Readable.from([]),
    stdout: output("stdout"),
    stderr: output("stderr"),
    signal: new AbortController().signal,
    finish(code) {
      run.code = code;
    },
    ...surroundings,
  };
}
