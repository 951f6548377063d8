import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { askServiceApi } from "./helpers/service-api.ts";
import { writeProject } from "./helpers/trivial-project.ts";

const PROGRAM = `import pulumi from "@pulumi/pulumi";
const base = new pulumi.Stash("base", { input: "plain" }, { protect: true });
const safe = new pulumi.Stash("safe", { input: pulumi.secret("hunter2") }, { parent: base, dependsOn: [base] });
export const plain = base.output;
export const secret = new pulumi.Config().getSecret("password");
`;
const READER = `import pulumi from "@pulumi/pulumi";
const other = new pulumi.StackReference("default/shop/prod");
export const seen = other.getOutput("plain");
export const secret = other.getOutput("secret");
`;

interface State {
  version: number;
  deployment: {
    secrets_providers?: { type: string; state?: Record<string, string> };
    resources?: { urn: string; type: string; protect?: boolean; parent?: string }[];
  } | null;
}

let api: TestApi;
let cli: TestCli;
let shop: string;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  shop = linkPackages(writeProject(cli.folder("shop"), "shop", { "index.js": PROGRAM }));
  await cli.succeed(["stack", "init", "dev"], { cwd: shop });
  await cli.succeed(["config", "set", "--secret", "password", "hunter2"], { cwd: shop });
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: shop });
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

async function exported(stack: string, cwd = shop): Promise<State> {
  return JSON.parse((await cli.succeed(["stack", "export", "--stack", stack], { cwd })).stdout) as State;
}

function urnsOf(state: State): string[] {
  return (state.deployment?.resources ?? []).map(({ urn }) => urn);
}

async function unchanged(stack: string, cwd = shop, env: Record<string, string> = {}): Promise<void> {
  const { text } = await cli.succeed(
    ["up", "--yes", "--skip-preview", "--expect-no-changes", "--stack", stack],
    { cwd, env },
  );
  expect(text).toMatch(/unchanged/);
}

test("what was exported is imported again, as a version of the history", async () => {
  const file = path.join(shop, "state.json");
  const before = await stateText("dev");
  await cli.succeed(["stack", "export", "--file", file], { cwd: shop });
  cli.requests();
  await cli.succeed(["stack", "import", "--file", file], { cwd: shop });
  // The CLI opens the secrets, and seals them anew for the stack that it imports into.
  const asked = cli.requests().filter((line) => !line.includes("crypt"));
  expect(asked).toEqual([
    "GET /api/stacks/default/shop/dev 200",
    "POST /api/stacks/default/shop/dev/import 200",
    "GET /api/stacks/default/shop/dev/update/:id 200",
  ]);
  const clear = (text: string) =>
    JSON.parse(text.replaceAll(/"ciphertext":\s*"[^"]*"/g, '"ciphertext":""')) as unknown;
  expect(clear(await stateText("dev"))).toEqual(clear(before));
  const [newest] = JSON.parse((await cli.succeed(["stack", "history", "--json"], { cwd: shop })).stdout) as {
    kind: string;
    config: object;
  }[];
  expect(newest).toMatchObject({ kind: "import", config: { "shop:password": { secret: true } } });
  await unchanged("dev");
});

/** The text as it is stored. */
async function stateText(stack: string): Promise<string> {
  const answer = await askServiceApi(cli.url, "GET", `/api/stacks/default/shop/${stack}/export`, {
    authorization: `token ${api.token}`,
  });
  return answer.text;
}

test("numbers and key order that JavaScript would change come back as they were sent", async () => {
  await cli.succeed(["stack", "init", "exact"], { cwd: shop });
  const text =
    '{"version": 3,\n "deployment":{"manifest":{"time":"2026-01-01T00:00:00Z","magic":"","version":""},"resources":[{"urn":"urn:pulumi:exact::shop::a:b:C::d","custom":false,"type":"a:b:C","outputs":{"2":1e400,"1":12345678901234567890.10,"html":"\\u003cb\\u003e"}}]}}';
  const sent = await askServiceApi(cli.url, "POST", "/api/stacks/default/shop/exact/import", {
    authorization: `token ${api.token}`,
    body: text,
    gzip: true,
  });
  expect(sent.status).toBe(200);
  expect(await stateText("exact")).toBe(text);
  // An import has no config of its own: taken for the newest, it would empty the local file.
  const file = path.join(shop, "Pulumi.exact.yaml");
  writeFileSync(file, "config:\n  shop:colour: red\n");
  const refused = await cli.run(["config", "refresh", "--force", "--stack", "exact"], { cwd: shop });
  expect(refused.text).toMatch(/no previous deployment/);
  expect(readFileSync(file, "utf8")).toContain("red");
});

test("a state of the newest form keeps what only that form can hold", async () => {
  await cli.succeed(["stack", "init", "newest"], { cwd: shop });
  await cli.succeed(["config", "set", "--secret", "password", "x"], { cwd: shop });
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: shop });
  const urn = "urn:pulumi:newest::shop::pulumi:index:Stash::base";
  await cli.succeed(["state", "taint", "--yes", urn], { cwd: shop });
  expect(await exported("newest")).toMatchObject({ version: 4, features: ["taint"] });
  // Also through a journal.
  await cli.succeed(["refresh", "--yes"], { cwd: shop });
  expect(await exported("newest")).toMatchObject({ version: 4, features: ["taint"] });
});

test("an import that is no state is refused by name and stores nothing", async () => {
  const before = await stateText("dev");
  const send = (text: string) =>
    askServiceApi(cli.url, "POST", "/api/stacks/default/shop/dev/import", {
      authorization: `token ${api.token}`,
      body: text,
    });
  const nameless = await send(
    '{"version":3,"deployment":{"resources":[{"urn":"not a urn","type":"a:b:C"}]}}',
  );
  expect(nameless.json).toMatchObject({ code: 400, message: expect.stringContaining("is no URN") as string });
  // What no stack of this installation has sealed.
  const foreign = await send(
    before.replaceAll(
      /"ciphertext":"[^"]*"/g,
      '"ciphertext":"AgAAAAHNzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3N"',
    ),
  );
  expect(foreign.json).toMatchObject({
    code: 400,
    message: expect.stringContaining("has sealed the secrets") as string,
  });
  expect(await stateText("dev")).toBe(before);
});

test("pulumi state unprotect, rename and delete edit the state as updates of the history", async () => {
  const urn = (name: string) => `urn:pulumi:edited::shop::pulumi:index:Stash::${name}`;
  await cli.succeed(["stack", "init", "edited"], { cwd: shop });
  await cli.succeed(["config", "set", "--secret", "password", "x"], { cwd: shop });
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: shop });
  expect((await exported("edited")).deployment?.resources?.some(({ protect }) => protect === true)).toBe(
    true,
  );
  cli.requests();
  await cli.succeed(["state", "unprotect", "--all", "--yes"], { cwd: shop });
  expect(cli.requests()).toContain("POST /api/stacks/default/shop/edited/import 200");
  expect((await exported("edited")).deployment?.resources?.some(({ protect }) => protect === true)).toBe(
    false,
  );
  await cli.succeed(["state", "rename", "--yes", urn("base"), "ground"], { cwd: shop });
  expect(urnsOf(await exported("edited"))).toContain(urn("ground"));
  const safe = urnsOf(await exported("edited")).find((one) => one.endsWith("::safe")) ?? "";
  await cli.succeed(["state", "delete", "--yes", safe], { cwd: shop });
  expect(urnsOf(await exported("edited")).some((one) => one.endsWith("::safe"))).toBe(false);
  const rows = await api.db
    .selectFrom("updates")
    .innerJoin("stacks", "stacks.id", "updates.stack_id")
    .select(["updates.kind", "updates.number"])
    .where("stacks.name", "=", "edited")
    .where("updates.number", "is not", null)
    .orderBy("updates.number")
    .execute();
  expect(rows.map(({ kind }) => kind)).toEqual(["update", "edit", "edit", "edit"]);
});

test("T17: a stack with resources and secrets is renamed, and goes on without a change under its new name", async () => {
  cli.requests();
  await cli.succeed(["stack", "rename", "prod", "--stack", "dev"], { cwd: shop });
  expect(cli.requests()).toContain("POST /api/stacks/default/shop/dev/rename 204");
  const state = await exported("prod");
  for (const urn of urnsOf(state)) expect(urn).toMatch(/^urn:pulumi:prod::shop::/);
  expect(urnsOf(state)).toContain("urn:pulumi:prod::shop::pulumi:pulumi:Stack::shop-prod");
  expect(state.deployment?.secrets_providers?.state).toMatchObject({ project: "shop", stack: "prod" });
  expect(JSON.stringify(state)).not.toContain("urn:pulumi:dev");
  await unchanged("prod");
  const { stdout } = await cli.succeed(["stack", "output", "secret", "--show-secrets", "--stack", "prod"], {
    cwd: shop,
  });
  expect(stdout.trim()).toBe("hunter2");
});

test("T17: a stack is renamed into another project, and goes on there without a change", async () => {
  await cli.succeed(["stack", "rename", "default/store/prod", "--stack", "prod"], { cwd: shop });
  const store = linkPackages(writeProject(cli.folder("store"), "store", { "index.js": PROGRAM }));
  const config = readFileSync(path.join(shop, "Pulumi.prod.yaml"), "utf8").replaceAll("shop:", "store:");
  writeFileSync(path.join(store, "Pulumi.prod.yaml"), config);
  await unchanged("prod", store);
  // And back, for what follows.
  await cli.succeed(["stack", "rename", "default/shop/prod", "--stack", "default/store/prod"], {
    cwd: store,
  });
  await unchanged("prod");
});

test("a state that was exported before a rename is still opened by what it names", async () => {
  const refused = await askServiceApi(cli.url, "GET", "/api/stacks/default/shop/dev", {
    authorization: `token ${api.token}`,
  });
  expect(refused.status).toBe(404);
  const sealed = await askServiceApi(cli.url, "POST", "/api/stacks/default/shop/dev/encrypt", {
    authorization: `token ${api.token}`,
    body: '{"plaintext":"aGk="}',
  });
  const { ciphertext } = sealed.json as { ciphertext: string };
  const opened = await askServiceApi(cli.url, "POST", "/api/stacks/default/shop/prod/decrypt", {
    authorization: `token ${api.token}`,
    body: JSON.stringify({ ciphertext }),
  });
  expect(opened.json).toEqual({ plaintext: "aGk=" });
});

test("pulumi state move takes a resource from one stack to another", async () => {
  for (const stack of ["from", "to"]) {
    await cli.succeed(["stack", "init", stack], { cwd: shop });
    await cli.succeed(["config", "set", "--secret", "password", "x", "--stack", stack], { cwd: shop });
  }
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", "from"], { cwd: shop });
  const safe = urnsOf(await exported("from")).find((one) => one.endsWith("::safe")) ?? "";
  expect(safe).toContain("urn:pulumi:from::shop::");
  await cli.succeed(["state", "unprotect", "--all", "--yes", "--stack", "from"], { cwd: shop });
  await cli.succeed(
    [
      "state",
      "move",
      "--yes",
      "--include-parents",
      "--source",
      "default/shop/from",
      "--dest",
      "default/shop/to",
      safe,
    ],
    { cwd: shop },
  );
  expect(urnsOf(await exported("from")).some((one) => one.endsWith("::safe"))).toBe(false);
  expect(urnsOf(await exported("to")).some((one) => one.endsWith("::safe"))).toBe(true);
});

test("secrets move from Slipway's keys to a passphrase and back, and stay readable", async () => {
  const env = { PULUMI_CONFIG_PASSPHRASE: "open sesame" };
  await cli.succeed(["stack", "select", "prod"], { cwd: shop });
  await cli.succeed(["stack", "change-secrets-provider", "passphrase"], {
    cwd: shop,
    env,
    stdin: "open sesame\nopen sesame\n",
  });
  expect((await exported("prod")).deployment?.secrets_providers?.type).toBe("passphrase");
  await unchanged("prod", shop, env);
  expect(
    (await cli.succeed(["stack", "output", "secret", "--show-secrets"], { cwd: shop, env })).stdout.trim(),
  ).toBe("hunter2");
  const wrong = await cli.run(["stack", "output", "secret", "--show-secrets"], {
    cwd: shop,
    env: { PULUMI_CONFIG_PASSPHRASE: "wrong" },
  });
  expect(wrong.code).not.toBe(0);

  await cli.succeed(["stack", "change-secrets-provider", "default"], { cwd: shop, env });
  expect((await exported("prod")).deployment?.secrets_providers?.type).toBe("service");
  await unchanged("prod");
  expect((await cli.succeed(["config", "get", "password"], { cwd: shop })).stdout.trim()).toBe("hunter2");
});

test("a program reads another stack's outputs, its secrets among them, and the owner of the outputs can see who did", async () => {
  const reader = linkPackages(writeProject(cli.folder("reader"), "reader", { "index.js": READER }));
  await cli.succeed(["stack", "init", "dev"], { cwd: reader });
  cli.requests();
  await cli.succeed(["up", "--yes", "--skip-preview"], { cwd: reader });
  expect(cli.requests()).toContain("GET /api/stacks/default/shop/prod/export 200");
  const { stdout } = await cli.succeed(["stack", "output", "--json", "--show-secrets"], { cwd: reader });
  expect(JSON.parse(stdout)).toMatchObject({
    seen: "plain",
    secret: "hunter2",
  });
  const reads = await api.db
    .selectFrom("audit_entries")
    .select("details")
    .where("action", "=", "outputs.read")
    .where("subject", "=", "default/shop/prod")
    .execute();
  expect(reads).toMatchObject([{ details: { reader: "reader/dev" } }]);
});
