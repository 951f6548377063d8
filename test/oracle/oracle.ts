import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { runBounded } from "../../automation/src/engine/pulumi-cli/bounded.ts";
import { cacheLayout, prepareCache } from "../../automation/src/engine/pulumi-cli/cache.ts";

/** A cold compile of Pulumi's packages takes minutes on two busy cores. */
export const ORACLE_BUILD_LIMIT_MS = 15 * 60_000;
const SOURCES = ["main.go", "go.mod", "go.sum"];

/** A journal and what it starts from; both are JSON text. */
export interface Question {
  base: string | null;
  entries: string;
  /** Renames the base instead of replaying. */
  rename?: { project: string; stack: string };
}

/** What Pulumi's replayer makes of it: an `UntypedDeployment`, or why it makes nothing. */
export type OracleAnswer = { deployment: unknown } | { error: string };

/** Pulumi's own replayer, compiled. */
export interface Oracle {
  /** One process answers all of them, in their order. */
  ask(questions: readonly Question[]): Promise<OracleAnswer[]>;
}

/**
 * The oracle, compiled into the cache that all clones of a user share the first time that it is needed with these sources. Answers a reason instead when this
 * machine has no `go`; throws when it has one and the sources do not compile.
 */
export async function openOracle(): Promise<Oracle | { missing: string }> {
  const sources = SOURCES.map((name) => readFileSync(join(import.meta.dirname, name)));
  const digest = createHash("sha256").update(Buffer.concat(sources)).digest("hex").slice(0, 16);
  const layout = cacheLayout(process.env);
  const folder = join(layout.root, `journal-oracle-${digest}`);
  const binary = join(folder, "oracle");
  if (!existsSync(binary)) {
    if (!(process.env.PATH ?? "").split(":").some((path) => existsSync(join(path, "go")))) {
      return { missing: "there is no go on the PATH to compile Pulumi's replayer with" };
    }
    await prepareCache(layout);
    await build(folder, mkdtempSync(join(layout.root, ".oracle-")));
  }
  return { ask: (questions) => ask(binary, questions) };
}

/** Appears whole, by a rename; whoever else compiled it meanwhile made the same. */
async function build(folder: string, aside: string): Promise<void> {
  try {
    const argv = [
      "go",
      "build",
      "-trimpath",
      "-mod=readonly",
      "-buildvcs=false",
      "-o",
      join(aside, "oracle"),
      ".",
    ];
    const signal = AbortSignal.timeout(ORACLE_BUILD_LIMIT_MS);
    await runBounded(argv, {
      cwd: import.meta.dirname,
      env: process.env,
      signal,
      limitMs: ORACLE_BUILD_LIMIT_MS,
    });
    if (!existsSync(folder)) renameSync(aside, folder);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

async function ask(binary: string, questions: readonly Question[]): Promise<OracleAnswer[]> {
  const child = spawn(binary, [], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const answers = buffer(child.stdout);
  for (const { base, entries, rename } of questions) {
    const text = `{"base":${base ?? "null"},"entries":${entries},"rename":${JSON.stringify(rename ?? null)}}\n`;
    const isTaken = child.stdin.write(text);
    if (!isTaken) await new Promise((resolve) => child.stdin.once("drain", resolve));
  }
  child.stdin.end();
  const code = await ended;
  if (code !== 0) throw new Error(`the oracle exited with ${code}`);
  const lines = (await answers).toString("utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as OracleAnswer);
}
