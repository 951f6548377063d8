import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { OLDEST_BUILD_LIMIT_MS, OLDEST_VERSION, oldestPulumi } from "./helpers/oldest-pulumi.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { writeProject } from "./helpers/trivial-project.ts";

/*
 * The scenarios of a person's day with the oldest CLI that journals, by what it prints and by what it asks.
 */

const STACK = "/api/stacks/default/shop/dev";
let missing: string | null = null;
let api: TestApi;
let old: TestCli;
let current: TestCli;
let shop: string;

beforeAll(async () => {
  const installation = await oldestPulumi();
  if ("missing" in installation) {
    missing = installation.missing;
    if (process.env.CI === "true") throw new Error(missing);
    return;
  }
  api = await startTestApi();
  old = await startTestCli(api, { installation });
  current = await startTestCli(api);
  shop = linkPackages(writeProject(old.folder("shop"), "shop"));
}, OLDEST_BUILD_LIMIT_MS);
afterAll(async () => {
  if (missing !== null) return;
  await current.close();
  await old.close();
  await api.close();
});

/** A program of resources that are kept in the state alone. */
function write(names: readonly string[], more = ""): void {
  const text = `import pulumi from "@pulumi/pulumi";
const password = new pulumi.Config().getSecret("password");
const made = {};
for (const name of ${JSON.stringify(names)}) made[name] = new pulumi.ComponentResource("shop:index:Shelf", name, { name, password });
${more}
export const secret = password;
`;
  writeFileSync(path.join(shop, "index.js"), text);
}

/** Runs a scenario, or skips it with the reason. */
function scenario(name: string, work: () => Promise<void>): void {
  test(name, async ({ skip }) => {
    if (missing !== null) {
      console.log(`skipped: ${name} (${missing})`);
      skip(missing);
    }
    old.requests();
    await work();
  });
}

function requestsTo(asked: readonly string[], what: string): string[] {
  return asked.filter((line) => line.startsWith(what));
}

interface State {
  version: number;
  deployment: { resources?: { urn: string; type: string }[]; pending_operations?: unknown[] } | null;
}

async function shelves(): Promise<string[]> {
  const { stdout } = await current.succeed(["stack", "export", "--stack", "default/shop/dev"]);
  const { deployment } = JSON.parse(stdout) as State;
  return (deployment?.resources ?? [])
    .filter(({ type }) => type === "shop:index:Shelf")
    .map(({ urn }) => urn.split("::").at(-1) ?? "")
    .sort();
}

scenario("it is the version that this file is about, logs in, and names who it is", async () => {
  expect((await old.succeed(["version"])).stdout.trim()).toBe(`v${OLDEST_VERSION}`);
  expect((await old.succeed(["whoami"])).stdout.trim()).toBe("owner");
});

scenario("stack init, ls, tag, select and config with a secret work", async () => {
  write(["one", "two"]);
  const at = { cwd: shop };
  await old.succeed(["stack", "init", "dev"], at);
  expect(requestsTo(old.requests(), "POST /api/stacks/default/shop ")).toEqual([
    "POST /api/stacks/default/shop 200",
  ]);
  await old.succeed(["stack", "tag", "set", "team", "payments"], at);
  expect((await old.succeed(["stack", "tag", "get", "team"], at)).stdout.trim()).toBe("payments");
  expect((await old.succeed(["stack", "ls", "--all"], at)).stdout).toContain("dev");
  await old.succeed(["config", "set", "--secret", "password", "hunter2"], at);
  expect(readFileSync(path.join(shop, "Pulumi.dev.yaml"), "utf8")).not.toContain("hunter2");
  expect((await old.succeed(["config", "get", "password"], at)).stdout.trim()).toBe("hunter2");
});

scenario("up sends a journal and no checkpoint, and both CLIs see the same stack", async () => {
  await old.succeed(["up", "--yes", "--message", "By the oldest"], { cwd: shop });
  const asked = old.requests();
  expect(requestsTo(asked, `PATCH ${STACK}/update/:id/journalentries 204`).length).toBeGreaterThan(1);
  expect(asked.filter((line) => line.includes("checkpoint"))).toEqual([]);
  expect(asked.filter((line) => / [45]\d\d$/.test(line))).toEqual([]);
  expect(requestsTo(asked, `POST ${STACK}/update/:id/complete`)).toEqual([
    `POST ${STACK}/update/:id/complete 204`,
    `POST ${STACK}/update/:id/complete 204`,
  ]);
  expect(await shelves()).toEqual(["one", "two"]);
  await current.succeed(["preview", "--expect-no-changes", "--stack", "dev"], { cwd: shop });
  expect(
    (await old.succeed(["stack", "output", "secret", "--show-secrets"], { cwd: shop })).stdout.trim(),
  ).toBe("hunter2");
  const { stdout } = await old.succeed(["stack", "history", "--json"], { cwd: shop });
  expect(JSON.parse(stdout)).toMatchObject([
    {
      kind: "update",
      version: 1,
      result: "succeeded",
      message: "By the oldest",
      environment: { "pulumi.version": `v${OLDEST_VERSION}` },
    },
  ]);
});

scenario("an up that fails keeps what it made", async () => {
  write(
    ["one", "two", "three"],
    'await new Promise((done) => made.three.urn.apply(done)); throw new Error("enough");',
  );
  const failed = await old.run(["up", "--yes", "--skip-preview"], { cwd: shop });
  expect(failed.code).not.toBe(0);
  expect(failed.text).toContain("enough");
  expect(await shelves()).toEqual(["one", "three", "two"]);
});

scenario("without journaling it sends whole checkpoints, and the state is the same", async () => {
  write(["one", "three"]);
  old.requests();
  await old.succeed(["up", "--yes", "--skip-preview"], {
    cwd: shop,
    env: { PULUMI_DISABLE_JOURNALING: "true" },
  });
  const asked = old.requests();
  expect(requestsTo(asked, `PATCH ${STACK}/update/:id/checkpoint 204`).length).toBeGreaterThan(1);
  expect(asked.filter((line) => line.includes("journalentries"))).toEqual([]);
  expect(await shelves()).toEqual(["one", "three"]);
});

scenario("refresh and up --refresh leave the state as it is", async () => {
  const before = await shelves();
  await old.succeed(["refresh", "--yes", "--skip-preview"], { cwd: shop });
  expect(requestsTo(old.requests(), `POST ${STACK}/refresh`)).toEqual([`POST ${STACK}/refresh 200`]);
  await old.succeed(["up", "--yes", "--skip-preview", "--refresh"], { cwd: shop });
  expect(await shelves()).toEqual(before);
});

scenario("export, import and state delete work on what the newest CLI wrote", async () => {
  write(["one", "three", "four"]);
  await current.succeed(["up", "--yes", "--skip-preview", "--stack", "dev"], { cwd: shop });
  const { stdout } = await old.succeed(["stack", "export"], { cwd: shop });
  const state = JSON.parse(stdout) as State;
  const four = state.deployment?.resources?.find(({ urn }) => urn.endsWith("::four"))?.urn ?? "";
  await old.succeed(["state", "delete", four, "--yes"], { cwd: shop });
  expect(await shelves()).toEqual(["one", "three"]);
  await old.succeed(["stack", "import"], { cwd: shop, stdin: stdout });
  expect(await shelves()).toEqual(["four", "one", "three"]);
});

scenario("a second up while one runs is told who holds the stack, and cancel frees it", async () => {
  write(["one"], "await new Promise((done) => setTimeout(done, 60_000));");
  const running = old.run(["up", "--yes", "--skip-preview"], { cwd: shop });
  const isHeld = async () =>
    (await api.ask("GET", "/v1/stacks/default/shop/dev/writer")).body.writer !== null;
  await expect.poll(isHeld, { timeout: 30_000, interval: 100 }).toBe(true);
  const second = await old.run(["up", "--yes", "--skip-preview"], { cwd: shop });
  expect(second.code).not.toBe(0);
  expect(second.text).toContain("pulumi cancel");
  await old.succeed(["cancel", "--yes", "dev"], { cwd: shop });
  expect((await running).code).not.toBe(0);
  await expect.poll(isHeld, { timeout: 30_000, interval: 100 }).toBe(false);
});

scenario("rename, destroy and rm end the stack", async () => {
  write(["one"]);
  await old.succeed(["up", "--yes", "--skip-preview"], { cwd: shop });
  await old.succeed(["stack", "rename", "prod"], { cwd: shop });
  await old.succeed(["preview", "--expect-no-changes"], { cwd: shop });
  const refused = await old.run(["stack", "rm", "prod", "--yes"], { cwd: shop });
  expect(refused.code).not.toBe(0);
  expect(refused.text).toContain("still has resources");
  await old.succeed(["destroy", "--yes", "--skip-preview"], { cwd: shop });
  await old.succeed(["stack", "rm", "prod", "--yes"], { cwd: shop });
  expect((await api.ask("GET", "/v1/stacks/default/shop/prod")).status).toBe(404);
});
