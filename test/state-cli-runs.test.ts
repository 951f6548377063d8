import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { writeProject } from "./helpers/trivial-project.ts";

const STACK = "/api/stacks/default/shop/dev";

const FOUND_PROVIDER = path.resolve(import.meta.dirname, "doubles/found");

/** Resources without a provider: what is stashed stays in the state. */
const program = (stashes: readonly string[], more = "") => `import pulumi from "@pulumi/pulumi";
const password = new pulumi.Config().getSecret("password");
const made = {};
for (const name of ${JSON.stringify(stashes)}) {
  made[name] = new pulumi.Stash(name, { input: pulumi.secret("hidden " + name) }).urn;
}
${more}
export const version = "v1";
export const secret = password;
`;

interface HistoryEntry {
  kind: string;
  version: number;
  result: string;
  message: string;
  config: Record<string, { value?: string; secret: boolean }>;
  environment: Record<string, string>;
  resourceChanges?: Record<string, number>;
}

let api: TestApi;
let cli: TestCli;
let shop: string;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  shop = linkPackages(writeProject(cli.folder("shop"), "shop", { "index.js": program(["one", "two"]) }));
  await cli.succeed(["stack", "init", "dev"], { cwd: shop });
  await cli.succeed(["config", "set", "--secret", "password", "hunter2"], { cwd: shop });
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

function write(stashes: readonly string[], more = ""): void {
  writeFileSync(path.join(shop, "index.js"), program(stashes, more));
}

async function history(): Promise<HistoryEntry[]> {
  const { stdout } = await cli.succeed(["stack", "history", "--json"], { cwd: shop });
  return JSON.parse(stdout) as HistoryEntry[];
}

async function namesInState(): Promise<string[]> {
  const { stdout } = await cli.succeed(["stack", "export"], { cwd: shop });
  const state = JSON.parse(stdout) as { deployment: { resources?: { urn: string; type: string }[] } | null };
  return (state.deployment?.resources ?? [])
    .filter(({ type }) => type === "pulumi:index:Stash")
    .map(({ urn }) => urn.split("::").at(-1) ?? "")
    .sort();
}

test("pulumi preview of a stack that was never updated takes no right to write and leaves no trace but its own", async () => {
  cli.requests();
  const { text } = await cli.succeed(["preview"], { cwd: shop });
  expect(text).toMatch(/\+ 3 to create/);
  const asked = cli.requests();
  expect(asked).toContain(`POST ${STACK}/preview 200`);
  expect(asked.filter((line) => /journalentries|checkpoint/.test(line))).toEqual([]);
  expect(asked.at(-1)).toBe(`POST ${STACK}/update/:id/complete 204`);
  expect(await history()).toEqual([]);
  expect(await namesInState()).toEqual([]);
});

test("pulumi up is a preview and an update; only the update is journaled and has a version", async () => {
  cli.requests();
  const { text } = await cli.succeed(["up", "--yes", "--message", "first of all"], { cwd: shop });
  expect(text).toMatch(/\+ 3 created/);
  const asked = cli.requests();
  expect(asked.filter((line) => line === `POST ${STACK}/update 200`)).toHaveLength(2);
  expect(
    asked.filter((line) => line.startsWith(`PATCH ${STACK}/update/:id/journalentries 204`)).length,
  ).toBeGreaterThan(1);
  expect(asked.filter((line) => line.includes("checkpoint"))).toEqual([]);
  expect(asked.filter((line) => / [45]\d\d$/.test(line))).toEqual([]);
  expect(await history()).toMatchObject([
    {
      kind: "update",
      version: 1,
      result: "succeeded",
      message: "first of all",
      config: { "shop:password": { secret: true } },
      environment: { "pulumi.version": "v3.250.0" },
      resourceChanges: { create: 3 },
    },
  ]);
  expect(await namesInState()).toEqual(["one", "two"]);
  const { stdout } = await cli.succeed(["stack", "output", "--json", "--show-secrets"], { cwd: shop });
  expect(JSON.parse(stdout)).toEqual({ version: "v1", secret: "hunter2" });
});

test("an old CLI or one without journaling sends whole checkpoints, and the state is the same", async () => {
  write(["one", "three"]);
  cli.requests();
  await cli.succeed(["up", "--yes", "--skip-preview"], {
    cwd: shop,
    env: { PULUMI_DISABLE_JOURNALING: "true" },
  });
  const asked = cli.requests();
  expect(asked.filter((line) => line === `PATCH ${STACK}/update/:id/checkpoint 204`).length).toBeGreaterThan(
    1,
  );
  expect(asked.filter((line) => line.includes("journalentries"))).toEqual([]);
  expect(await namesInState()).toEqual(["one", "three"]);
});

test("a failed pulumi up keeps what it created, and says failed in the history", async () => {
  write(
    ["one", "three", "four"],
    'await new Promise((done) => made.four.apply(done)); throw new Error("the program gives up");',
  );
  const failed = await cli.run(["up", "--yes", "--skip-preview"], { cwd: shop });
  expect(failed.code).not.toBe(0);
  expect(failed.text).toContain("the program gives up");
  expect((await history())[0]).toMatchObject({ version: 3, result: "failed" });
  expect(await namesInState()).toEqual(["four", "one", "three"]);
  write(["one", "three", "four"]);
  expect((await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: shop })).text).toMatch(
    /4 unchanged|unchanged/,
  );
});

test("pulumi refresh and up --refresh leave the state whole", async () => {
  cli.requests();
  await cli.succeed(["refresh", "--yes"], { cwd: shop });
  expect(cli.requests()).toContain(`POST ${STACK}/refresh 200`);
  await cli.succeed(["up", "--yes", "--refresh"], { cwd: shop });
  expect(await namesInState()).toEqual(["four", "one", "three"]);
  expect((await history())[1]).toMatchObject({ kind: "refresh", result: "succeeded" });
});

test("pulumi config refresh brings the config of the newest run back, its secrets still sealed", async () => {
  const file = path.join(shop, "Pulumi.dev.yaml");
  const before = readFileSync(file, "utf8");
  rmSync(file);
  cli.requests();
  await cli.succeed(["config", "refresh", "--force"], { cwd: shop });
  expect(cli.requests()).toContain(`GET ${STACK}/updates/latest 200`);
  expect(readFileSync(file, "utf8").trim()).toBe(before.trim());
  expect((await cli.succeed(["config", "get", "password"], { cwd: shop })).stdout.trim()).toBe("hunter2");
});

test("pulumi stack history is paged, newest first", async () => {
  const all = await history();
  expect(all.map(({ version }) => version)).toEqual([6, 5, 4, 3, 2, 1]);
  const { stdout } = await cli.succeed(["stack", "history", "--json", "--page-size", "2", "--page", "2"], {
    cwd: shop,
  });
  expect((JSON.parse(stdout) as HistoryEntry[]).map(({ version }) => version)).toEqual([4, 3]);
});

test("pulumi stack export --version gives the state that an earlier update left", async () => {
  const { stdout } = await cli.succeed(["stack", "export", "--version", "1"], { cwd: shop });
  expect(stdout).toContain("::two");
  expect(stdout).not.toContain("::three");
  const missing = await cli.run(["stack", "export", "--version", "99"], { cwd: shop });
  expect(missing.code).not.toBe(0);
  expect(missing.text).toContain("no version 99");
});

test("pulumi stack rm refuses a stack with resources by the CLI's own words, until they are destroyed or it is forced", async () => {
  const refused = await cli.run(["stack", "rm", "--yes", "dev"], { cwd: shop });
  expect(refused.code).not.toBe(0);
  expect(refused.text).toContain("'dev' still has resources; removal rejected");
  cli.requests();
  await cli.succeed(["destroy", "--yes"], { cwd: shop });
  expect(cli.requests()).toContain(`POST ${STACK}/destroy 200`);
  expect(await namesInState()).toEqual([]);
  await cli.succeed(["stack", "rm", "--yes", "dev"], { cwd: shop });

  await cli.succeed(["stack", "init", "forced"], { cwd: shop });
  await cli.succeed(["config", "set", "--secret", "password", "x"], { cwd: shop });
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: shop });
  cli.requests();
  await cli.succeed(["stack", "rm", "--yes", "--force", "forced"], { cwd: shop });
  expect(cli.requests()).toContain("DELETE /api/stacks/default/shop/forced?force=true 204");
});

test("pulumi import takes up what is there already, and the next run goes on from it", async () => {
  const plugins = `plugins:\n  providers:\n    - name: found\n      path: ${FOUND_PROVIDER}\n`;
  const finds = linkPackages(
    writeProject(cli.folder("finds"), "finds", {
      "Pulumi.yaml": `name: finds\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n${plugins}`,
      "index.js": "export const version = 'v1';\n",
    }),
  );
  await cli.succeed(["stack", "init", "dev"], { cwd: finds });
  cli.requests();
  await cli.succeed(
    ["import", "found:index:Thing", "thing", "thing-7", "--yes", "--generate-code=false", "--protect=false"],
    { cwd: finds },
  );
  const asked = cli.requests();
  expect(asked.filter((line) => line === "POST /api/stacks/default/finds/dev/update 200")).toHaveLength(2);
  expect(asked.filter((line) => / [45]\d\d$/.test(line))).toEqual([]);
  const state = JSON.parse((await cli.succeed(["stack", "export"], { cwd: finds })).stdout) as {
    deployment: { resources: { type: string; id?: string; inputs?: object }[] };
  };
  expect(state.deployment.resources.find(({ type }) => type === "found:index:Thing")).toMatchObject({
    id: "thing-7",
    inputs: { value: "thing-7" },
  });
  expect((await cli.succeed(["destroy", "--yes"], { cwd: finds })).text).toMatch(/- 2 deleted/);
});

test("every run has its audit entries with its principal, and what the client says is marked as its claim", async () => {
  const entries = await api.db
    .selectFrom("audit_entries")
    .select(["action", "principal", "details"])
    .where("subject", "=", "default/shop/dev")
    .orderBy("sequence")
    .execute();
  const actions = entries.map(({ action }) => action);
  for (const action of [
    "stack.created",
    "update.started",
    "update.succeeded",
    "update.failed",
    "state.exported",
    "stack.removed",
  ]) {
    expect(actions).toContain(action);
  }
  expect(new Set(entries.map(({ principal }) => principal))).toEqual(new Set(["owner"]));
  // The engine's own reads of its base state are told by the update alone; refresh and destroy also read before they begin one.
  const exports = await api.db
    .selectFrom("audit_entries")
    .select("details")
    .where("action", "=", "state.exported")
    .execute();
  for (const { details } of exports)
    expect(JSON.stringify(details)).toMatch(/cmd=(stack|config|refresh|destroy)/);
});

test("nothing that a run logs or stores in the clear holds a secret", async () => {
  expect(api.log()).not.toContain("hunter2");
  expect(
    api
      .log()
      .split("\n")
      .filter((line) => line.includes('"level":50')),
  ).toEqual([]);
});
