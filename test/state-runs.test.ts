import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {
  HistoryEntry,
  StackResources,
  StackState,
  StackWriter,
  Update,
} from "../automation/src/contract/updates.ts";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import { slipway } from "./cli-server.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { writeLedgerProject } from "./helpers/ledger-project.ts";
import { linkPackages, startTestCli, type TestCli } from "./helpers/pulumi-cli.ts";
import { holdStack, recordEvents, recordUpdate, saying } from "./helpers/updates.ts";
import { eventually } from "./helpers/waiting.ts";

/*
 * Runs of the stock Pulumi CLI as `slipway` shows them beside deployments: history, writer, log, resources, states, cancel.
 */

const BEGINS_WITHIN_MS = 60_000;
const SLOW_CREATE_MS = 120_000;
const STACK = "default/shop/dev";
/** Nobody's. */
const NO_RUN = "00000000-0000-4000-8000-000000000000";

let api: TestApi;
let cli: TestCli;
let folder: string;
let ledger: string;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  ledger = path.join(cli.home, "ledger");
  folder = cli.folder("shop");
  write({});
  linkPackages(folder);
  await cli.succeed(["stack", "init", "dev"], { cwd: folder });
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

function write(more: { slow?: string; password?: string }): void {
  const password =
    more.password === undefined
      ? ""
      : `export const password = pulumi.secret(${JSON.stringify(more.password)});`;
  const slow =
    more.slow === undefined
      ? ""
      : `new Entry("${more.slow}", ${JSON.stringify({ ledger, text: more.slow, delayMs: SLOW_CREATE_MS })});`;
  writeLedgerProject(folder, "shop", { version: "v1", ledger, texts: ["one"], more: `${slow}\n${password}` });
}

async function run(args: readonly string[]) {
  const env = { SLIPWAY_URL: cli.url, SLIPWAY_TOKEN: api.token };
  return slipway(args, { env });
}

async function printed(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  return stdout;
}

async function json<T>(args: readonly string[]): Promise<T> {
  return JSON.parse(await printed([...args, "--json"])) as T;
}

/** Starts `pulumi up` and waits until it creates `entry`; answers what kills it as a lost power does. */
async function upUntilCreating(entry: string): Promise<() => Promise<void>> {
  const found = await pulumiForTests();
  const child = spawn(
    "unshare",
    [
      ...["--fork", "--pid", "--mount-proc", "--kill-child=SIGKILL"],
      ...[found.path, "--non-interactive", "up", "--yes", "--skip-preview", "--stack", "dev"],
    ],
    {
      cwd: folder,
      env: {
        ...pulumiEnvironment(found),
        HOME: cli.home,
        PULUMI_HOME: path.join(cli.home, ".pulumi"),
        SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
      },
      stdio: "ignore",
    },
  );
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await eventually(`the create of ${entry}`, BEGINS_WITHIN_MS, () => {
    if (child.exitCode !== null) throw new Error(`pulumi up ended with ${child.exitCode}`);
    return existsSync(ledger) && readFileSync(ledger, "utf8").includes(`started create ${entry}`);
  });
  return async () => {
    child.kill("SIGKILL");
    await ended;
  };
}

test("a stack without runs says so, and nobody holds it", async () => {
  expect(await printed(["history", STACK])).toContain("no runs of the Pulumi CLI");
  expect(await printed(["resources", STACK])).toContain("no state yet");
  expect(await printed(["stacks", "states", STACK])).toContain("No state yet");
  expect(await printed(["stacks", "show", STACK])).toMatch(/held by +nobody/);
  const { exitCode, stderr } = await run(["cancel", "-s", STACK]);
  expect([exitCode, stderr]).toEqual([3, expect.stringContaining("no Pulumi CLI holds it")]);
});

test("a finished `pulumi up` is in the history with what the client claims, and so is a preview; its own preview is not", async () => {
  await cli.succeed(["preview"], { cwd: folder });
  write({ password: "tops3cret" });
  await cli.succeed(["up", "--yes", "--message", "by hand"], { cwd: folder });
  const history = await json<({ type: string } & Update)[]>(["history", STACK]);
  expect(history).toMatchObject([
    {
      type: "update",
      kind: "update",
      dryRun: false,
      status: "succeeded",
      number: 1,
      message: "by hand",
      principal: "owner",
    },
    { type: "update", kind: "preview", dryRun: true, status: "succeeded", number: null },
  ]);
  expect(history[0]?.changes).toMatchObject({ create: 2 });
  const shown = await printed(["history", STACK]);
  expect(shown).toMatch(/^v1 +pulumi update +succeeded .* 2 created .*claimed: by hand/m);
  expect(shown).toMatch(/^[0-9a-f]{8} +pulumi preview +succeeded .* 2 to create/m);
  expect(await printed(["stacks", "list"])).toMatch(/shop\/dev .*pulumi update succeeded/);
});

test("the log of a run is printed by its version, by the digits of its id, and by nothing as the newest", async () => {
  const [up, preview] = await json<Update[]>(["history", STACK]);
  const byVersion = await printed(["logs", "v1", "-s", STACK]);
  expect(byVersion).toMatch(/\+ created +ledger:index:Entry one/);
  expect(byVersion).toMatch(/2 created/);
  for (const name of [[], [up?.id ?? ""], [(up?.id ?? "").slice(0, 8)]])
    expect(await printed(["logs", ...name, "-s", STACK])).toBe(byVersion);
  expect(await printed(["logs", (preview?.id ?? "").slice(0, 8), "-s", STACK])).toMatch(
    /\+ create +ledger:index:Entry one/,
  );
  const events = await json<{ sequence: number }[]>(["logs", "v1", "-s", STACK]);
  expect(events[0]?.sequence).toBeGreaterThanOrEqual(1);
  expect(await printed(["logs", "v1", "-s", STACK, "--follow"])).toBe(byVersion);
});

test("resources, states and outputs are those of the state that the run left; a secret is in none of them", async () => {
  const resources = await json<StackResources>(["resources", STACK]);
  expect(resources.items.map(({ type }) => type)).toEqual(
    expect.arrayContaining(["pulumi:pulumi:Stack", "ledger:index:Entry"]) as string[],
  );
  expect(await printed(["resources", STACK])).toMatch(/^ {2}one +ledger:index:Entry +\S+/m);
  expect(await json<StackState[]>(["stacks", "states", STACK])).toMatchObject([
    { number: 1, partial: false, update: { number: 1, kind: "update" } },
  ]);
  expect(await printed(["stacks", "outputs", "version", "-s", STACK])).toBe("v1\n");
  const everything = await Promise.all(
    [
      ["stacks", "outputs", "-s", STACK],
      ["resources", STACK],
      ["logs", "v1", "-s", STACK],
      ["history", STACK],
    ].map((args) => printed([...args, "--json"])),
  );
  expect(everything.join("")).not.toContain("tops3cret");
  expect(everything[0]).toContain('"secret": true');
});

test("T14, seen from slipway: a killed run holds the stack until a given time, and `slipway cancel` frees it", async () => {
  write({ slow: "two" });
  const kill = await upUntilCreating("two");
  const following = run(["logs", "-f", "-s", STACK]);
  const { writer } = await json<{ writer: StackWriter }>(["stacks", "show", STACK]);
  expect(writer).toMatchObject({ holder: { kind: "update", number: 2 }, principal: "owner", expired: false });
  await eventually("the event of the create", BEGINS_WITHIN_MS, async () =>
    (await printed(["logs", "v2", "-s", STACK])).includes("creating ledger:index:Entry two"),
  );
  await kill();
  const shown = await printed(["stacks", "show", STACK]);
  expect(shown).toMatch(/held by +update v2 of the Pulumi CLI of owner from 127\.0\.0\.1/);
  expect(shown).toMatch(/held until +\S+Z, in [45] min/);
  expect(shown).toMatch(/last journal entry +(just now|\d+ min ago)/);
  expect(shown).toMatch(/freed by +pulumi cancel/);

  expect(await printed(["cancel", "-s", STACK])).toMatch(
    /pulumi update v2 of shop\/dev was cancelled .*\nIt left state 2 .*\nThe stack is free/,
  );
  expect(await json<{ writer: unknown }>(["stacks", "show", STACK])).toMatchObject({ writer: null });
  expect(await json<StackResources>(["resources", STACK])).toMatchObject({
    pendingOperations: [{ operation: "creating", name: "two" }],
  });
  expect(await printed(["resources", STACK])).toMatch(/nobody knows how it ended[\s\S]*creating +two/);
  expect(await printed(["stacks", "states", STACK])).toMatch(/^2 .*pulumi update v2 .*partial$/m);
  // The one that followed all the time saw the create begin and the end of the stream.
  const followed = await following;
  expect([followed.exitCode, followed.stdout]).toEqual([
    0,
    expect.stringContaining("creating ledger:index:Entry two"),
  ]);
  const again = await run(["cancel", "v2", "-s", STACK]);
  expect(again.exitCode).toBe(0);
});

test("the audit log names who began the run and who ended it, and what the client claimed as claimed", async () => {
  const entries = await json<{ action: string; principal: string; details: Record<string, unknown> }[]>([
    "audit",
  ]);
  const cancelled = entries.find(({ action }) => action === "update.cancelled");
  expect(cancelled).toMatchObject({ principal: "owner", details: { number: 2 } });
  const started = entries.filter(({ action }) => action === "update.started");
  expect(started).toHaveLength(2);
  for (const { details } of started) {
    expect(details).toHaveProperty("claimed");
    expect(details).not.toHaveProperty("message");
  }
});

test("events that were lost on the way are told in the log", async () => {
  const { id } = (await api.ask("GET", "/v1/stacks/default/shop/dev")).body;
  const update = await recordUpdate(api.db, id, { number: 90 });
  await recordEvents(api.db, update, [
    [0, saying("hello")],
    [3, saying("there")],
  ]);
  expect(await printed(["logs", update])).toMatch(/hello\n.*2 events were lost on the way here\n.*there/);
});

test("a holder whose time is over is said to be that", async () => {
  const { id } = (await api.ask("GET", "/v1/stacks/default/shop/dev")).body;
  const update = await recordUpdate(api.db, id, { number: 91, status: "running" });
  await holdStack(api.db, id, update, -60);
  expect(await printed(["stacks", "show", STACK])).toMatch(
    /held until +ran out 1 min ago; Slipway frees the stack by itself/,
  );
  await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null`.execute(api.db);
  await sql`update updates set status = 'expired', finished_at = now() where id = ${update}`.execute(api.db);
});

test("when a deployment waits and a run of the CLI holds the stack, `cancel` asks which is meant", async () => {
  const address = await api.makeStack("both");
  const { id } = (await api.ask("GET", address)).body;
  const queued = (await api.ask("POST", `${address}/deployments`, { body: { operation: "update" } })).body;
  const update = await recordUpdate(api.db, id, { status: "running", number: 1 });
  await holdStack(api.db, id, update, 300);
  const asked = await run(["cancel", "-s", "both/test"]);
  expect([asked.exitCode, asked.stderr]).toEqual([2, expect.stringMatching(/#1.*v1|v1.*#1/)]);
  expect(await printed(["cancel", "#1", "-s", "both/test", "--no-wait"])).toContain("cancelled");
  expect(await printed(["cancel", "-s", "both/test"])).toContain(
    "pulumi update v1 of both/test was cancelled",
  );
  const history = await json<({ type: string } & { id: string; status: string })[]>(["history", "both/test"]);
  expect(history.map((one) => [one.type, one.id, one.status])).toEqual([
    ["update", update, "cancelled"],
    ["deployment", queued.id, "cancelled"],
  ]);
});

test("an update of a deployment stands for its deployment, and what nobody ran is not there", async () => {
  const address = await api.makeStack("owned");
  const { id } = (await api.ask("GET", address)).body;
  const { body: deployment } = await api.ask("POST", `${address}/deployments`, {
    body: { operation: "update" },
  });
  const update = await recordUpdate(api.db, id, { number: 1, deploymentId: deployment.id });
  const log = await printed(["logs", deployment.id]);
  expect(await printed(["logs", update])).toBe(log);
  expect(await printed(["logs", "v1", "-s", "owned/test"])).toBe(log);
  for (const name of [NO_RUN, "v7", "#7", "abcdef12"]) {
    const { exitCode, stderr } = await run(["logs", name, "-s", "owned/test"]);
    expect([name, exitCode, stderr]).toEqual([name, 3, expect.stringContaining("→ ")]);
  }
  expect((await run(["logs", "nonsense", "-s", "owned/test"])).exitCode).toBe(2);
});

test("the list of a stack's updates has the previews too, and the history each deployment and bare run once", async () => {
  const updates = (await api.ask("GET", "/v1/stacks/default/shop/dev/updates")).body
    .items as unknown as Update[];
  const dry = updates.filter(({ dryRun }) => dryRun).map(({ kind }) => kind);
  expect(dry.toSorted()).toEqual(["preview", "update"]);
  const { items } = (await api.ask("GET", "/v1/stacks/default/shop/dev/history")).body as unknown as {
    items: HistoryEntry[];
  };
  const ids = items.map((one) => (one.kind === "update" ? one.update.id : one.deployment.id));
  expect(new Set(ids).size).toBe(ids.length);
});
