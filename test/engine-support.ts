import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { inject } from "vitest";
import type { AttemptContainment } from "../automation/src/engine/attempt.ts";
import { openContainment } from "../automation/src/engine/containment.ts";
import { engineEnvironment } from "../automation/src/engine/environment.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import type {
  CommandRequest,
  PulumiRequest,
  RequestOutcome,
  RunnerMessage,
} from "../automation/src/engine/runner-protocol.ts";
import { sealConfigValue } from "../automation/src/secrets/config-secrets.ts";
import { currentFacts } from "../automation/src/state/current-facts.ts";
import type { StateFacts } from "../automation/src/state/journal/facts.ts";
import { currentState } from "../automation/src/state/states-store.ts";
import type { TestApi } from "./helpers/api.ts";
import { listening } from "./helpers/worker.ts";

const here = dirname(fileURLToPath(import.meta.url));
const POLL_MS = 10;
/** Long enough for a test that takes its time on a busy machine. */
export const LONG_DEADLINE_MS = 170_000;

/** A folder under the system's temporary one; the caller removes it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "slipway-engine-test-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Waits until `isTrue`; throws with `what` when it never comes. */
export async function until(what: string, isTrue: () => boolean, timeoutMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + timeoutMs;
  while (!isTrue()) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await pause(POLL_MS);
  }
}

/** The lines of a file; none when it does not exist. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    return [];
  }
}

/** Pids (seen from here) of all processes whose command line holds `text`. */
export function processesWith(text: string): number[] {
  const table = execFileSync("ps", ["-axo", "pid=,stat=,args="], { encoding: "utf8" });
  return table
    .split("\n")
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/u.exec(line))
    .filter((found) => found?.[3]?.includes(text) === true && !found[2]?.startsWith("Z"))
    .map((found) => Number(found?.[1]));
}

/** A command request that runs a Node script given as text. */
export function nodeCommand(script: string, more: Partial<CommandRequest> = {}): CommandRequest {
  return {
    type: "command",
    id: "command",
    argv: [process.execPath, "-e", script],
    cwd: tmpdir(),
    env: { PATH: "/usr/bin:/bin" },
    timeoutSeconds: 60,
    secrets: [],
    ...more,
  };
}

/** Runs a request and collects what it said. */
export async function runAndCollect(
  containment: AttemptContainment,
  request: CommandRequest | PulumiRequest,
): Promise<{ outcome: RequestOutcome; messages: RunnerMessage[]; lines: string[] }> {
  const messages: RunnerMessage[] = [];
  const outcome = await containment.run(request, (message) => messages.push(message));
  const lines = messages.flatMap((message) => (message.type === "output" ? [message.line] : []));
  return { outcome, messages, lines };
}

/** A stack with a program of test/fixtures/engine in a folder of its own, and a real server as its state backend. */
export interface TestStack {
  /** The last part of its name. */
  name: string;
  folder: string;
  workDir: string;
  ledger: string;
  planPath: string;
  /** Replaces the program. */
  use(program: string): void;
  open(deadlineMs?: number): Promise<AttemptContainment>;
  request(operation: PulumiRequest["operation"], more?: Partial<PulumiRequest>): PulumiRequest;
  /** A secret value as the stack's config holds it. */
  seal(value: string): Promise<{ secure: string }>;
  /** Of the current state; nothing before the first. */
  facts(): Promise<StateFacts | undefined>;
  /** JSON text of the current state. */
  state(): Promise<string>;
  /** Lets the time of whoever holds the stack run out. */
  expire(): Promise<void>;
}

export async function testStack(
  api: TestApi,
  pulumiPath: string,
  folder: string,
  program: string,
): Promise<TestStack> {
  const { db, dependencies } = api;
  const workDir = join(folder, "work");
  for (const name of ["work", "home", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(
    join(workDir, "Pulumi.yaml"),
    JSON.stringify({
      name: "trial",
      runtime: { name: "nodejs", options: { typescript: false } },
      plugins: { providers: [{ name: "ledger", path: join(here, "doubles", "ledger") }] },
    }),
  );
  writeFileSync(join(workDir, "package.json"), JSON.stringify({ type: "module", main: "index.ts" }));
  symlinkSync(join(here, "..", "node_modules"), join(workDir, "node_modules"));
  const use = (name: string): void =>
    copyFileSync(join(here, "fixtures", "engine", `${name}.ts`), join(workDir, "index.ts"));
  use(program);
  const backendUrl = await listening(api);
  const name = randomUUID();
  const stackId = await makeStack(backendUrl, api, name);
  let attempts = 0;
  return {
    name,
    folder,
    workDir,
    ledger: join(folder, "ledger.txt"),
    planPath: join(folder, "plan.json"),
    use,
    open: (deadlineMs = LONG_DEADLINE_MS) =>
      openContainment({
        nodePath: process.execPath,
        deadlineMs,
        attemptDir: join(folder, `attempt-${++attempts}`),
      }),
    request: (operation, more = {}) => ({
      type: "pulumi",
      id: operation,
      operation,
      pulumiPath,
      workDir,
      stack: `default/trial/${name}`,
      config: {},
      options: { refresh: false },
      secrets: [api.token],
      env: {
        ...engineEnvironment({
          backendUrl,
          pulumiHome: join(folder, "home"),
          path: [
            dirname(process.execPath),
            dirname(pulumiPath),
            ...(process.env.PATH ?? "").split(delimiter),
          ],
          home: join(folder, "home"),
          tmpDir: join(folder, "tmp"),
          compileCache: join(inject("runFolder"), "compile-cache"),
        }),
        PULUMI_ACCESS_TOKEN: api.token,
      },
      ...more,
    }),
    seal: async (value) => ({
      secure: (await sealConfigValue(dependencies.keyring, db, stackId, value)).toString("base64"),
    }),
    facts: async () => (await currentFacts(db, dependencies.keyring, stackId))?.facts,
    state: async () => (await currentState(db, dependencies.keyring, stackId))?.text ?? "",
    expire: async () => {
      await sql`update stack_writers set expires_at = now() where stack_id = ${stackId}`.execute(db);
    },
  };
}

/** Makes the stack as `pulumi stack init` does, with its project the first time. */
async function makeStack(backendUrl: string, { db, token }: TestApi, name: string): Promise<string> {
  const answer = await fetch(`${backendUrl}/api/stacks/default/trial`, {
    method: "POST",
    headers: { authorization: `token ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ stackName: name }),
  });
  if (!answer.ok) throw new Error(`creating the stack failed: ${await answer.text()}`);
  const row = await db.selectFrom("stacks").select("id").where("name", "=", name).executeTakeFirstOrThrow();
  return row.id;
}

/** The CLI for these tests. Throws when there is none: a skip would hide that nothing was tested. */
export async function pulumiPath(): Promise<string> {
  return (await pulumiForTests()).path;
}
