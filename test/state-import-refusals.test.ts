import { createHash, randomBytes } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { request as httpRequest } from "node:http";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { insertStack } from "./helpers/access.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { startTestCli } from "./helpers/pulumi-cli.ts";
import { digestOfTables } from "./helpers/service-api.ts";
import type { DiyProject } from "./state-import-support.ts";
import {
  diyProject,
  importFrom,
  makeDiyStack,
  onlyStack,
  PASSPHRASE,
  slipwayCli,
} from "./state-import-support.ts";

/*
 * What must not be imported, what must not be imported twice, and that a refusal leaves nothing behind.
 */

let api: TestApi;
let cli: TestCli;
let shop: DiyProject;
/** A copy of the backend for each test to damage. */
let backend: string;

beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  shop = diyProject(cli, "shop");
  await makeDiyStack(cli, shop, "dev");
});
beforeEach(() => {
  backend = cli.folder(`copy-${randomBytes(4).toString("hex")}`);
  cpSync(shop.backend, backend, { recursive: true, preserveTimestamps: true });
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

const CHECKPOINT = ".pulumi/stacks/shop/dev.json";

function source(): string {
  return `file://${backend}`;
}
function file(key: string): string {
  return path.join(backend, key);
}
function edit(key: string, change: (text: string) => string | Buffer): void {
  const before = readFileSync(file(key), "utf8");
  const after = change(before);
  if (after === before) throw new Error(`the test did not change ${key}`);
  writeFileSync(file(key), after);
}

/** Imports what must be refused; answers the only stack's report. Nothing may have been stored. */
async function refused(more: readonly string[] = []): Promise<{ reason: string; remedy: string }> {
  const before = await digestOfTables(api.db);
  const { report, code } = await importFrom(api, cli, source(), more);
  const { outcome, reason, remedy } = onlyStack(report);
  expect([outcome, code]).toEqual(["refused", 8]);
  expect(await digestOfTables(api.db)).toEqual(before);
  return { reason: reason ?? "", remedy: remedy ?? "" };
}

const DAMAGE: Readonly<Record<string, { change: (text: string) => string | Buffer; reason: RegExp }>> = {
  "cut off in the middle": {
    change: (text) => text.slice(0, text.length / 2),
    reason: /no checkpoint of Pulumi, or a part of it is missing/,
  },
  "random bytes": { change: () => randomBytes(1_000), reason: /is damaged/ },
  "not valid UTF-8": {
    change: (text) =>
      Buffer.concat([
        Buffer.from(text.slice(0, 300)),
        Buffer.from([0xc3, 0x28]),
        Buffer.from(text.slice(300)),
      ]),
    reason: /is damaged/,
  },
  "a gzip that was cut off": { change: (text) => gzipSync(text).subarray(0, 500), reason: /is damaged/ },
  "JSON that is broken inside": {
    change: (text) => text.replace(/"index":0/, '"index":00'),
    reason: /not valid JSON/,
  },
  "a manifest with another magic": {
    change: (text) => text.replace(/"magic":"[0-9a-f]{8}/, '"magic":"00000000'),
    reason: /manifest of the state is damaged/,
  },
  "a field of another type": {
    change: (text) => text.replace(/"urn":"/, '"urn":1,"x":"'),
    reason: /damaged: resources\.0\.urn/,
  },
  "a resource whose parent is gone": {
    change: (text) => text.replaceAll(/"parent":"[^"]*"/g, '"parent":"urn:pulumi:dev::shop::a::gone"'),
    reason: /needs urn:pulumi:dev::shop::a::gone/,
  },
  "another stack's state": {
    change: (text) => text.replaceAll("urn:pulumi:dev::", "urn:pulumi:prod::"),
    reason: /is that of shop\/prod, not of shop\/dev/,
  },
  "another project's state": {
    change: (text) => text.replaceAll("::shop::", "::shed::"),
    reason: /is that of shed\/dev/,
  },
  "a version of the past": {
    change: (text) => text.replace(/^\{"version":\d/, '{"version":2'),
    reason: /has version 2/,
  },
  "a name twice": {
    change: (text) => text.replace(/^\{/, '{"checkpoint":{},'),
    reason: /no checkpoint of Pulumi/,
  },
  "a __proto__": {
    change: (text) => text.replace(/"checkpoint":\{/, '"checkpoint":{"__proto__":{},'),
    reason: /no checkpoint of Pulumi/,
  },
  "sealed by another server": {
    change: (text) => text.replace('"type":"passphrase"', '"type":"service"'),
    reason: /sealed by another server/,
  },
  "a passphrase without its salt": {
    change: (text) => text.replace('"salt":', '"pepper":'),
    reason: /salt of its passphrase is missing/,
  },
};

test.for(Object.keys(DAMAGE))("a state that is %s is refused and nothing is stored", async (name) => {
  const damage = DAMAGE[name];
  if (damage === undefined) throw new Error("no such damage");
  edit(CHECKPOINT, damage.change);
  const { reason, remedy } = await refused();
  expect(reason).toMatch(damage.reason);
  expect(remedy).not.toBe("");
});

test("a damaged entry of the history is refused, and one state of the past that is damaged is left out and told", async () => {
  const folder = ".pulumi/history/shop/dev";
  const names = readdirSync(file(folder)).sort();
  const checkpoint = names.find((name) => name.endsWith(".checkpoint.json"));
  const history = names.find((name) => name.endsWith(".history.json"));
  edit(`${folder}/${history ?? ""}`, (text) => text.slice(0, 40));
  expect((await refused()).reason).toContain(`${history ?? ""} is damaged`);

  cpSync(path.join(shop.backend, folder), file(folder), { recursive: true });
  edit(`${folder}/${checkpoint ?? ""}`, (text) => text.slice(0, 40));
  const { report } = await importFrom(api, cli, source(), ["--dry-run"]);
  expect(onlyStack(report)).toMatchObject({
    outcome: "would be imported",
    notes: [expect.any(String), "1 earlier states are damaged or another stack's, and left out"],
  });
});

test("a locked stack is refused with who holds it, and imported with --force", async () => {
  const lock = ".pulumi/locks/organization/shop/dev/0d4b2b2e-0000-4000-8000-000000000000.json";
  mkdirSync(path.dirname(file(lock)), { recursive: true });
  const held = { pid: 4711, username: "ada", hostname: "laptop", timestamp: "2026-01-02T03:04:05Z" };
  writeFileSync(file(lock), JSON.stringify(held));
  const { reason, remedy } = await refused();
  expect(reason).toBe("It is locked by ada@laptop (process 4711) since 2026-01-02T03:04:05Z.");
  expect(remedy).toContain("--force");
  const { report } = await importFrom(api, cli, source(), ["--force", "--dry-run"]);
  expect(onlyStack(report)).toMatchObject({
    outcome: "would be imported",
    notes: [expect.stringContaining("although locked by ada@laptop"), expect.any(String)],
  });
});

test("a layout without projects is read with the project that the state names; an empty stack there is refused", async () => {
  renameSync(file(CHECKPOINT), file(".pulumi/stacks/dev.json"));
  renameSync(file(".pulumi/history/shop/dev"), file(".pulumi/history/dev"));
  rmSync(file(".pulumi/meta.yaml"));
  const { report } = await importFrom(api, cli, source(), ["--dry-run"]);
  expect(onlyStack(report)).toMatchObject({
    project: "shop",
    stack: "dev",
    outcome: "would be imported",
    updates: 3,
    resources: 8,
  });
  edit(".pulumi/stacks/dev.json", (text) => text.replace(/"resources":\[.*\]/s, '"resources":[]'));
  const { reason, remedy } = await refused();
  expect(reason).toContain("does not say which project it belongs to");
  expect(remedy).toContain("pulumi state upgrade");
});

test("a stack that lies where the layout keeps none is named, and a layout of the future is not read", async () => {
  cpSync(file(CHECKPOINT), file(".pulumi/stacks/left-behind.json"));
  const { report, code } = await importFrom(api, cli, source(), ["--dry-run"]);
  expect(code).toBe(8);
  expect(report.stacks).toMatchObject([
    { stack: "dev", outcome: "would be imported" },
    {
      stack: ".pulumi/stacks/left-behind.json",
      outcome: "refused",
      remedy: expect.stringContaining("pulumi state upgrade"),
    },
  ]);
  writeFileSync(file(".pulumi/meta.yaml"), "version: 2\n");
  const { stderr } = await slipwayCli(api, cli, ["state", "import", "--from", source()]);
  expect(stderr).toContain("has the layout 2");
});

test("of a plain and a packed file of one stack the younger counts, as for Pulumi", async () => {
  const text = readFileSync(file(CHECKPOINT), "utf8").replace(/"resources":\[.*\]/s, '"resources":[]');
  writeFileSync(file(`${CHECKPOINT}.gz`), gzipSync(text));
  const at = (seconds: number) => utimesSync(file(`${CHECKPOINT}.gz`), seconds, seconds);
  at(Date.now() / 1_000 + 60);
  expect(onlyStack((await importFrom(api, cli, source(), ["--dry-run"])).report).resources).toBe(0);
  at(1);
  expect(onlyStack((await importFrom(api, cli, source(), ["--dry-run"])).report).resources).toBe(8);
});

test("addresses that cannot be read are refused with the way around", async () => {
  const refusal = async (url: string) =>
    (await slipwayCli(api, cli, ["state", "import", "--from", url])).stderr;
  expect(await refusal("https://api.pulumi.com")).toContain("--show-secrets");
  expect(await refusal("postgres://db/state")).toContain("pulumi stack export");
  expect(await refusal("gs://bucket")).toContain("Copy the backend's .pulumi folder");
  expect(await refusal("file:///nowhere/at/all")).toContain("cannot be read");
  expect(await refusal(`file://${cli.home}`)).toContain("There is no stack");
});

/** Sends lines as they are; answers status and problem. */
async function post(
  lines: readonly string[],
  {
    digest,
    headers = {},
    cutAfter,
  }: { digest?: string; headers?: Record<string, string>; cutAfter?: number } = {},
): Promise<{ status: number; text: string }> {
  const rest = lines.slice(1).map((line) => `${line}\n`);
  const found = digest ?? `sha256:${createHash("sha256").update(rest.join("")).digest("hex")}`;
  const body = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  return new Promise((resolve) => {
    const asked = httpRequest(
      `${cli.url}/v1/state-imports?digest=${found}`,
      {
        method: "POST",
        headers: { authorization: `Bearer ${api.token}`, "content-type": "application/x-ndjson", ...headers },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    asked.once("error", (error) => resolve({ status: 0, text: error.message }));
    if (cutAfter === undefined) asked.end(body);
    else asked.write(body.subarray(0, cutAfter), () => asked.destroy());
  });
}

function lines(stack = "dev"): [string, string] {
  const checkpoint = readFileSync(file(CHECKPOINT), "utf8");
  const header = {
    type: "stack",
    organisation: "default",
    project: "shop",
    stack,
    source: "file:///x",
    tags: {},
  };
  return [JSON.stringify(header), JSON.stringify({ type: "state", checkpoint })];
}

test("a body that is cut off, not whole, out of order or not what was announced stores nothing", async () => {
  const before = await digestOfTables(api.db);
  const [header, state] = lines();
  expect(await post([header, state], { cutAfter: 2_000 })).toMatchObject({ status: 0 });
  expect(await post([header, state], { digest: `sha256:${"0".repeat(64)}` })).toMatchObject({
    status: 422,
    text: expect.stringContaining("its digest is another"),
  });
  expect(await post([header])).toMatchObject({
    status: 422,
    text: expect.stringContaining("The state is missing"),
  });
  expect(await post([header, state, state])).toMatchObject({
    status: 422,
    text: expect.stringContaining("one state"),
  });
  expect(await post([state, header])).toMatchObject({
    status: 422,
    text: expect.stringContaining("first line"),
  });
  expect(await post([header, "{"])).toMatchObject({ status: 422, text: expect.stringContaining("not JSON") });
  expect(await post([header, state], { headers: { "content-encoding": "gzip" } })).toMatchObject({
    status: 400,
  });
  expect(await post([header, state], { headers: { "content-encoding": "br" } })).toMatchObject({
    status: 415,
  });
  // As for the client, so for the server: what it did not check itself it does not store.
  expect(await post([header, state.replaceAll("urn:pulumi:dev::", "urn:pulumi:prod::")])).toMatchObject({
    status: 422,
  });
  expect(
    await post([header, state.replace('\\"type\\":\\"passphrase\\"', '\\"type\\":\\"service\\"')]),
  ).toMatchObject({ status: 422, text: expect.stringContaining("sealed by another server") });
  expect(await digestOfTables(api.db)).toEqual(before);
});

test("of two imports at once one imports and the other finds it there", async () => {
  const both = await Promise.all([importFrom(api, cli, source()), importFrom(api, cli, source())]);
  expect(both.map(({ report }) => onlyStack(report).outcome).sort()).toEqual(["already there", "imported"]);
  const updates = await api.ask("GET", "/v1/stacks/default/shop/dev/updates");
  expect(updates.body.items.map((one) => one.number)).toEqual([4, 3, 2, 1]);
  const audit = await api.ask("GET", "/v1/audit?action=state.imported");
  expect(audit.body.items).toHaveLength(1);
});

test("a source that has changed since its import is refused", async () => {
  await importFrom(api, cli, source());
  edit(CHECKPOINT, (text) => text.replace('"index":1', '"index":11'));
  expect((await refused()).reason).toContain("its source has changed since");
});

test("a stack of Slipway's own is not written over; one that was only created takes the import", async () => {
  const rename = (stack: string) => {
    for (const key of [CHECKPOINT, ".pulumi/history/shop/dev"])
      renameSync(file(key), file(key.replace("dev", stack)));
    edit(CHECKPOINT.replace("dev", stack), (text) =>
      text.replaceAll("urn:pulumi:dev::", `urn:pulumi:${stack}::`),
    );
  };
  const at = { cwd: shop.folder, env: { PULUMI_CONFIG_PASSPHRASE: PASSPHRASE } };
  rename("own");
  await cli.succeed(["stack", "init", "own", "--secrets-provider", "passphrase"], at);
  await cli.succeed(["config", "set", "--secret", "password", "here", "--stack", "own"], at);
  await cli.succeed(["up", "--yes", "--skip-preview", "--stack", "own"], at);
  expect((await refused()).reason).toContain("of its own");
  renameSync(file(".pulumi/stacks/shop/own.json"), file(CHECKPOINT));
  renameSync(file(".pulumi/history/shop/own"), file(".pulumi/history/shop/dev"));
  edit(CHECKPOINT, (text) => text.replaceAll("urn:pulumi:own::", "urn:pulumi:dev::"));

  rename("fresh");
  await insertStack(api.db, { project: "shop", stack: "fresh" });
  expect(onlyStack((await importFrom(api, cli, source())).report).outcome).toBe("imported");
});
