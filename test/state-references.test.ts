import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";

const PRODUCER = "default/producer/dev";
const TEXTS = ["one", "two", "three"];
/** Long enough to be killed in the middle of. */
const OPERATION_MS = 1_500;
const WITHIN_MS = 60_000;

let api: TestApi;
let cli: TestCli;
let producer: string;
let reader: string;
let ledger: string;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  ledger = path.join(cli.home, "ledger");
  producer = linkPackages(write("v0", 0));
  const program = `import pulumi from "@pulumi/pulumi";
export const seen = new pulumi.StackReference("${PRODUCER}").getOutput("version");
`;
  reader = linkPackages(writeProject(cli.folder("reader"), "reader", { "index.js": program }));
  for (const folder of [producer, reader]) await cli.succeed(["stack", "init", "dev"], { cwd: folder });
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: producer });
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

test("T18: an update killed at every step shows a StackReference the outputs before it or after it, never half, and its state is told as partial", async () => {
  let before = "v0";
  for (const [index, text] of TEXTS.entries()) {
    const version = `v${index + 1}`;
    write(version, OPERATION_MS);
    const kill = await upUntil(`started update ${version}`, index + 1);
    expect(await printed(), `while ${text} is updated`).toBe(before);
    await kill();
    expect(await printed(), `after ${text} was killed`).toBe(before);
    await cli.succeed(["cancel", "--yes", PRODUCER], { cwd: producer });
    expect(await referenced(), `after the cancel at ${text}`).toBe(before);
    const [newest] = await states();
    expect(newest).toMatchObject({ partial: true });

    write(version, 0);
    await cli.succeed(["up", "--yes", "--skip-preview", "--refresh=false"], { cwd: producer });
    expect(await referenced()).toBe(version);
    expect((await states())[0]).toMatchObject({ partial: false });
    before = version;
  }
});

function write(version: string, delayMs: number): string {
  return writeLedgerProject(cli.folder("producer"), "producer", { version, ledger, texts: TEXTS, delayMs });
}

/** Begins an update and waits until the ledger has the line so often. Answers what kills the CLI and everything that it started. */
async function upUntil(line: string, times: number): Promise<() => Promise<void>> {
  const installation = await pulumiForTests();
  const command = [installation.path, "up", "--yes", "--skip-preview", "--refresh=false", "--parallel", "1"];
  const child = spawn("unshare", ["--fork", "--pid", "--mount-proc", "--kill-child=SIGKILL", ...command], {
    cwd: producer,
    env: {
      ...pulumiEnvironment(installation),
      HOME: cli.home,
      PULUMI_HOME: path.join(cli.home, ".pulumi"),
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
    },
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await eventually(`${times} times ${line}`, WITHIN_MS, () => {
    const text = existsSync(ledger) ? readFileSync(ledger, "utf8") : "";
    return text.split(`${line}\n`).length > times || text.split(`${line} `).length > times;
  });
  return async () => {
    child.kill("SIGKILL");
    await ended;
  };
}

async function printed(): Promise<string> {
  return (
    await cli.succeed(["stack", "output", "version", "--stack", PRODUCER], { cwd: reader })
  ).stdout.trim();
}

async function referenced(): Promise<string> {
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: reader });
  return (await cli.succeed(["stack", "output", "seen"], { cwd: reader })).stdout.trim();
}

async function states(): Promise<unknown[]> {
  return (await api.ask("GET", `/v1/stacks/${PRODUCER}/states`)).body.items;
}
