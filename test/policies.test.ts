import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, tokenOf } from "./helpers/access.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { packFilesOf, writePack } from "./helpers/policy-pack.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 120_000;
const POLICIES = "/v1/organisations/default/policies";

/** A mandatory rule with a setting, an advisory one, one of the stack as a whole, and one that changes what the program asks for. */
const RULES = `[
  { name: "no-forbidden", description: "Names that nobody may use.", enforcementLevel: "mandatory",
    configSchema: { properties: { prefix: { type: "string", default: "nothing" } } },
    validateResource: (args, report) => {
      if (args.type === "ledger:index:Entry" && args.name.startsWith(args.getConfig().prefix)) report("'" + args.name + "' is forbidden");
    } },
  { name: "short-names", description: "Names should be short.", enforcementLevel: "advisory",
    validateResource: (args, report) => { if (args.type === "ledger:index:Entry" && args.name.length > 12) report("'" + args.name + "' is long"); } },
  { name: "few", description: "A stack should be small.", enforcementLevel: "advisory",
    validateStack: (args, report) => { if (args.resources.filter((one) => one.type === "ledger:index:Entry").length > 2) report("more than two entries"); } },
  { name: "stamp", description: "Stamps entries.", enforcementLevel: "remediate",
    remediateResource: (args) => (args.type === "ledger:index:Entry" && args.props.text === "unstamped" ? { ...args.props, text: "stamped" } : undefined) },
]`;

let api: TestApi;
let worker: TestWorker;
let ledger: string;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
  const pack = writePack(path.join(api.root, "rules"), "house-rules", RULES);
  const body = { name: "house-rules", version: "1.0.0", files: packFilesOf(pack) };
  const published = await api.ask("POST", "/v1/organisations/default/policy-packs", { body });
  expect(published.status, published.text).toBe(201);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

/** Writes the project and registers it at its first time. */
async function stackOf(name: string, texts: readonly string[], more = {}): Promise<string> {
  ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  writeLedgerProject(folder, name, { version: "v1", ledger, texts, distinct: true, ...more });
  const address = `/v1/stacks/default/${name}/test`;
  if ((await api.ask("GET", address)).status === 404) await register(api, name, folder);
  return address;
}

async function deploy(stack: string, body: Record<string, unknown> = {}): Promise<AnswerBody> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...body } });
  expect(answer.status, answer.text).toBe(202);
  return endedWithin(api, answer.body.id, ENDED_MS);
}

const enable = async (body: Record<string, unknown>): Promise<string> => {
  const answer = await api.ask("POST", POLICIES, { body });
  expect(answer.status, answer.text).toBe(201);
  return answer.body.id;
};
const resultsOf = async (id: string) =>
  (await api.ask("GET", `/v1/deployments/${id}/policies`)).body as AnswerBody & {
    checked: { seal: string };
  };

describe("a pack that the stack's organisation requires", () => {
  test("stops a violating update before anything is touched, passes once for somebody who answers for it, and never for another content", async () => {
    const stack = await stackOf("passed", ["fine", "forbidden-one"]);
    await enable({
      kind: "pack",
      pack: "house-rules",
      version: "1.0.0",
      project: "passed",
      overridable: true,
      config: { "no-forbidden": { prefix: "forbidden" } },
    });
    const stopped = await deploy(stack);
    expect(stopped, worker.output()).toMatchObject({
      status: "failed",
      failure: {
        code: "policy_violation",
        detail: expect.stringContaining("'forbidden-one' is forbidden"),
        remedy: expect.stringContaining("slipway policies override"),
      },
    });
    expect(linesOf(ledger)).toEqual([]);
    const said = await resultsOf(stopped.id);
    expect(said).toMatchObject({
      mandatory: 1,
      advisory: 1,
      overridable: true,
      checked: { stopped: true, packs: [{ name: "house-rules", version: "1.0.0" }] },
    });
    const { items: events } = (await api.ask("GET", `/v1/deployments/${stopped.id}/events`)).body;
    expect(events.map(({ body }) => body)).toContainEqual(
      expect.objectContaining({ type: "policy", policy: "no-forbidden", level: "mandatory" }),
    );

    const override = (token: string, seal: string) =>
      api.ask("POST", `/v1/deployments/${stopped.id}/policy-override`, {
        headers: bearer(token),
        body: { seal, reason: "the name stays until Monday" },
      });
    const olga = await tokenOf(api, "olga", { default: "admin" });
    expect((await override(olga, said.checked.seal)).status).toBe(403);
    await api.ask("PUT", "/v1/organisations/default/policy-overriders/olga");
    expect((await override(olga, `sha256:${"0".repeat(64)}`)).status).toBe(409);
    expect((await override(olga, said.checked.seal)).status).toBe(201);

    // Another content is not what was answered for; the same content is, once.
    await stackOf("passed", ["fine", "forbidden-two"]);
    expect(await deploy(stack)).toMatchObject({ status: "failed", failure: { code: "policy_violation" } });
    await stackOf("passed", ["fine", "forbidden-one"]);
    const passed = await deploy(stack);
    expect(passed, worker.output()).toMatchObject({ status: "succeeded", release: 1 });
    expect(await resultsOf(passed.id)).toMatchObject({
      mandatory: 0,
      overridden: 1,
      letThroughBy: { overriddenBy: "user:olga", reason: "the name stays until Monday" },
    });
    expect(await deploy(stack)).toMatchObject({ status: "failed", failure: { code: "policy_violation" } });
    const { body: audit } = await api.ask("GET", "/v1/audit?action=policy.overridden");
    expect(audit.items).toMatchObject([{ principal: "user:olga" }]);
  });

  test("tells and counts what is advisory, and what it changed by itself, and lets the update go on", async () => {
    const stack = await stackOf("advised", ["unstamped", "a-very-long-name", "third"]);
    await enable({ kind: "pack", pack: "house-rules", version: "1.0.0", project: "advised" });
    const done = await deploy(stack);
    expect(done, worker.output()).toMatchObject({ status: "succeeded" });
    expect(await resultsOf(done.id)).toMatchObject({ mandatory: 0, overridable: false });
    const { items } = await resultsOf(done.id);
    const ofPreview = items.filter(({ step }) => step === "preview");
    expect(ofPreview.map(({ policy, outcome }) => [policy, outcome]).sort()).toEqual([
      ["few", "violated"],
      ["short-names", "violated"],
      ["stamp", "remediated"],
    ]);
    expect(ofPreview.find(({ policy }) => policy === "stamp")).toMatchObject({ message: "changed text" });
    expect(linesOf(ledger)).toContain("finished create stamped");
  });

  test("may make what a pack calls advisory mandatory", async () => {
    const stack = await stackOf("strict", ["a-very-long-name"]);
    await enable({
      kind: "pack",
      pack: "house-rules",
      version: "1.0.0",
      project: "strict",
      level: "mandatory",
    });
    expect(await deploy(stack, { operation: "preview" })).toMatchObject({
      status: "failed",
      failure: { code: "policy_violation", detail: expect.stringContaining("is long") },
    });
  });
});

test.each([
  [
    "throws",
    `[{ name: "p", description: "d", enforcementLevel: "advisory", validateResource: () => { throw new Error("boom"); } }]`,
  ],
  ["ends at once", `process.exit(0)`],
])(
  "a pack of the project's own that %s stops the update: it never passes silently",
  async (how, policies) => {
    const name = how.replaceAll(" ", "-");
    const stack = await stackOf(name, ["one"], { slipwayYaml: "policies:\n  - path: pack\n" });
    writePack(path.join(api.root, name, "pack"), name, policies);
    const ended = await deploy(stack);
    expect(ended, worker.output()).toMatchObject({ status: "failed", failure: { code: "policy_unchecked" } });
    expect(linesOf(ledger)).toEqual([]);
  },
);

test("a pack of the project's own for another target is not asked", async () => {
  const policies = `[{ name: "p", description: "d", enforcementLevel: "mandatory", validateResource: (_, report) => report("no") }]`;
  const stack = await stackOf("elsewhere", ["one"], {
    slipwayYaml: "policies:\n  - {path: pack, target: aws}\n",
  });
  writePack(path.join(api.root, "elsewhere", "pack"), "elsewhere", policies);
  expect(await deploy(stack), worker.output()).toMatchObject({ status: "succeeded" });
});

test("a built-in policy keeps what is of a protected type from being destroyed, and lets it be created", async () => {
  const stack = await stackOf("kept", ["precious"]);
  const rule = await enable({ kind: "protected-types", project: "kept", config: { types: ["ledger:*"] } });
  expect(await deploy(stack), worker.output()).toMatchObject({ status: "succeeded" });
  const before = linesOf(ledger);
  expect(await deploy(stack, { operation: "destroy" })).toMatchObject({
    status: "failed",
    failure: { code: "policy_violation", detail: expect.stringContaining("ledger:index:Entry") },
  });
  expect(linesOf(ledger)).toEqual(before);
  expect((await api.ask("DELETE", `${POLICIES}/${rule}`)).status).toBe(204);
  expect(await deploy(stack, { operation: "destroy" })).toMatchObject({ status: "succeeded" });
});
