import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { startDeployment } from "../../../test/helpers/records.ts";
import {
  endUpdateRecord,
  holdStack,
  recordEvents,
  recordState,
  recordUpdate,
  saying,
  stateText,
} from "../../../test/helpers/updates.ts";
import { claimNext } from "../attempts/claim-store.ts";
import { recordWorker } from "../attempts/store.ts";
import type { AuditEntry } from "../contract/audit.ts";
import type { StackOutputs } from "../contract/stacks.ts";
import type {
  HistoryEntry,
  StackResources,
  StackState,
  StackWriter,
  Update,
  UpdateEvent,
} from "../contract/updates.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { currentFacts } from "./current-facts.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function makeStack(name: string): Promise<{ address: string; id: string }> {
  const address = await api.makeStack(name);
  return { address, id: (await api.ask("GET", address)).body.id };
}

async function ask<T>(url: string): Promise<T> {
  const answer = await api.ask("GET", url);
  expect(answer.status, answer.text).toBe(200);
  return answer.body as T;
}

interface Events {
  items: UpdateEvent[];
  complete: boolean;
}
const numbersOf = ({ items }: Events) => items.map(({ sequence }) => sequence);

test("the history holds deployments and bare updates, newest first, and an update of a deployment once", async () => {
  const { address, id } = await makeStack("history");
  const first = await recordUpdate(api.db, id, { number: 1, requestedAt: "2026-01-01T00:00:00Z" });
  const { body: deployment } = await api.ask("POST", `${address}/deployments`, {
    body: { operation: "update" },
  });
  await startDeployment(api.db, deployment.id);
  await recordUpdate(api.db, id, { number: 2, deploymentId: deployment.id });
  const newest = await recordUpdate(api.db, id, { number: 3, requestedAt: "2030-01-01T00:00:00Z" });
  const { items } = await ask<{ items: HistoryEntry[] }>(`${address}/history`);
  expect(items.map((one) => (one.kind === "deployment" ? one.deployment.id : one.update.id))).toEqual([
    newest,
    deployment.id,
    first,
  ]);
  const updates = await ask<{ items: Update[] }>(`${address}/updates`);
  expect(updates.items.map(({ number }) => number)).toEqual([3, 2, 1]);
});

test("a preview is in the history, the preview that begins an update and what was never started are not", async () => {
  const { address, id } = await makeStack("previews");
  const preview = await recordUpdate(api.db, id, { kind: "preview", dryRun: true });
  await recordUpdate(api.db, id, { kind: "update", dryRun: true });
  await recordUpdate(api.db, id, { status: "requested" });
  const { items } = await ask<{ items: HistoryEntry[] }>(`${address}/history`);
  expect(items.map((one) => one.kind === "update" && one.update.id)).toEqual([preview]);
  expect((await ask<{ items: unknown[] }>(`${address}/updates`)).items).toHaveLength(3);
});

test("pages of the history join without a double and without a hole, also where both kinds have one instant", async () => {
  const { address, id } = await makeStack("pages");
  const expected = new Set<string>();
  for (let number = 1; number <= 7; number += 1) {
    expected.add(await recordUpdate(api.db, id, { number, requestedAt: "2026-02-02T02:02:02.123456Z" }));
  }
  const seen: string[] = [];
  let next: string | null = "";
  while (next !== null) {
    const page: { items: HistoryEntry[]; next: string | null } = await ask(
      `${address}/history?limit=3${next === "" ? "" : `&after=${next}`}`,
    );
    seen.push(...page.items.map((one) => (one.kind === "update" ? one.update.id : "")));
    next = page.next;
  }
  expect(seen).toHaveLength(7);
  expect(new Set(seen)).toEqual(expected);
});

test("what the client says of itself stays apart from what the server knows", async () => {
  const { id } = await makeStack("claims");
  const update = await recordUpdate(api.db, id, {
    message: "by hand",
    claimed: { "git.head": "abc", "git.dirty": "true", principal: "somebody else" },
  });
  expect(await ask<Update>(`/v1/updates/${update}`)).toMatchObject({
    principal: "owner",
    message: "by hand",
    claimed: { "git.head": "abc", "git.dirty": "true", principal: "somebody else" },
  });
});

test("an update is found by its number in its stack, and by no other", async () => {
  const { address, id } = await makeStack("numbers");
  const update = await recordUpdate(api.db, id, { number: 12 });
  expect(await ask<Update>(`${address}/updates/12`)).toMatchObject({ id: update, number: 12 });
  expect((await api.ask("GET", `${address}/updates/13`)).status).toBe(404);
});

test("events count from 1, come in order, and leave out what says nothing to people", async () => {
  const { id } = await makeStack("events");
  const update = await recordUpdate(api.db, id);
  await recordEvents(api.db, update, [
    [2, saying("c")],
    [0, saying("a")],
    [1, null],
  ]);
  const page = await ask<Events>(`/v1/updates/${update}/events`);
  expect(numbersOf(page)).toEqual([1, 3]);
  expect(page.complete).toBe(true);
  expect(numbersOf(await ask<Events>(`/v1/updates/${update}/events?after=1`))).toEqual([3]);
});

test("while an update runs, what follows a young hole is held back; an old hole is told as a gap", async () => {
  const { id } = await makeStack("holes");
  const update = await recordUpdate(api.db, id, { status: "running" });
  await recordEvents(api.db, update, [[0, saying("a")]]);
  await recordEvents(api.db, update, [[3, saying("d")]]);
  const events = `/v1/updates/${update}/events`;
  expect(await ask<Events>(events)).toMatchObject({ items: [{ sequence: 1 }], complete: false });
  await recordEvents(api.db, update, [[1, saying("b")]]);
  expect(numbersOf(await ask<Events>(events))).toEqual([1, 2]);
  await endUpdateRecord(api.db, update, "succeeded");
  expect(await ask<Events>(events)).toMatchObject({
    items: [
      { sequence: 1 },
      { sequence: 2 },
      { sequence: 3, body: { type: "gap", from: 3, to: 3 } },
      { sequence: 4 },
    ],
    complete: true,
  });
});

test("a hole that lasted is told while the update still runs", async () => {
  const { id } = await makeStack("old-holes");
  const update = await recordUpdate(api.db, id, { status: "running" });
  await recordEvents(api.db, update, [[5, saying("f")]], 60);
  expect(await ask<Events>(`/v1/updates/${update}/events`)).toMatchObject({
    items: [{ sequence: 5, body: { type: "gap", from: 1, to: 5 } }, { sequence: 6 }],
    complete: false,
  });
});

test("the pages of a long log join, gaps and silent events among them", async () => {
  const { id } = await makeStack("long");
  const update = await recordUpdate(api.db, id);
  await recordEvents(
    api.db,
    update,
    [0, 1, 2, 3, 4, 7, 8, 9].map((sequence) => [sequence, sequence % 2 === 1 ? null : saying("x")] as const),
  );
  const seen: string[] = [];
  for (let after = 0, complete = false; !complete; ) {
    const page = await ask<Events>(`/v1/updates/${update}/events?after=${after}&limit=2`);
    seen.push(...page.items.map(({ sequence, body }) => `${body.type === "gap" ? "gap " : ""}${sequence}`));
    ({ complete } = page);
    after = page.items.at(-1)?.sequence ?? after;
    expect(seen.length).toBeLessThan(10);
  }
  expect(seen).toEqual(["1", "3", "5", "gap 7", "9"]);
});

test("a stream goes on after the Last-Event-ID, live, and says when the update has ended", async () => {
  const { id } = await makeStack("stream");
  const update = await recordUpdate(api.db, id, { status: "running" });
  await recordEvents(api.db, update, [
    [0, saying("first")],
    [1, saying("second")],
  ]);
  const answer = api.ask("GET", `/v1/updates/${update}/events`, {
    headers: { accept: "text/event-stream", "last-event-id": "1" },
  });
  await recordEvents(api.db, update, [[2, saying("third")]]);
  await endUpdateRecord(api.db, update, "succeeded");
  const { text } = await answer;
  expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1])).toEqual(["2", "3"]);
  expect(text).toMatch(/event: end\n/);
  expect(text).not.toContain("first");
});

test("a request can wait for the end of an update", async () => {
  const { id } = await makeStack("wait");
  const update = await recordUpdate(api.db, id, { status: "running" });
  const waiting = ask<Update>(`/v1/updates/${update}?wait=20`);
  await endUpdateRecord(api.db, update, "failed");
  expect((await waiting).status).toBe("failed");
});

test("what is not there answers 404, and a stream of it too", async () => {
  const nothing = "/v1/updates/00000000-0000-4000-8000-000000000000";
  for (const url of [nothing, `${nothing}/events`]) expect((await api.ask("GET", url)).status).toBe(404);
  expect((await api.ask("POST", `${nothing}/cancel`)).status).toBe(404);
  for (const part of ["history", "updates", "states", "updates/1", "writer", "resources", "outputs"])
    expect((await api.ask("GET", `/v1/stacks/default/none/none/${part}`)).status).toBe(404);
});

test("resources are those of the newest state, without any value; outputs too, with secrets hidden", async () => {
  const { address, id } = await makeStack("resources");
  const name = { project: "resources", stack: "test" };
  expect(await ask<StackResources>(`${address}/resources`)).toEqual({
    state: null,
    items: [],
    pendingOperations: [],
  });
  await recordState(api.dependencies, id, stateText(name));
  const urn = "urn:pulumi:test::resources::aws:s3/bucket:Bucket::logs";
  const bucket = {
    urn,
    type: "aws:s3/bucket:Bucket",
    id: "logs-1",
    protect: true,
    inputs: { acl: "hidden-input" },
    outputs: { arn: "hidden-output" },
    provider: "urn:pulumi:test::resources::pulumi:providers:aws::default::p1",
  };
  const queue = { urn: urn.replace("logs", "queue"), type: bucket.type };
  await recordState(
    api.dependencies,
    id,
    stateText(name, [bucket], [{ resource: queue, type: "creating" }]),
    {
      resourceCount: 2,
    },
  );
  const { text } = await api.ask("GET", `${address}/resources`);
  expect(text).not.toContain("hidden");
  expect(JSON.parse(text)).toMatchObject({
    state: 2,
    items: [
      { name: "resources-test", parent: null, id: null },
      { name: "logs", id: "logs-1", protect: true, pendingDeletion: false, provider: bucket.provider },
    ],
    pendingOperations: [{ operation: "creating", name: "queue" }],
  });
  expect(await ask<StackOutputs>(`${address}/outputs`)).toEqual({
    release: null,
    state: 2,
    outputs: { url: "http://localhost:1", password: { secret: true }, list: [{ secret: true }, 1] },
  });
});

test("a state is opened once however often it is asked for, and a key that was away is asked for again", async () => {
  const { id } = await makeStack("kept");
  await recordState(api.dependencies, id, stateText({ project: "kept", stack: "test" }));
  const { keyring } = api.dependencies;
  let opened = 0;
  const counting: Keyring = {
    ...keyring,
    version: (...key) => {
      opened += 1;
      if (opened === 1) throw new Error("the key is away");
      return keyring.version(...key);
    },
  };
  const read = () => currentFacts(api.db, counting, id);
  await expect(read()).rejects.toThrow("the key is away");
  const [first, second] = [await read(), await read()];
  expect(opened).toBe(2);
  expect(second).toEqual(first);
  // Another state is another key of what is kept.
  await recordState(api.dependencies, id, stateText({ project: "kept", stack: "test" }));
  expect((await read())?.number).toBe(2);
  expect(opened).toBe(3);
});

test("states say which update left them, how large they are and whether they are partial", async () => {
  const { address, id } = await makeStack("states");
  const name = { project: "states", stack: "test" };
  const text = stateText(name);
  const update = await recordUpdate(api.db, id, { number: 4, status: "cancelled" });
  await recordState(api.dependencies, id, text);
  await recordState(api.dependencies, id, text, { updateId: update, partial: true });
  const { items } = await ask<{ items: StackState[] }>(`${address}/states`);
  const size = { sizeBytes: Buffer.byteLength(text), resourceCount: 1 };
  expect(items).toMatchObject([
    {
      number: 2,
      partial: true,
      update: { id: update, number: 4, kind: "update", deploymentId: null },
      ...size,
    },
    { number: 1, partial: false, update: null, ...size },
  ]);
  const first = await ask<{ items: StackState[]; next: string }>(`${address}/states?limit=1`);
  expect(first.items).toMatchObject([{ number: 2 }]);
  expect(await ask(`${address}/states?limit=1&after=${first.next}`)).toMatchObject({
    items: [{ number: 1 }],
    next: null,
  });
  expect(await ask<Update>(`/v1/updates/${update}`)).toMatchObject({ state: 2, resourceCount: 1 });
});

test("the writer of a stack is told with its end, and one whose time is over as expired", async () => {
  const { address, id } = await makeStack("writer");
  const writer = async () => (await ask<{ writer: StackWriter | null }>(`${address}/writer`)).writer;
  expect(await writer()).toBeNull();
  const update = await recordUpdate(api.db, id, { status: "running", number: 9 });
  await holdStack(api.db, id, update, 300);
  expect(await writer()).toMatchObject({
    holder: { kind: "update", updateId: update, number: 9 },
    principal: "owner",
    expired: false,
    lastEntryAt: null,
    release: expect.stringContaining("cancel") as string,
  });
  await holdStack(api.db, id, update, -1);
  expect(await writer()).toMatchObject({ expired: true });
});

test("an attempt that holds the stack is told with its deployment, its worker's host and what cancels it", async () => {
  const { address, id } = await makeStack("attempt");
  const { body: deployment } = await api.ask("POST", `${address}/deployments`, {
    body: { operation: "update" },
  });
  const workerId = randomUUID();
  await recordWorker(api.db, workerId, "build-7");
  const claim = await claimNext(api.db, { workerId, attemptId: randomUUID() });
  expect(claim?.stackId).toBe(id);
  const { writer } = await ask<{ writer: StackWriter | null }>(`${address}/writer`);
  expect(writer).toMatchObject({
    holder: { kind: "attempt", deploymentId: deployment.id, number: 1 },
    principal: "owner",
    host: "build-7",
    expired: false,
    release: `slipway cancel ${deployment.id}`,
  });
});

test("a cancel ends a bare update, frees its stack, and is in the audit log under who asked", async () => {
  const { address, id } = await makeStack("cancel");
  const update = await recordUpdate(api.db, id, { status: "running" });
  await holdStack(api.db, id, update, 300);
  const { status, body } = await api.ask("POST", `/v1/updates/${update}/cancel`);
  expect([status, body.status, body.cancelling]).toEqual([202, "cancelled", false]);
  expect(await ask(`${address}/writer`)).toEqual({ writer: null });
  const { items } = await ask<{ items: AuditEntry[] }>(
    `/v1/audit?project=cancel&stack=test&action=update.cancelled`,
  );
  expect(items).toMatchObject([{ principal: "owner", details: { update } }]);
});

test("an update of a deployment is cancelled by cancelling the deployment, and an ended one not at all", async () => {
  const { address, id } = await makeStack("refused");
  const { body: deployment } = await api.ask("POST", `${address}/deployments`, {
    body: { operation: "update" },
  });
  const owned = await recordUpdate(api.db, id, { status: "running", number: 1, deploymentId: deployment.id });
  const refused = await api.ask("POST", `/v1/updates/${owned}/cancel`);
  expect([refused.status, refused.body.code]).toEqual([409, "conflict"]);
  expect(refused.body.remedy).toContain(deployment.id);
  const ended = await recordUpdate(api.db, id, { number: 2 });
  expect((await api.ask("POST", `/v1/updates/${ended}/cancel`)).status).toBe(409);
});

test("a stack names its newest bare update, which is no preview and none of a deployment", async () => {
  const { address, id } = await makeStack("last");
  const last = async () => (await ask<{ lastUpdate: unknown }>(address)).lastUpdate;
  expect(await last()).toBeNull();
  const first = await recordUpdate(api.db, id, { number: 1 });
  await recordUpdate(api.db, id, { kind: "preview", dryRun: true });
  expect(await last()).toMatchObject({ id: first, number: 1, kind: "update", status: "succeeded" });
});
