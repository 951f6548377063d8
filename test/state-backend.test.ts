import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { resolvePulumi } from "../automation/src/engine/pulumi-cli/resolve.ts";
import type { Installation, Place, Ran } from "./helpers/installation.ts";
import { newPlace, ran, startInstallation } from "./helpers/installation.ts";
import { writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";

/*
 * What a person sees who has never heard of Slipway's own API: `npm start` somewhere, and their own `pulumi` in a folder of their own.
 */

const REPOSITORY = path.resolve(import.meta.dirname, "..");
const STACK = { organisation: "default", project: "laptop", stack: "dev" };
/** Long enough that the run can be killed in the middle of it. */
const SLOW_CREATE_MS = 60_000;
const CREATE_BEGINS_MS = 60_000;
const EVENTS_ARRIVE_MS = 20_000;
/** Of a lease of the CLI. */
const LEASE_SECONDS = 300;

let place: Place;
let slipway: Installation;
let folder: string;
let ledger: string;
let env: Record<string, string>;
let pulumiPath: string;

beforeAll(async () => {
  place = await newPlace("state-backend");
  slipway = await startInstallation({ place });
  const pulumi = await resolvePulumi({ env: process.env, nodePath: process.execPath });
  pulumiPath = pulumi.path;
  env = {
    ...pulumiEnvironment(pulumi),
    HOME: place.home,
    TMPDIR: place.tmp,
    PULUMI_HOME: path.join(place.home, ".pulumi"),
    SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
  };
  ledger = path.join(place.home, "ledger");
  folder = path.join(place.home, "elsewhere");
  write(0);
  linkDependencies();
});
afterAll(async () => {
  expect(await slipway.stop()).toBe(0);
  place.remove();
});

test("after npm start a person logs in with pulumi, loses a run to kill -9, sees who holds the stack, and gets it back", async () => {
  const login = await pulumi(["login", slipway.baseUrl], { PULUMI_ACCESS_TOKEN: slipway.token });
  expect(login).toMatchObject({ code: 0 });
  expect((await pulumi(["whoami"])).stdout.trim()).toBe("owner");
  expect(await pulumi(["stack", "init", STACK.stack])).toMatchObject({ code: 0 });

  expect(await pulumi(["up", "--yes"])).toMatchObject({ code: 0 });
  expect((await pulumi(["stack", "output", "version"])).stdout.trim()).toBe("v1");

  write(SLOW_CREATE_MS, ["one", "two"]);
  await killedInACreate();

  const refused = await pulumi(["up", "--yes", "--skip-preview"]);
  expect(refused.code).not.toBe(0);
  expect(refused.stderr + refused.stdout).toMatch(/owner.*pulumi cancel/s);
  const { writer } = await slipway.client.getWriter({ params: STACK });
  expect(writer).toMatchObject({ principal: "owner", holder: { kind: "update" } });
  const leftSeconds = (Date.parse(writer?.expiresAt ?? "") - Date.now()) / 1000;
  expect(leftSeconds).toBeGreaterThan(0);
  expect(leftSeconds).toBeLessThanOrEqual(LEASE_SECONDS);
  const shown = await slipway.cli(["stacks", "show", "default/laptop/dev"]);
  expect(shown.stdout).toMatch(/owner/);
  expect(shown.stdout).toMatch(/pulumi cancel/);

  expect(await pulumi(["cancel", "--yes", "default/laptop/dev"])).toMatchObject({ code: 0 });
  write(0, ["one", "two"]);
  // The create that was in flight is told as one of which nobody knows what it came to.
  const exported = JSON.parse((await pulumi(["stack", "export"])).stdout) as {
    deployment: { pending_operations?: { type: string; resource: { urn: string } }[] };
  };
  expect(exported.deployment.pending_operations?.map(({ type }) => type)).toEqual(["creating"]);
  expect(await pulumi(["refresh", "--yes", "--clear-pending-creates"])).toMatchObject({ code: 0 });
  expect(await pulumi(["up", "--yes", "--skip-preview"])).toMatchObject({ code: 0 });
  expect(readFileSync(ledger, "utf8")).toContain("finished create v1 two");
});

test("the runs of that person, their events and their audit entries are in Slipway", async () => {
  const { items } = await slipway.client.listUpdates({ params: STACK });
  const changing = items.filter(({ dryRun }) => !dryRun);
  expect(changing.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
    "update succeeded",
    "refresh succeeded",
    // What --clear-pending-creates does before the refresh.
    "edit succeeded",
    // It was refused when it wanted to start.
    "update requested",
    "update cancelled",
    "update succeeded",
  ]);
  expect(items.every(({ principal }) => principal === "owner")).toBe(true);
  const killed = changing.find(({ status }) => status === "cancelled");
  const events = await slipway.client.listUpdateEvents({ params: { id: killed?.id ?? "" } });
  expect(events.complete).toBe(true);
  expect(JSON.stringify(events.items)).toContain("ledger:index:Entry");

  const audit = await slipway.client.listAudit({ query: { ...STACK } });
  const actions = audit.items.map(({ action }) => action);
  for (const action of ["stack.created", "update.started", "update.succeeded", "update.cancelled"]) {
    expect(actions).toContain(action);
  }
  expect(audit.items.every(({ principal }) => principal === "owner")).toBe(true);
  const history = await slipway.cli(["history", "default/laptop/dev"]);
  expect(history.stdout).toMatch(/cancelled/);
});

/** Runs `pulumi up` in a PID namespace of its own and kills all of it, as a laptop does that loses its power. */
async function killedInACreate(): Promise<void> {
  const argv = [
    "--fork",
    "--pid",
    "--mount-proc",
    "--kill-child=SIGKILL",
    pulumiPath,
    "--non-interactive",
    "up",
    "--yes",
    "--skip-preview",
  ];
  const child = spawn("unshare", argv, { cwd: folder, env, stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await eventually("the create to begin", CREATE_BEGINS_MS, () =>
    readLedger().includes("started create v1 two"),
  );
  // The CLI keeps events for up to four seconds.
  await eventually("the event of the create", EVENTS_ARRIVE_MS, async () => {
    const { items } = await slipway.client.listUpdates({ params: STACK });
    const running = items.find(({ status }) => status === "running");
    if (running === undefined) return false;
    const events = await slipway.client.listUpdateEvents({ params: { id: running.id } });
    return JSON.stringify(events.items).includes("ledger:index:Entry");
  });
  child.kill("SIGKILL");
  await ended;
}

function readLedger(): string {
  return existsSync(ledger) ? readFileSync(ledger, "utf8") : "";
}

/** Each entry has a text of its own, so that the ledger tells which one was made. */
function write(delayMs: number, texts: readonly string[] = ["one"]): void {
  writeLedgerProject(folder, STACK.project, {
    version: "v1",
    ledger,
    texts: [],
    more: entries(texts, delayMs),
  });
}

function entries(texts: readonly string[], delayMs: number): string {
  return texts
    .map(
      (text) =>
        `new Entry("${text}", ${JSON.stringify({ ledger, text: `v1 ${text}`, delayMs: text === "one" ? 0 : delayMs })});`,
    )
    .join("\n");
}

function linkDependencies(): void {
  const modules = path.join(folder, "node_modules");
  mkdirSync(modules, { recursive: true });
  for (const name of readdirSync(path.join(REPOSITORY, "node_modules"))) {
    if (!name.startsWith("."))
      symlinkSync(path.join(REPOSITORY, "node_modules", name), path.join(modules, name));
  }
}

function pulumi(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return ran([pulumiPath, "--non-interactive", ...args], { cwd: folder, env: { ...env, ...more } });
}
