import { readFileSync } from "node:fs";
import path from "node:path";
import { runCli } from "./cli/program.ts";
import { systemCode } from "./errors.ts";

/** One Ctrl-C often arrives twice: from the terminal and through npx. A later one means that the person is in a hurry. */
const SAME_SIGNAL_MS = 500;
const EXIT_INTERRUPTED = 130;

const stopping = new AbortController();
let firstSignalAtMs: number | undefined;
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.on(name, () => {
    const now = performance.now();
    if (firstSignalAtMs !== undefined && now - firstSignalAtMs > SAME_SIGNAL_MS)
      process.exit(EXIT_INTERRUPTED);
    firstSignalAtMs ??= now;
    stopping.abort();
  });
for (const output of [process.stdout, process.stderr])
  output.on("error", (error: unknown) => {
    // The reader of our pipe (`| head`) has what it wanted.
    if (systemCode(error) === "EPIPE") process.exit(process.exitCode ?? 0);
    throw error;
  });

const { version } = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, "../package.json"), "utf8"),
) as { version: string };
await runCli(
  process.argv.slice(2),
  {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stopping.signal,
    finish: (code) => {
      process.exitCode = code;
    },
  },
  version,
);
