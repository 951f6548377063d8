import { existsSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestPerson } from "./helpers/approvals.ts";
import { group, person, setRules, signIn, vote } from "./helpers/approvals.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const RUN_MS = 120_000;

let api: TestApi;
let worker: TestWorker;
let ann: TestPerson;
let bea: TestPerson;
beforeAll(async () => {
  api = await startTestApi();
  [ann, bea] = [await person(api, "ann"), await person(api, "bea")];
  await group(api, "ops", ["ann", "bea"]);
  worker = await startWorkerOf(api);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

const OPS = { name: "ops", need: 1, from: ["ops"] };
const OPS_OR_RULE = { rules: [{ ...OPS, automatic: "adds-only" }] };

/** A project of one stack whose resources are lines of a ledger. */
async function makeStack(name: string, rules: unknown) {
  const folder = path.join(api.root, name);
  const ledger = path.join(api.root, `${name}-ledger.txt`);
  const write = (version: string, texts: readonly string[] = ["one"]) =>
    writeLedgerProject(folder, name, { version, ledger, texts });
  write("v1");
  const [stack = ""] = await register(api, name, folder);
  await setRules(api, stack, rules);
  return { stack, ledger, write };
}

async function request(stack: string, body: unknown = {}): Promise<string> {
  const {
    status,
    body: answer,
    text,
  } = await api.ask("POST", `${stack}/deployments`, {
    body: { operation: "update", ...(body as object) },
  });
  if (status !== 202) throw new Error(text);
  return answer.id;
}

const read = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;
const approvalOf = async (id: string): Promise<AnswerBody> =>
  (await api.ask("GET", `/v1/deployments/${id}/approval`)).body;
const waits = (id: string): Promise<AnswerBody> =>
  eventually(`deployment ${id} waits for approval`, RUN_MS, async () => {
    const body = await read(id);
    if (body.finishedAt !== null)
      throw new Error(`it ended: ${JSON.stringify(body.failure)} ${worker.output()}`);
    return body.status === "waiting_approval" ? body : undefined;
  });
const detailOf = (body: AnswerBody, step: string): unknown =>
  (body.steps as AnswerBody[]).find(({ name }) => name === step)?.detail;
const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, RUN_MS);

test("what was approved is what runs: it waits without a worker and without the stack, and its vote, its start and what ran name one seal", async () => {
  const { stack, ledger } = await makeStack("approved", { rules: [OPS] });
  const id = await request(stack);
  const waiting = await waits(id);
  expect(detailOf(waiting, "approval")).toBe("waits for 1 vote of ops (rule ops)");
  const { rows } = await sql`select 1 from stack_writers where holder is not null`.execute(api.db);
  expect([rows.length, linesOf(ledger)]).toEqual([0, []]);
  const asked = await approvalOf(id);
  expect(asked).toMatchObject({ state: "open", risk: { tier: "low", counts: { create: 2 } }, missing: 1 });
  expect((await vote(api, id, ann)).status).toBe(200);
  expect(await ended(id), worker.output()).toMatchObject({
    status: "succeeded",
    attempts: 2,
    release: 1,
    binding: "exact",
  });
  expect(linesOf(ledger).length).toBeGreaterThan(0);
  expect(existsSync(path.join(api.dataDir, "failures")), "waiting is no failure").toBe(false);
  expect(await approvalOf(id)).toMatchObject({
    state: "begun",
    votes: [{ principal: ann.principal, counts: true }],
  });
  const { body: log } = await api.ask("GET", "/v1/audit?project=approved&organisation=default&limit=100");
  const seals = log.items
    .filter(({ action }) => String(action).startsWith("approval."))
    .map(({ action, details }) => [action, (details as { seal: string }).seal]);
  expect(seals).toEqual([
    ["approval.begun", asked.seal],
    ["approval.approved", asked.seal],
    ["approval.requested", asked.seal],
  ]);
});

test("a rejection ends it without a change and is no failure; of two that wait the second is stale as soon as the first begins", async () => {
  const { stack, ledger, write } = await makeStack("two", { rules: [OPS] });
  const rejected = await request(stack);
  await waits(rejected);
  await vote(api, rejected, ann, { verdict: "reject", comment: "not on a Friday" });
  expect(await ended(rejected)).toMatchObject({ status: "rejected", failure: { code: "rejected" } });
  write("v2");
  const [first, second] = [await request(stack), await request(stack)];
  for (const id of [first, second]) await waits(id);
  expect(linesOf(ledger)).toEqual([]);
  await vote(api, first, bea);
  expect(await ended(second)).toMatchObject({ status: "stale" });
  expect((await vote(api, second, ann)).body.code).toBe("vote_too_late");
  expect(await ended(first), worker.output()).toMatchObject({ status: "succeeded" });
  const { body: quarantines } = await api.ask("GET", `${stack}/quarantines`);
  expect(quarantines.items).toEqual([]);
});

test("nothing to change asks nobody, adds are voted for by a rule in the same attempt, and what it may not judge waits for people", async () => {
  const { stack, write } = await makeStack("automatic", OPS_OR_RULE);
  const adds = await ended(await request(stack));
  expect(adds, worker.output()).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(detailOf(adds, "approval")).toBe("approved by policy:ops@1");
  const same = await ended(await request(stack));
  expect(same, worker.output()).toMatchObject({ status: "succeeded", attempts: 1 });
  expect(detailOf(same, "approval")).toBe("nothing is to be changed");
  write("v2");
  const id = await request(stack);
  await waits(id);
  const [rule] = (await approvalOf(id)).rules as AnswerBody[];
  expect(rule).toMatchObject({ missing: 1, automatic: { votes: false } });
  expect(String((rule?.automatic as AnswerBody | undefined)?.reason)).toMatch(
    /which is more than it votes for/,
  );
  await api.ask("POST", `/v1/deployments/${id}/cancel`);
  expect(await ended(id)).toMatchObject({ status: "cancelled" });
  expect(await approvalOf(id)).toMatchObject({ state: "cancelled" });
});

test("a vote that counts no more when the change is about to begin lets it wait again, and nothing has been touched", async () => {
  const { stack, ledger } = await makeStack("removed", { rules: [OPS] });
  const id = await request(stack);
  await waits(id);
  await api.ask("PUT", `${stack}/pause`, { body: { reason: "test" } });
  await vote(api, id, ann);
  expect(await read(id)).toMatchObject({ status: "queued" });
  await api.ask("DELETE", "/v1/organisations/default/groups/ops/members/ann");
  try {
    await api.ask("DELETE", `${stack}/pause`);
    const again = await eventually("it waits again", RUN_MS, async () => {
      const body = await read(id);
      return body.status === "waiting_approval" && body.attempts === 2 ? body : undefined;
    });
    expect(detailOf(again, "approval")).toBe("waits for 1 vote of ops (rule ops)");
    expect(linesOf(ledger)).toEqual([]);
  } finally {
    await group(api, "ops", ["ann"]);
  }
  // The owner has changed the group, and ann has not: her vote counts once more.
  expect(await approvalOf(id)).toMatchObject({ missing: 0 });
  await vote(api, id, bea);
  expect(await ended(id), worker.output()).toMatchObject({ status: "succeeded", attempts: 3 });
});

test("an emergency passes the votes by and nothing else: it is previewed, sealed, told to all and to be reviewed", async () => {
  const { stack, ledger } = await makeStack("emergency", { rules: [OPS], emergency: ["ops"] });
  const { body } = await api.ask("POST", `${stack}/deployments`, {
    // The session of the file's beginning may be older than an emergency takes.
    headers: await signIn(api, ann.token),
    body: {
      operation: "update",
      emergency: { reason: "The shop is down, nobody else is awake.", incident: "https://status.example/7" },
    },
  });
  const done = await ended(body.id);
  expect(done, worker.output()).toMatchObject({ status: "succeeded", attempts: 1, release: 1 });
  expect(detailOf(done, "approval")).toContain("an emergency of user:ann");
  expect(linesOf(ledger).length).toBeGreaterThan(0);
  const { body: used } = await api.ask("GET", "/v1/emergencies");
  expect(used).toMatchObject({ unreviewed: 1, items: [{ principal: ann.principal, deploymentId: body.id }] });
  const { rows } = await sql<{ body: { nextAction: string } }>`
    select body from notifications where kind = 'approval.emergency'`.execute(api.db);
  expect(rows[0]?.body.nextAction).toContain("user:bea");
});

test("an update of a stack that only takes what was signed off waits without a worker, goes on with the sign-off, and waits again when that is withdrawn", async () => {
  const { stack, ledger } = await makeStack("signed", { rules: [] });
  await api.ask("PUT", `${stack}/readiness/settings`, { body: { required: true, manual: [] } });
  const id = await request(stack);
  expect(detailOf(await waits(id), "approval")).toContain("waits for the sign-off of the source sha256:");
  const { sourceDigest: source } = await read(id);
  const sign = () =>
    api.ask("POST", `${stack}/readiness/sign-offs`, {
      headers: ann.session,
      body: { source, comment: "read the plan" },
    });
  await api.ask("PUT", `${stack}/pause`, { body: { reason: "look" } });
  const { body: signed } = await sign();
  expect(await read(id)).toMatchObject({ status: "queued" });
  const [{ id: given = "" } = {}] = signed.signOffs as { id?: string }[];
  await api.ask("DELETE", `${stack}/readiness/sign-offs/${given}`, { headers: bea.session });
  await api.ask("DELETE", `${stack}/pause`);
  const again = await eventually("it waits again", RUN_MS, async () => {
    const body = await read(id);
    return body.status === "waiting_approval" && body.attempts === 2 ? body : undefined;
  });
  expect(detailOf(again, "approval")).toContain("waits for the sign-off");
  expect(linesOf(ledger)).toEqual([]);
  await sign();
  expect(await ended(id), worker.output()).toMatchObject({ status: "succeeded", attempts: 3, release: 1 });
  expect(await approvalOf(id)).toMatchObject({
    state: "begun",
    signOff: { isMissing: false, signOffs: [{ principal: "user:ann", why: null }] },
  });
});
