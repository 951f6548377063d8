import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import type { PulumiInstallation } from "../automation/src/engine/pulumi-cli/installation.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import { reapExpiredUpdates } from "../automation/src/state/reap.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { LedgerProgram } from "./helpers/ledger-project.ts";
import { writeLedgerProject } from "./helpers/ledger-project.ts";
import type { CliRun, TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { namesOf, pendingOf, queueDeployment, testClaimer, updateAudit } from "./helpers/state-client.ts";
import { trial } from "./helpers/trial.ts";
import { eventually } from "./helpers/waiting.ts";

/** Long enough for other commands to begin meanwhile, on a busy machine too. */
const SLOW_MS = 15_000;
const WITHIN_MS = 60_000;
const REAP_MS = 100;

let api: TestApi;
let cli: TestCli;
let installation: PulumiInstallation;
let reaping: Promise<void>;
const stopping = new AbortController();
beforeAll(async () => {
  installation = await pulumiForTests();
  api = await startTestApi();
  cli = await startTestCli(api);
  const { db, keyring, logger } = { ...api.dependencies };
  reaping = reapExpiredUpdates({ db, keyring, logger, everyMs: REAP_MS }, stopping.signal);
});
afterAll(async () => {
  stopping.abort();
  await reaping;
  await cli.close();
  await api.close();
});

interface Project {
  folder: string;
  ledger: string;
  subject: string;
  stackId: string;
  write(program: Partial<LedgerProgram>): void;
}

async function project(name: string, program: Partial<LedgerProgram>): Promise<Project> {
  const folder = cli.folder(name);
  const ledger = path.join(cli.home, `${name}.ledger`);
  const write = (more: Partial<LedgerProgram>): void => {
    writeLedgerProject(folder, name, { version: "v1", ledger, ...more });
  };
  write(program);
  linkPackages(folder);
  await cli.succeed(["stack", "init", "dev"], { cwd: folder });
  const row = await api.db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select("stacks.id")
    .where("projects.name", "=", name)
    .executeTakeFirstOrThrow();
  return { folder, ledger, subject: `default/${name}/dev`, stackId: row.id, write };
}

/** A run of the CLI that goes on while the test does something else. */
interface Going {
  child: ChildProcess;
  done: Promise<CliRun>;
}

function start(args: readonly string[], cwd: string): Going {
  const child = spawn(installation.path, [...args], {
    cwd,
    env: {
      ...pulumiEnvironment(installation),
      HOME: cli.home,
      PULUMI_HOME: path.join(cli.home, ".pulumi"),
      NO_COLOR: "1",
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const done = new Promise<CliRun>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr, text: stdout + stderr }));
  });
  return { child, done };
}

const hasBegun = ({ ledger }: Project, what: string): boolean =>
  existsSync(ledger) && readFileSync(ledger, "utf8").includes(`started ${what}`);

/** Kills the CLI as a crash does, and then what it leaves behind. */
async function crash({ child, done }: Going): Promise<void> {
  const left = descendantsOf(child.pid ?? 0);
  child.kill("SIGKILL");
  await done.catch(() => {});
  for (const pid of left) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended with its parent.
    }
  }
}

function descendantsOf(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It ended while we looked.
    }
  }
  const found = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (!found.has(pid) && found.has(parent)) {
        found.add(pid);
        grew = true;
      }
    }
  }
  return [...found].filter((pid) => pid !== root);
}

const holderOf = async (stackId: string): Promise<string | null> =>
  (
    await api.db
      .selectFrom("stack_writers")
      .select("holder")
      .where("stack_id", "=", stackId)
      .executeTakeFirst()
  )?.holder ?? null;

trial("T13: pulumi preview works twice at once, and beside a pulumi up that holds the stack", async () => {
  const desk = await project("previews", { delayMs: SLOW_MS });
  const up = start(["up", "--yes", "--skip-preview", "--stack", "dev"], desk.folder);
  await eventually("the create", WITHIN_MS, () => hasBegun(desk, "create"));
  const previews = await Promise.all([
    cli.run(["preview", "--stack", "dev"], { cwd: desk.folder }),
    cli.run(["preview", "--stack", "dev", "--json"], { cwd: desk.folder }),
  ]);
  for (const preview of previews) expect(preview.code, preview.text).toBe(0);
  const done = await up.done;
  expect(done.code, done.text).toBe(0);
  const { rows } = await sql<{ beside: boolean }>`
    select p.started_at between u.started_at and u.finished_at as beside
    from updates u join updates p on p.stack_id = u.stack_id and p.dry_run
    where u.stack_id = ${desk.stackId} and u.number = 1
  `.execute(api.db);
  expect(rows).toEqual([{ beside: true }, { beside: true }]);
  expect(await namesOf(api, desk.stackId)).toEqual(expect.arrayContaining(["one", "previews-dev"]));
  expect(await updateAudit(api, desk.subject)).toEqual(["update.started", "update.succeeded"]);
});

test("T15: a second pulumi up is told who holds the stack, word for word, and asks only once", async () => {
  const desk = await project("held", { delayMs: SLOW_MS });
  const first = start(["up", "--yes", "--skip-preview", "--stack", "dev"], desk.folder);
  await eventually("the create", WITHIN_MS, () => hasBegun(desk, "create"));
  cli.requests();
  const second = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  expect(second.code).not.toBe(0);
  const sentence =
    /\[409\] The stack default\/held\/dev is held by update 1 \(pulumi up\) of owner from 127\.0\.0\.1 since \S+ \S+ UTC, for \d+ seconds?\. Its last journal entry came \d+ seconds? ago; it holds the stack until \S+ \S+ UTC unless it renews before\. To free it now: pulumi cancel --yes --stack default\/held\/dev\n/;
  expect(second.text).toMatch(sentence);
  expect(cli.requests().filter((line) => /POST \S+\/update\/:id 409/.test(line))).toHaveLength(1);
  // A deployment of Slipway waits for the CLI.
  const claim = await testClaimer(api);
  await queueDeployment(api, desk.stackId);
  expect(await claim()).toBeNull();
  expect((await first.done).code).toBe(0);
  const claimed = await claim();
  expect(claimed?.stackId).toBe(desk.stackId);
  const third = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  expect(third.text).toContain("is held by deployment 1 (update) of owner on worker worker-host since");
  expect(third.text).toContain(`To free it now: slipway cancel ${claimed?.deploymentId}`);
});

test("T14: pulumi cancel ends the running update and frees the stack; the cancelled CLI begins nothing more and what was under way is recorded", async () => {
  const texts = ["one", "two", "three", "four", "five", "six"];
  const desk = await project("cancelled", { delayMs: 3_000, texts });
  const up = start(["up", "--yes", "--skip-preview", "--parallel", "2", "--stack", "dev"], desk.folder);
  await eventually("the create", WITHIN_MS, () => hasBegun(desk, "create"));
  const cancel = await cli.run(["cancel", "--yes", "--stack", "dev"], { cwd: desk.folder });
  expect(cancel.code, cancel.text).toBe(0);
  expect(await holderOf(desk.stackId)).toBeNull();
  const done = await up.done;
  expect(done.code).not.toBe(0);
  expect(done.text).toContain("was cancelled by owner");
  // Every resource that the provider has made is in the state, none is in doubt, and most were never begun.
  const lines = readFileSync(desk.ledger, "utf8").split("\n");
  const finished = lines.filter((line) => line.startsWith("finished create")).length;
  const begun = lines.filter((line) => line.startsWith("started create")).length;
  expect(finished).toBe(begun);
  expect(begun).toBeLessThan(texts.length);
  const kept = (await namesOf(api, desk.stackId)).filter((name) => texts.includes(name));
  expect(kept).toHaveLength(finished);
  expect(await pendingOf(api, desk.stackId)).toEqual([]);
  expect(await updateAudit(api, desk.subject)).toEqual(["update.started", "update.cancelled"]);
  desk.write({ texts });
  const next = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  expect(next.code, next.text).toBe(0);
  expect((await namesOf(api, desk.stackId)).filter((name) => texts.includes(name)).sort()).toEqual(
    [...texts].sort(),
  );
});

test("T14: the update of a CLI that was killed in the middle of a create ends with its lease, and the next one goes on from what was recorded", async () => {
  const desk = await project("killed", { delayMs: 0, texts: ["one"] });
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  // The one that is there stays as it is.
  desk.write({ delayMs: 0, texts: ["one"], more: slowEntry(desk) });
  const up = start(["up", "--yes", "--skip-preview", "--stack", "dev"], desk.folder);
  await eventually("the create", WITHIN_MS, () => hasBegun(desk, "create slow"));
  await crash(up);
  const refused = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  expect(refused.text).toContain("is held by update 2 (pulumi up) of owner from 127.0.0.1 since");
  const row = await api.db
    .selectFrom("stack_writers")
    .selectAll()
    .where("stack_id", "=", desk.stackId)
    .executeTakeFirstOrThrow();
  expect((row.expires_at?.getTime() ?? 0) - Date.now()).toBeLessThan(300_000);
  // As if that time had passed.
  await sql`update stack_writers set expires_at = now() where stack_id = ${desk.stackId}`.execute(api.db);
  await eventually("the reaper", WITHIN_MS, async () => (await holderOf(desk.stackId)) === null);
  expect(await pendingOf(api, desk.stackId)).toEqual(["slow"]);
  expect(await namesOf(api, desk.stackId)).toEqual(expect.arrayContaining(["one"]));
  expect(await updateAudit(api, desk.subject)).toEqual([
    "update.started",
    "update.succeeded",
    "update.started",
    "update.expired",
  ]);
  desk.write({ texts: ["one"] });
  const refreshed = await cli.run(
    ["refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", "dev"],
    {
      cwd: desk.folder,
    },
  );
  expect(refreshed.code, refreshed.text).toBe(0);
  const next = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  expect(next.code, next.text).toBe(0);
  expect(await pendingOf(api, desk.stackId)).toEqual([]);
});

trial("T14: pulumi cancel frees a stack whose CLI was killed, without waiting for its lease", async () => {
  const desk = await project("orphaned", { delayMs: 60_000 });
  const up = start(["up", "--yes", "--skip-preview", "--stack", "dev"], desk.folder);
  await eventually("the create", WITHIN_MS, () => hasBegun(desk, "create"));
  await crash(up);
  const asked = performance.now();
  const cancel = await cli.run(["cancel", "--yes", "--stack", "dev"], { cwd: desk.folder });
  expect(cancel.code, cancel.text).toBe(0);
  expect(performance.now() - asked).toBeLessThan(20_000);
  expect(await holderOf(desk.stackId)).toBeNull();
  expect(await pendingOf(api, desk.stackId)).toEqual(["one"]);
  expect(await updateAudit(api, desk.subject)).toEqual(["update.started", "update.cancelled"]);
});

function slowEntry({ ledger }: Project): string {
  return `new Entry("slow", ${JSON.stringify({ ledger, text: "slow", delayMs: 60_000 })});`;
}

test("PULUMI_DISABLE_JOURNALING: the CLI sends whole states, and the stack ends as with a journal", async () => {
  const desk = await project("whole", { texts: ["one", "two"] });
  const env = { PULUMI_DISABLE_JOURNALING: "true" };
  cli.requests();
  const up = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder, env });
  expect(up.code, up.text).toBe(0);
  const asked = cli.requests();
  expect(asked.some((line) => line.includes("/checkpoint 204"))).toBe(true);
  expect(asked.some((line) => line.includes("journalentries"))).toBe(false);
  expect(await namesOf(api, desk.stackId)).toEqual(expect.arrayContaining(["one", "two"]));
  const journaled = await cli.run(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: desk.folder });
  expect(journaled.code, journaled.text).toBe(0);
  expect(journaled.text).toMatch(/unchanged/);
});
