import path from "node:path";
import { execa } from "execa";

const SLIPWAY = path.resolve(import.meta.dirname, "../../automation/bin/slipway.mjs");
const MOST_OUTPUT_BYTES = 64 * 1_048_576;

/** How a command ended. */
export interface SlipwayRun {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a command of slipway, as people do. */
export type RunSlipway = (command: { argv: readonly string[]; input?: string }) => Promise<SlipwayRun>;

/** Commands in processes of their own; a stop ends the one that runs with SIGINT, which leaves what it asked for alone. */
export function slipwayRunner(signal: AbortSignal): RunSlipway {
  return async ({ argv, input }) => {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [SLIPWAY, ...argv], {
      reject: false,
      ...(input === undefined ? { stdin: "ignore" } : { input }),
      maxBuffer: MOST_OUTPUT_BYTES,
      cancelSignal: signal,
      killSignal: "SIGINT",
    });
    signal.throwIfAborted();
    return { exitCode: exitCode ?? 1, stdout, stderr };
  };
}
