import { execa } from "execa";
import { messageOf } from "../../errors.ts";

const LINES_OF_AN_ERROR = 8;

/** How a program is run to its end. */
export interface BoundedRun {
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly limitMs: number;
  /** Called with each line of the program's error output. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program in a process group of its own and ends the whole group when time is up or `signal` aborts: compilers and
 * downloads are children of what was started. Throws an Error with the last lines of its error output.
 */
export async function runBounded(argv: readonly string[], run: BoundedRun): Promise<void> {
  run.signal.throwIfAborted();
  const [program = "", ...args] = argv;
  const lines: string[] = [];
  const child = execa(program, args, {
    cwd: run.cwd,
    env: { ...run.env },
    extendEnv: false,
    stdin: "ignore",
    stdout: "ignore",
    detached: true,
    buffer: false,
    reject: false,
  });
  let ended: "time" | "abort" | undefined;
  const endGroup = (why: "time" | "abort") => {
    ended ??= why;
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      // ESRCH: the group is gone already, which is what was wanted.
      if (!/ESRCH/.test(messageOf(error))) throw error;
    }
  };
  const timer = setTimeout(() => endGroup("time"), run.limitMs);
  const onAbort = () => endGroup("abort");
  run.signal.addEventListener("abort", onAbort, { once: true });
  try {
    for await (const line of child.iterable({ from: "stderr" })) {
      run.onLine?.(line);
      lines.push(line);
      if (lines.length > LINES_OF_AN_ERROR) lines.shift();
    }
    const result = await child;
    run.signal.throwIfAborted();
    if (ended === "time")
      throw new Error(`${program} took longer than ${Math.round(run.limitMs / 60_000)} minutes`);
    if (result.failed) {
      const why = lines.length > 0 ? lines.join("\n") : result.shortMessage;
      throw new Error(`${program} failed: ${why}`, { cause: result });
    }
  } finally {
    clearTimeout(timer);
    run.signal.removeEventListener("abort", onAbort);
  }
}
