import { createHash } from "node:crypto";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepDriftOnce } from "../automation/src/drift/keep.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { register } from "./helpers/ledger-project.ts";
import type { Shelf } from "./helpers/shelf-project.ts";
import { openShelf, writeShelfProject } from "./helpers/shelf-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

/*
 * The seeded set: twelve differences that nobody should hear of, five that somebody must, and two that cannot be seen (docs/drift.md names them). Real engine, real Postgres; the shelf is
 * the world that is edited behind Pulumi's back. One stack goes through its life from test to test.
 */
const ENDS_WITHIN_MS = 120_000;
const CANARY = "canary-words-that-nobody-may-see";

/** What the program sets; each item is a resource. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "noise-set": { members: ["a", "b", "c"] },
  "noise-json": { policy: '{"Version":"2012","Statement":[{"Action":["x","y"]}]}' },
  "noise-tags": {
    tags: [
      { Key: "a", Value: "1" },
      { Key: "b", Value: "2" },
    ],
  },
  "noise-scaled": { replicas: 2 },
  "real-tag": { tags: { owner: "us", cost: "1" } },
  "real-member": { members: ["a", "b"] },
  "blind-order": { command: ["first", "second"] },
  "blind-code": { code: "as-deployed" },
};
const PLAIN = [
  ...["noise-null", "noise-default", "noise-etag", "noise-modified", "noise-count", "noise-labels"],
  ...["noise-moved", "noise-lost", "real-text", "real-gone", "real-sealed"],
];
const ITEMS = Object.fromEntries([...Object.keys(INPUTS), ...PLAIN].map((name) => [name, `text of ${name}`]));

let api: TestApi;
let worker: TestWorker;
let shelf: Shelf;
let stack: string;
let stateBefore: string;
const REALS = ["real-gone", "real-member", "real-sealed", "real-tag", "real-text"];

beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
  shelf = openShelf(path.join(api.root, "quiet-shelf"));
  const project = { shelf, items: ITEMS, inputs: INPUTS, sealed: ["real-sealed"] };
  const folder = writeShelfProject(path.join(api.root, "quiet"), "quiet", project);
  [stack = ""] = await register(api, "quiet", folder);
  const nightly = { name: "nightly", operation: "detect-drift", cron: "@yearly" };
  expect((await api.ask("POST", `${stack}/schedules`, { body: nightly })).status).toBe(201);
  await ended(await requested(stack, { operation: "update" }));
  // How the provider answers right after the update, whatever anybody does.
  shelf.edit("noise-default", { inputs: { mode: "standard" } });
  shelf.edit("real-sealed", { text: ITEMS["real-sealed"], sealed: true });
  shelf.edit("blind-code", { hidden: ["code"] });
});
afterAll(async () => {
  await worker?.stop();
  await api?.close();
});

async function requested(of: string, body: Record<string, unknown>): Promise<string> {
  const answer = await api.ask("POST", `${of}/deployments`, { body });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

async function ended(id: string): Promise<AnswerBody> {
  const deployment = await endedWithin(api, id, ENDS_WITHIN_MS);
  expect(deployment.status, JSON.stringify(deployment.failure)).toBe("succeeded");
  return deployment;
}

async function check(): Promise<AnswerBody> {
  await ended(await requested(stack, { operation: "detect-drift" }));
  return latest();
}

async function latest(): Promise<AnswerBody> {
  return (await api.ask("GET", `${stack}/drift`)).body.latest as AnswerBody;
}

/** What a server's loop does, and the checks that it asks for. */
async function kept(): Promise<void> {
  const queued = await keepDriftOnce(api.dependencies, new AbortController().signal);
  expect(queued).toBe(1);
  const { body } = await api.ask("GET", `${stack}/deployments?limit=1`);
  await ended(String(body.items[0]?.id));
}

/** The open alerts' resources, by name. */
async function openAlerts(): Promise<string[]> {
  const { body } = await api.ask("GET", `${stack}/drift/alerts?status=open&limit=200`);
  return body.items.map(({ name }) => String(name)).sort();
}

async function alertOf(name: string, status = "open"): Promise<AnswerBody> {
  const { body } = await api.ask("GET", `${stack}/drift/alerts?status=${status}&limit=200`);
  const found = body.items.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${status} alert on ${name}`);
  return found;
}

async function told(kind: string): Promise<string[]> {
  const rows = await api.db.selectFrom("notifications").select("body").where("kind", "=", kind).execute();
  return rows.map(({ body }) => body.what).sort();
}

async function stateBytes(): Promise<string> {
  const rows = await api.db.selectFrom("states").selectAll().orderBy("number").execute();
  const exported = await api.ask("GET", `${stack.replace("/v1/", "/api/")}/export`, {
    headers: { authorization: `token ${api.token}` },
  });
  return createHash("sha256").update(JSON.stringify(rows)).update(exported.text).digest("hex");
}

let day = 0;
/** What moves with every check. */
function noiseMovesOn(): void {
  day += 1;
  shelf.edit("noise-modified", { outputs: { lastModified: `2030-01-0${day}` } });
}

test("a birth check after the update knows how the provider answers, and alerts nobody", async () => {
  await kept();
  expect(await latest()).toMatchObject({ kind: "birth", status: "clean", quiet: 1 });
  expect(await openAlerts()).toEqual([]);
  // Each update has one.
  expect(await keepDriftOnce(api.dependencies, new AbortController().signal)).toBe(0);
  stateBefore = await stateBytes();
});

describe("of twelve that are noise, five that are real and two that are blind", () => {
  test("one check tells of the real ones, and of none that it has not found only once", async () => {
    shelf.edit("noise-set", { inputs: { members: ["c", "a", "b"] } });
    shelf.edit("noise-json", {
      inputs: { policy: '{ "Statement": [ { "Action": [ "y", "x" ] } ],\n "Version": "2012" }' },
    });
    shelf.edit("noise-tags", {
      inputs: {
        tags: [
          { Key: "b", Value: "2" },
          { Key: "a", Value: "1" },
        ],
      },
    });
    shelf.edit("noise-null", { inputs: { aliases: [], notes: "", options: {} } });
    shelf.edit("noise-labels", { outputs: { labels: {} } });
    shelf.edit("noise-etag", { outputs: { etag: "W/2" } });
    shelf.edit("noise-count", { outputs: { requests: 17 } });
    shelf.edit("noise-moved", { outputs: { status: { observed: 2 } } });
    shelf.edit("noise-scaled", { inputs: { replicas: 9 } });
    noiseMovesOn();
    const bringBack = shelf.take("noise-lost");
    const rule = {
      urn: "*::noise-scaled",
      path: "replicas",
      reason: "an autoscaler sets them",
      expiresInDays: 90,
    };
    expect((await api.ask("POST", `${stack}/drift/ignores`, { body: rule })).status).toBe(201);

    shelf.edit("real-text", { text: "somebody else's" });
    shelf.edit("real-tag", { inputs: { tags: { owner: "them", cost: "1" } } });
    shelf.edit("real-member", { inputs: { members: ["b", "a", "z"] } });
    shelf.edit("real-sealed", { text: CANARY });
    shelf.take("real-gone");
    shelf.edit("blind-order", { inputs: { command: ["second", "first"] } });
    shelf.edit("blind-code", { inputs: { code: "as-hacked" } });

    expect(await check()).toMatchObject({ status: "drifted", inputChanged: 4, gone: 0, unconfirmed: 2 });
    expect(await openAlerts()).toEqual(REALS.filter((name) => name !== "real-gone"));
    bringBack();
  });

  test("a second read a minute later tells what is gone from what one answer had left out: five alerts", async () => {
    // Not due yet.
    expect(await keepDriftOnce(api.dependencies, new AbortController().signal)).toBe(0);
    await aMinuteLater();
    await kept();
    expect(await latest()).toMatchObject({ kind: "second-read", status: "drifted", gone: 1 });
    expect(await openAlerts()).toEqual(REALS);
    expect(await told("drift.found")).toHaveLength(5);
  });

  test("the same again tells of nothing: still five, and no message more", async () => {
    noiseMovesOn();
    expect(await check()).toMatchObject({ status: "drifted", inputChanged: 4, gone: 1, unconfirmed: 0 });
    const { body } = await api.ask("GET", `${stack}/drift/alerts?limit=200`);
    expect(body.items).toHaveLength(5);
    expect(await told("drift.found")).toHaveLength(5);
    expect(await told("drift.closed")).toEqual([]);
    expect(await stateBytes()).toBe(stateBefore);
  });

  test("an output that moved in three checks is learned, listed, and can be switched off", async () => {
    const volatile = async () => (await api.ask("GET", `${stack}/drift/volatile`)).body.items;
    expect(await volatile()).toEqual([]);
    noiseMovesOn();
    await check();
    expect(await volatile()).toMatchObject([{ name: "noise-modified", path: "lastModified", moves: 3 }]);
    const [learned] = await volatile();
    const off = { urn: learned?.urn, path: learned?.path, off: true };
    const switched = await api.ask("PUT", `${stack}/drift/volatile`, { body: off });
    expect(switched.body).toMatchObject({ switchedOffBy: "owner" });
  });
});

test("values are shown before and after, and a sealed one nowhere: not in answers, messages, events or rows", async () => {
  const tag = await alertOf("real-tag");
  expect(tag).toMatchObject({
    kind: "input-changed",
    path: "tags.owner",
    value: { side: "input", before: '"us"', after: '"them"' },
  });
  const sealed = await alertOf("real-sealed");
  expect(sealed.value).toMatchObject({ before: '"[secret]"', after: '"[secret]"' });
  const { id } = await latest();
  const raw = await api.ask("GET", `${stack}/drift/checks/${id}/raw`);
  const items = raw.body.items as unknown as { urn: string; values: AnswerBody[] }[];
  const json = items.find(({ urn }) => urn.endsWith("::noise-json"));
  expect(json?.values[0]).toMatchObject({ path: "policy", after: expect.stringContaining("\\n") });

  const { rows } = await sql<{ text: string }>`
    select (select jsonb_agg(to_jsonb(a) - 'sealed') from drift_alerts a)::text || (select jsonb_agg(to_jsonb(c) - 'sealed') from drift_checks c)::text
      || (select jsonb_agg(n) from notifications n)::text || (select jsonb_agg(e) from deployment_events e)::text
      || (select jsonb_agg(l) from audit_entries l)::text as text`.execute(api.db);
  const all = await api.ask("GET", `${stack}/drift/alerts?limit=200`);
  for (const text of [raw.text, all.text, rows[0]?.text ?? "", api.log(), worker.output()])
    expect(text).not.toContain(CANARY);
  // Names and paths are told; values are not.
  expect(rows[0]?.text).not.toContain("somebody else's");
});

test("an adoption is a patch and words, and edits nothing", async () => {
  const { id } = await alertOf("real-tag");
  const { body } = await api.ask("GET", `${stack}/drift/alerts/${id}/adoption`);
  expect(body).toMatchObject({
    name: "real-tag",
    instruction: expect.stringContaining('from "us" to "them"'),
    patch: [{ op: "replace", path: "/tags/owner", value: "them" }],
  });
});

test("a rule closes the alerts that it matches at the next check, and what it ignored is told of again once it is over", async () => {
  const { id } = await alertOf("real-text");
  const body = { urn: "*::real-text", path: "text", reason: "known", expiresInDays: 1 };
  const rule = await api.ask("POST", `${stack}/drift/ignores`, { body });
  await check();
  expect(await openAlerts()).toEqual(REALS.filter((name) => name !== "real-text"));
  expect(await alertOf("real-text", "closed")).toMatchObject({
    id,
    closedBecause: "ignored",
    closedByRule: rule.body.id,
  });
  expect(await told("drift.closed")).toHaveLength(1);
  await sql`update drift_ignores set expires_at = now() where id = ${rule.body.id}`.execute(api.db);
  await check();
  expect(await openAlerts()).toEqual(REALS);
  expect((await alertOf("real-text")).id).not.toBe(id);
  expect(await stateBytes()).toBe(stateBefore);
});

test("remediation is an ordinary deployment of the release that runs: it previews, undoes the drift, and the alerts close", async () => {
  const { id } = await alertOf("real-gone");
  const answer = await api.ask("POST", `${stack}/drift/alerts/${id}/remediation`, { body: {} });
  expect(answer.status, answer.text).toBe(202);
  const done = await ended(answer.body.id);
  expect(done).toMatchObject({ operation: "remediate-drift", targetRelease: 1, release: 2 });
  expect(done.options).toMatchObject({ refresh: true });
  const steps = done.steps as unknown as { name: string; state: string }[];
  expect(steps.find(({ name }) => name === "preview")?.state).toBe("succeeded");
  expect(await alertOf("real-gone")).toMatchObject({
    remediation: { id: answer.body.id, status: "succeeded" },
  });
  await kept();
  expect(await latest()).toMatchObject({ kind: "birth", status: "clean" });
  expect(await openAlerts()).toEqual([]);
  const { body } = await api.ask("GET", `${stack}/releases`);
  expect(body.items[0]).toMatchObject({ number: 2, rollbackOf: null, health: "good" });
  const closed = await api.ask("POST", `${stack}/drift/alerts/${id}/remediation`, { body: {} });
  expect(closed.body).toMatchObject({ code: "conflict" });
});

/** Moves what waits for a second read into the past. */
async function aMinuteLater(): Promise<void> {
  await sql`update drift_missing set first_at = first_at - interval '61 seconds'`.execute(api.db);
  await sql`update drift_follow_ups set due_at = due_at - interval '61 seconds' where deployment_id is null`.execute(
    api.db,
  );
}
