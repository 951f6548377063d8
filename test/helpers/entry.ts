import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { COMPILE_CACHE } from "./compiled.ts";

const ENTRIES = path.resolve(import.meta.dirname, "../../automation/src");

/** One of the product's entries in a process of its own. Whoever started it ends it. */
export interface RunningEntry {
  pid: number;
  /** All that it printed. */
  output(): string;
  /** SIGTERM; resolves with its exit code. */
  stop(): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
}

export interface EntryOptions {
  /** File of automation/src. */
  entry: string;
  env: Readonly<Record<string, string>>;
  /** An argv that the command line is appended to. */
  wrapper: readonly string[] | undefined;
  /** It is killed when it has not ended so long after SIGTERM. */
  stopTimeoutMs: number;
}

/** Starts an entry and waits for its line that says that it is ready; answers what that line holds. Throws with all that it printed when it ends before. */
export async function startEntry({
  entry,
  env,
  wrapper,
  stopTimeoutMs,
}: EntryOptions): Promise<{ process: RunningEntry; ready: Record<string, unknown> }> {
  const [program = "", ...args] = [...(wrapper ?? []), process.execPath, path.join(ENTRIES, entry)];
  const child = spawn(program, args, {
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const said = Promise.withResolvers<Record<string, unknown>>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      if (line.startsWith('{"ready":true')) said.resolve(JSON.parse(line) as Record<string, unknown>);
    });
  }
  void exited.then((code) => said.reject(new Error(`${entry} ended with ${code}:\n${lines.join("\n")}`)));
  const ready = await said.promise;
  return {
    ready,
    process: {
      pid: child.pid ?? 0,
      output: () => lines.join("\n"),
      stop: () => {
        child.kill("SIGTERM");
        const late = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
        return exited.finally(() => clearTimeout(late));
      },
      kill: async () => {
        child.kill("SIGKILL");
        await exited;
      },
    },
  };
}
