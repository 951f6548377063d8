import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestAnswer, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestPerson } from "./helpers/approvals.ts";
import { group, person, setRules, vote } from "./helpers/approvals.ts";
import { endedWithin } from "./helpers/deployments.ts";
import type { LedgerProgram } from "./helpers/ledger-project.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { runSlipway } from "./helpers/run-cli.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { listening, startWorkerOf } from "./helpers/worker.ts";

const RUN_MS = 120_000;
const CANARY = "canary-7f3a9c";

const OPS_APPROVE = { rules: [{ name: "all", need: 1, from: ["ops"] }] };

let api: TestApi;
let worker: TestWorker;
let ann: TestPerson;
beforeAll(async () => {
  api = await startTestApi();
  ann = await person(api, "ann");
  await group(api, "ops", ["ann"]);
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

interface Project {
  stack: string;
  ledger: string;
  folder: string;
  /** A file outside of the project's folder, which its program may read. */
  outside: string;
  write(program?: Partial<LedgerProgram>): void;
}

async function makeProject(
  name: string,
  program: (outside: string) => Partial<LedgerProgram>,
): Promise<Project> {
  const folder = path.join(api.root, name);
  const ledger = path.join(api.root, `${name}-ledger.txt`);
  const outside = path.join(api.root, `${name}-outside.txt`);
  writeFileSync(outside, "0.0.1");
  const write: Project["write"] = (more = {}) =>
    void writeLedgerProject(folder, name, { version: "v1", ledger, ...program(outside), ...more });
  write();
  const [stack = ""] = await register(api, name, folder);
  return { stack, ledger, folder, outside, write };
}

const ask = (stack: string, body: Record<string, unknown>): Promise<TestAnswer> =>
  api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...body } });

async function run(stack: string, body: Record<string, unknown> = {}): Promise<AnswerBody> {
  const { status, body: answer, text } = await ask(stack, body);
  if (status !== 202) throw new Error(text);
  return endedWithin(api, answer.id, RUN_MS);
}

const sealOf = async (id: string): Promise<AnswerBody> =>
  (await api.ask("GET", `/v1/deployments/${id}/seal`)).body;
const previewOf = async (id: string): Promise<AnswerBody> =>
  (await api.ask("GET", `/v1/deployments/${id}/preview`)).body;

/** The seal of a preview of what an update would do now. */
async function preview(stack: string): Promise<string> {
  const previewed = await run(stack, { operation: "preview" });
  expect(previewed, worker.output()).toMatchObject({ status: "succeeded", binding: "exact" });
  return String((await sealOf(previewed.id)).digest);
}

/** What the command line prints. */
async function cli(...args: string[]): Promise<string> {
  const tokenFile = path.join(api.root, "token");
  writeFileSync(tokenFile, api.token, { mode: 0o600 });
  const reach = ["--server", await listening(api), "--token-file", tokenFile];
  return (await runSlipway([...args, ...reach], { cwd: api.root })).printed;
}

async function waits(id: string): Promise<AnswerBody> {
  return eventually(`deployment ${id} waits for approval`, RUN_MS, async () => {
    const { body } = await api.ask("GET", `/v1/deployments/${id}`);
    if (body.finishedAt !== null) throw new Error(JSON.stringify(body.failure));
    return body.status === "waiting_approval" ? body : undefined;
  });
}

test("what a preview sealed can be asked for, and no more once anything of it has moved", async () => {
  const { stack, ledger, folder, write } = await makeProject("asked", () => ({ distinct: true }));
  const seal = await preview(stack);
  const refused = async (moved: readonly object[], body: Record<string, unknown> = {}): Promise<void> => {
    const answer = await ask(stack, { seal, ...body });
    expect(answer, answer.text).toMatchObject({ status: 409, body: { code: "stale" } });
    expect(answer.body.moved).toEqual(
      expect.arrayContaining(moved.map((one): unknown => expect.objectContaining(one))),
    );
  };

  const stackFile = path.join(folder, "Pulumi.test.yaml");
  writeFileSync(stackFile, "config:\n  asked:size: large\n");
  await refused([{ item: "source" }, { item: "config" }]);
  // A comment alone makes other bytes, and the same values.
  writeFileSync(stackFile, "# nothing\n");
  await refused([{ item: "source" }]);
  writeFileSync(stackFile, "");

  const lock = path.join(folder, "package-lock.json");
  const before = readFileSync(lock, "utf8");
  writeFileSync(lock, `${before}\n`);
  await refused([{ item: "lockfile" }]);
  write();
  await refused([{ item: "source" }]);
  expect(linesOf(ledger)).toEqual([]);
});

test("T1, T3, T4: an update bound to a preview's seal runs once; the state, the server's config, the rules, an option and another operation each void it", async () => {
  const { stack, ledger, write } = await makeProject("voided", () => ({ distinct: true }));
  const seal = await preview(stack);
  const moved = async (body: Record<string, unknown> = {}): Promise<unknown> => {
    const answer = await ask(stack, { seal, ...body });
    expect([answer.status, answer.body.code], answer.text).toEqual([409, "stale"]);
    return answer.body.moved;
  };
  expect(await moved({ options: { refresh: true } })).toMatchObject([
    { item: "options", path: "refresh", was: false, is: true },
  ]);
  expect(await moved({ operation: "destroy" })).toMatchObject([
    { item: "operation", was: "update", is: "destroy" },
  ]);
  await api.ask("PUT", `${stack}/config/size`, { body: { value: "large", secret: false } });
  expect(await moved()).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ item: "serverConfig", path: "voided:size", was: null }),
    ]),
  );
  await api.ask("DELETE", `${stack}/config/size`);
  expect((await ask(stack, { seal, options: { skipPreview: true } })).body.code).toBe("invalid_request");
  expect(linesOf(ledger)).toEqual([]);

  const bound = await run(stack, { seal });
  expect(bound, worker.output()).toMatchObject({ status: "succeeded", binding: "exact", release: 1 });
  expect((await sealOf(bound.id)).digest).toBe(seal);
  expect(await moved()).toMatchObject([{ item: "state", was: 0, is: 1 }]);

  write({ texts: ["one", "two"] });
  const second = await preview(stack);
  await setRules(api, stack, OPS_APPROVE);
  const answer = await ask(stack, { seal: second });
  expect(answer.body.moved, answer.text).toMatchObject([{ item: "rules", path: "approvals" }]);

  // Where rules ask for it a refresh is previewed too; one that finds nothing asks nobody.
  const refreshed = await run(stack, { operation: "refresh" });
  expect(refreshed, JSON.stringify(refreshed.failure)).toMatchObject({
    status: "succeeded",
    binding: "exact",
  });
  expect((await sealOf(refreshed.id)).items).toMatchObject({ operation: "refresh", state: 1 });

  // Two wait, and are stale as soon as a value on the server is another one.
  const [destroy, update] = [await ask(stack, { operation: "destroy" }), await ask(stack, {})];
  await Promise.all([waits(destroy.body.id), waits(update.body.id)]);
  const asked = await sealOf(destroy.body.id);
  expect(asked).toMatchObject({
    items: { operation: "destroy", state: 2, options: { refresh: false } },
    moved: [],
  });
  const { items } = await previewOf(destroy.body.id);
  expect(items.map(({ operation, name }) => [operation, name])).toContainEqual(["delete", "one"]);
  const lines = linesOf(ledger);
  await api.ask("PUT", `${stack}/config/size`, { body: { value: "small", secret: false } });
  for (const { body } of [destroy, update]) {
    expect((await api.ask("GET", `/v1/deployments/${body.id}`)).body).toMatchObject({
      status: "stale",
      moved: [{ item: "serverConfig", path: "voided:size" }],
    });
  }
  expect(linesOf(ledger)).toEqual(lines);
});

test.each([
  ["reads the clock", "clock", "String(Date.now())", { item: "plan", path: "text" }],
  [
    "reads a file outside the archive",
    "outside",
    "fs.readFileSync(outside, 'utf8')",
    { item: "plan", path: "text" },
  ],
])(
  "a program that %s is stale in its second preview, and no provider was told to change anything",
  async (_, name, text, moved) => {
    const { stack, ledger, outside } = await makeProject(name, (file) => ({
      texts: [],
      more: `import fs from "node:fs";
const outside = ${JSON.stringify(file)};
new Entry("one", { ledger: ${JSON.stringify(path.join(api.root, `${name}-ledger.txt`))}, text: ${text}, delayMs: 0 });`,
    }));
    const seal = await preview(stack);
    writeFileSync(outside, "0.0.2");
    const stale = await run(stack, { seal });
    expect(stale, worker.output()).toMatchObject({
      status: "stale",
      failure: { code: "stale" },
      moved: [moved],
    });
    expect(JSON.stringify(stale.failure)).toContain("ledger:index:Entry::one text");
    expect(linesOf(ledger)).toEqual([]);
  },
);

test("what people voted for is compared with a second preview before anything is changed", async () => {
  const ledger = path.join(api.root, "voted-ledger.txt");
  const { stack, outside } = await makeProject("voted", (file) => ({
    texts: [],
    more: `import fs from "node:fs";
const text = fs.readFileSync(${JSON.stringify(file)}, "utf8");
new Entry("one", { ledger: ${JSON.stringify(ledger)}, text, delayMs: 0 });`,
  }));
  await setRules(api, stack, OPS_APPROVE);
  const { body: asked } = await ask(stack, {});
  const waiting = await waits(asked.id);
  expect(waiting).toMatchObject({ binding: "exact", moved: null });
  writeFileSync(outside, "0.0.2");
  expect((await vote(api, asked.id, ann)).status).toBe(200);
  expect(await endedWithin(api, asked.id, RUN_MS), worker.output()).toMatchObject({
    status: "stale",
    attempts: 2,
    moved: [{ item: "plan", path: "text", was: "0.0.1", is: "0.0.2" }],
  });
  expect(linesOf(ledger)).toEqual([]);
});

test("another version of a provider is stale, and named", async () => {
  const { stack, ledger, outside } = await makeProject("versions", (file) => ({
    texts: [],
    more: `import fs from "node:fs";
class Versioned extends pulumi.CustomResource {
  constructor(name, inputs, options) { super("ledger:index:Entry", name, inputs, options); }
}
new Versioned("one", { ledger: ${JSON.stringify(path.join(api.root, "versions-ledger.txt"))}, text: "a", delayMs: 0 },
  { version: fs.readFileSync(${JSON.stringify(file)}, "utf8") });`,
  }));
  const seal = await preview(stack);
  writeFileSync(outside, "0.0.2");
  const stale = await run(stack, { seal });
  expect(stale.moved, JSON.stringify(stale.failure)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ item: "plugins", path: "ledger", was: "0.0.1", is: "0.0.2" }),
    ]),
  );
  expect([stale.status, linesOf(ledger)]).toEqual(["stale", []]);
});

test("T6, T11: a provider whose token differs on each call goes on as equivalent, and no secret is anywhere", async () => {
  const { stack, ledger } = await makeProject("tokens", () => ({
    texts: [],
    more: `class Ledger extends pulumi.ProviderResource {
  constructor(name, inputs) { super("ledger", name, inputs); }
}
const provider = new Ledger("main", { token: pulumi.secret("${CANARY}" + Date.now()), region: "eu" });
class Signed extends pulumi.CustomResource {
  constructor(name, inputs, options) { super("ledger:index:Entry", name, { made: undefined, ...inputs }, options); }
}
const ledger = ${JSON.stringify(path.join(api.root, "tokens-ledger.txt"))};
new Signed("one", { ledger, text: "a", delayMs: 0, password: pulumi.secret("${CANARY}-password") }, { provider });`,
  }));
  const seal = await preview(stack);
  const bound = await run(stack, { seal });
  expect(bound, JSON.stringify(bound.failure)).toMatchObject({ status: "succeeded", binding: "equivalent" });
  expect(linesOf(ledger)).toEqual(["started create a", "finished create a"]);
  const { items } = await previewOf(bound.id);
  expect(JSON.stringify(items.find(({ name }) => name === "one"))).toContain('"[secret]"');

  const shown = await cli("preview", "show", bound.id, "--changed");
  expect(shown).toContain('+ password: "[secret]"');
  expect(shown).toContain("binding equivalent");

  const { rows } = await sql<{ text: string }>`
    select body::text as text from deployment_events union all select details::text from audit_entries
    union all select items::text from seals union all select coalesce(moved::text, '') || coalesce(failure::text, '') from deployments
    union all select coalesce(detail, '') || coalesce(result::text, '') from deployment_steps
    union all select encode(body, 'escape') from deployment_previews union all select encode(body, 'escape') from seals
  `.execute(api.db);
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter(({ text }) => text.includes(CANARY))).toEqual([]);
  const bindings = await sql<{ binding: string }>`
    select details ->> 'binding' as binding from audit_entries
    where action in ('deployment.sealed', 'deployment.update_bound') and details ->> 'deployment' = ${bound.id}
  `.execute(api.db);
  expect(bindings.rows.map(({ binding }) => binding)).toEqual(["equivalent", "equivalent"]);
});

test("T5, T7: an update that leaves its plan says where; what was done and what was not is told, and the program as it was planned goes through", async () => {
  const text = (planned: string): string => `pulumi.runtime.isDryRun() ? "a" : "${planned}"`;
  const ledger = path.join(api.root, "violates-ledger.txt");
  const program = (planned: string, more = ""): Partial<LedgerProgram> => ({
    texts: [],
    more: `const one = new Entry("one", { ledger: ${JSON.stringify(ledger)}, text: ${text(planned)}, delayMs: 0 });\n${more}`,
  });
  const { stack, write } = await makeProject("violates", () => program("b"));
  const left = await run(stack);
  expect(left, worker.output()).toMatchObject({ status: "failed", failure: { code: "plan_violation" } });
  expect(JSON.stringify(left.failure)).toMatch(/Entry::one in text/);
  expect(linesOf(ledger)).toEqual([]);

  // Nobody can know of a resource that is made in a callback on what is not known before the update.
  write(
    program(
      "a",
      `one.id.apply(() => { new Entry("late", { ledger: ${JSON.stringify(ledger)}, text: "late", delayMs: 0 }); });`,
    ),
  );
  const half = await run(stack);
  expect(half).toMatchObject({ status: "failed", failure: { code: "plan_violation" } });
  expect(JSON.stringify(half.failure)).toContain("::late");
  expect(linesOf(ledger)).toEqual(["started create a", "finished create a"]);
  const account = await api.ask("GET", `/v1/deployments/${half.id}/resources`);
  expect(account.body.items).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: "one", operation: "create", outcome: "done" })]),
  );

  write(program("a"));
  expect(await run(stack)).toMatchObject({ status: "succeeded", binding: "exact" });
});
