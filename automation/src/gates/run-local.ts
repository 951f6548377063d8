import { readFile } from "node:fs/promises";
import path from "node:path";
import { systemClock } from "../clock.ts";
import type { GateResult } from "../contract/deployments.ts";
import type { Gate } from "../contract/gates.ts";
import { runChild } from "../engine/child.ts";
import { statusOf } from "../engine/command.ts";
import { describeFailure } from "../engine/command-end.ts";
import { createRedactor } from "../engine/redact.ts";
import type { RequestOutcome } from "../engine/runner-protocol.ts";
import { systemCode } from "../errors.ts";
import { parsePulumiProject } from "../sources/pulumi-yaml.ts";
import { parseManifest } from "../sources/slipway-yaml.ts";
import type { RanProgram, Surroundings } from "./look.ts";
import { cannotStart } from "./look.ts";
import { measure } from "./measure.ts";
import { recordOf } from "./result.ts";
import { runGate } from "./run-gate.ts";
import type { RecordedGate } from "./store.ts";
import { timingOf } from "./timing.ts";

const MS_PER_SECOND = 1_000;
const LAST_LINES = 20;
const MAX_OUTPUT_CHARACTERS = 128 * 1024;

/** A folder with the gates that its slipway.yaml has. */
export interface LocalProject {
  folder: string;
  /** As Pulumi.yaml has it. */
  name: string;
  gates: readonly Gate[];
}

/** Reads a project's gates from its folder. Throws `slipway_yaml_invalid` or `source_invalid`; a folder without slipway.yaml has none. */
export async function readLocalProject(folder: string): Promise<LocalProject> {
  const [manifest, project] = await Promise.all(
    ["slipway.yaml", "Pulumi.yaml"].map((name) => readOptional(path.join(folder, name))),
  );
  return {
    folder,
    name:
      project === null || project === undefined ? path.basename(folder) : parsePulumiProject(project).name,
    gates: parseManifest(manifest ?? "").gates,
  };
}

export interface LocalOptions {
  env: Readonly<Record<string, string>>;
  /** What a deployment would give to its gates. */
  outputs: Readonly<Record<string, unknown>>;
  signal: AbortSignal;
  onLine(gate: Gate, line: string): void;
  onResult(result: GateResult): void;
}

/** Measures gates as a deployment would, here: the same looks by the same rules, with programs as the caller's own processes. */
export async function runLocally(
  { folder, name }: LocalProject,
  gates: readonly Gate[],
  options: LocalOptions,
): Promise<RecordedGate[]> {
  const records: RecordedGate[] = [];
  const { text: clean } = createRedactor([]);
  for (const gate of gates) {
    if (options.signal.aborted) break;
    const surroundings: Surroundings = {
      outputs: options.outputs,
      names: { organisation: "default", project: name, stack: "local", deployment: "local" },
      folder,
      updateEndedAtMs: gate.phase === "after" ? Date.now() : null,
      validate: async () =>
        cannotStart("looks at what runs on AWS: a deployment measures it, and 'slipway validate' by hand"),
      nowMs: () => Date.now(),
      signal: options.signal,
      runProgram: (argv, cwd, timeoutSeconds) =>
        runProgram(argv, cwd, timeoutSeconds, options, (line) => options.onLine(gate, line)),
    };
    const measured = await runGate(
      gate,
      timingOf(gate),
      () => measure(gate, surroundings),
      systemClock,
      options.signal,
    );
    const record = recordOf({ gate, source: "project" }, measured, null, clean);
    records.push(record);
    options.onResult(record.result);
  }
  return records;
}

async function runProgram(
  argv: readonly string[],
  cwd: string,
  timeoutSeconds: number,
  { env, outputs, signal }: LocalOptions,
  onLine: (line: string) => void,
): Promise<RanProgram> {
  const startedAt = performance.now();
  const tail: string[] = [];
  let output = "";
  let group: number | undefined;
  const interrupt = (): void => {
    if (group === undefined) return;
    try {
      process.kill(-group, "SIGINT");
    } catch {
      // It has ended already.
    }
  };
  signal.addEventListener("abort", interrupt);
  try {
    const end = await runChild(
      {
        argv,
        cwd,
        env: {
          ...env,
          PATH: [path.join(cwd, "node_modules", ".bin"), env.PATH ?? ""].join(path.delimiter),
          SLIPWAY_OUTPUTS: JSON.stringify(outputs),
        },
        timeoutMs: timeoutSeconds * MS_PER_SECOND,
        interrupts: "group",
        redactor: createRedactor([]),
        onLine: (_, line) => {
          tail.push(line);
          if (tail.length > LAST_LINES) tail.shift();
          output = `${output}${line}\n`.slice(-MAX_OUTPUT_CHARACTERS);
          onLine(line);
        },
      },
      {
        attemptDir: cwd,
        extraEnvironment: {},
        childStarted: (pid) => {
          group = pid;
          if (signal.aborted) interrupt();
        },
        childEnded: () => {
          group = undefined;
        },
        isInterrupted: () => signal.aborted,
        send: () => {},
      },
    );
    const outcome: RequestOutcome = {
      status: statusOf(end, signal.aborted),
      exitCode: end.exitCode,
      signal: end.signal,
      durationMs: performance.now() - startedAt,
      errors: end.startError === undefined ? [] : [end.startError],
      changes: {},
    };
    return { outcome, failure: describeFailure(argv, outcome, tail), output };
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}

async function readOptional(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}
