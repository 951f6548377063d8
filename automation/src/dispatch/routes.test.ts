import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bearer, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { makeWorker } from "../../../test/helpers/queue-bed.ts";
import { queueDeployment, stackClient, testClaimer } from "../../../test/helpers/state-client.ts";
import { recordStop } from "./workers-store.ts";

let api: TestApi;
let count = 0;
let claim: Awaited<ReturnType<typeof testClaimer>>;
beforeAll(async () => {
  api = await startTestApi();
  claim = await testClaimer(api);
});
afterEach(async () => {
  await api.ask("DELETE", "/v1/pause");
  await api.ask("DELETE", "/v1/limit");
  await api.db.deleteFrom("pauses").execute();
  // What a test left waiting is not for the next one to claim.
  await api.db
    .updateTable("deployments")
    .set({ status: "cancelled", finished_at: new Date() })
    .where("status", "=", "queued")
    .execute();
});
afterAll(() => api.close());

async function freshStack() {
  count += 1;
  const project = `q${count}`;
  const stack = await stackClient(api, project);
  return { ...stack, project, path: `/v1/stacks/default/${project}/dev` };
}

const waitingOf = async (id: string) =>
  (await api.ask("GET", `/v1/deployments/${id}`)).body.waiting as { reason: string; detail: string } | null;
const audited = async (action: string) =>
  (await api.ask("GET", `/v1/audit?action=${action}`)).body.items as AnswerBody[];

describe("a pause", () => {
  test.each([
    ["a stack", (s: { path: string }) => `${s.path}/pause`, "stack"],
    ["a project", (s: { project: string }) => `/v1/projects/default/${s.project}/pause`, "project"],
    ["everything", () => "/v1/pause", "everything"],
  ] as const)(
    "of %s lets nothing new start until it is resumed, says who and why, and is audited",
    async (_, pathOf, scope) => {
      const stack = await freshStack();
      const deployment = await queueDeployment(api, stack.stackId);
      const path = pathOf(stack);
      const paused = await api.ask("PUT", path, { body: { reason: "the network is being moved" } });
      expect([paused.status, paused.body.scope, paused.body.pausedBy], paused.text).toEqual([
        200,
        scope,
        "owner",
      ]);

      expect(await claim()).toBeNull();
      const waiting = await waitingOf(deployment);
      expect(waiting?.reason).toBe("paused");
      expect(waiting?.detail).toMatch(/is paused by owner since .*: the network is being moved$/);
      expect((await api.ask("GET", "/v1/pauses")).body.items).toMatchObject([
        { scope, reason: "the network is being moved", mayResume: true },
      ]);

      expect((await api.ask("DELETE", path)).status).toBe(204);
      expect(await waitingOf(deployment)).toMatchObject({ reason: "next" });
      expect((await claim())?.deploymentId).toBe(deployment);
      for (const action of [`${scope}.paused`, `${scope}.resumed`])
        expect((await audited(action)).length, action).toBeGreaterThan(0);
    },
  );

  test("that is set again has the new reason, and one that is resumed twice is resumed", async () => {
    await api.ask("PUT", "/v1/pause", { body: { reason: "one" } });
    await api.ask("PUT", "/v1/pause", { body: { reason: "two" } });
    expect((await api.ask("GET", "/v1/pauses")).body.items).toMatchObject([{ reason: "two" }]);
    expect((await api.ask("DELETE", "/v1/pause")).status).toBe(204);
    const before = (await audited("everything.resumed")).length;
    expect((await api.ask("DELETE", "/v1/pause")).status).toBe(204);
    expect((await audited("everything.resumed")).length).toBe(before);
  });

  test("lets what waits be cancelled", async () => {
    const stack = await freshStack();
    const deployment = await queueDeployment(api, stack.stackId);
    await api.ask("PUT", `${stack.path}/pause`, { body: { reason: "r" } });
    const answer = await api.ask("POST", `/v1/deployments/${deployment}/cancel`);
    expect([answer.status, answer.body.status], answer.text).toEqual([202, "cancelled"]);
  });

  test("lets the update of a Pulumi CLI that runs go on, refuses the next one by name, and lets it preview", async () => {
    const stack = await freshStack();
    const running = await stack.begin();
    await api.ask("PUT", `${stack.path}/pause`, { body: { reason: "database maintenance" } });
    expect((await running.renew()).status).toBe(200);
    expect((await running.complete()).status).toBe(204);

    const refused = await stack.start(await stack.create());
    expect(refused.status).toBe(409);
    expect(refused.text).toContain("paused by owner");
    expect(refused.text).toContain("database maintenance");
    const preview = await stack.begin({ kind: "preview", dryRun: true });
    expect((await preview.complete()).status).toBe(204);

    await api.ask("DELETE", `${stack.path}/pause`);
    expect((await (await stack.begin()).complete()).status).toBe(204);
  });

  test("asks for a reason", async () => {
    expect((await api.ask("PUT", "/v1/pause", { body: { reason: "  " } })).status).toBe(422);
  });

  test("of everything is seen by everybody, that of a stack by its organisation alone; who may not resume is told so", async () => {
    const stack = await freshStack();
    await api.ask("PUT", "/v1/pause", { body: { reason: "all" } });
    await api.ask("PUT", `${stack.path}/pause`, { body: { reason: "one" } });
    const [viewer, stranger] = [
      await tokenOf(api, "reads-only", { default: "viewer" }),
      await tokenOf(api, "elsewhere", { other: "admin" }),
    ];
    const seenBy = async (token: string) =>
      ((await api.ask("GET", "/v1/pauses", { headers: bearer(token) })).body.items as AnswerBody[]).map(
        ({ scope, mayResume }) => [scope, mayResume],
      );
    expect(await seenBy(viewer)).toEqual([
      ["everything", false],
      ["stack", false],
    ]);
    expect(await seenBy(stranger)).toEqual([["everything", false]]);
  });
});

describe("a limit", () => {
  test("of the installation or of a project holds, is shown to whoever waits, and is audited", async () => {
    const [one, other] = [await freshStack(), await freshStack()];
    await api.ask("PUT", "/v1/limit", { body: { most: 1 } });
    // What earlier tests claimed and never ended counts too.
    const running = (await api.ask("GET", "/v1/queue")).body.running as AnswerBody[];
    await api.ask("PUT", "/v1/limit", { body: { most: running.length + 1 } });
    await queueDeployment(api, one.stackId);
    const waits = await queueDeployment(api, other.stackId);
    expect(await claim()).not.toBeNull();
    expect(await claim()).toBeNull();
    expect(await waitingOf(waits)).toMatchObject({
      reason: "limit",
      detail: `As many deployments run as may at once (${running.length + 1}).`,
    });
    await api.ask("PUT", `/v1/projects/default/${other.project}/limit`, { body: { most: 3 } });
    expect((await api.ask("GET", "/v1/limits")).body.items).toMatchObject([
      { project: null, most: running.length + 1 },
      { project: other.project, most: 3 },
    ]);
    await api.ask("DELETE", "/v1/limit");
    expect((await claim())?.deploymentId).toBe(waits);
    expect((await audited("limit.set")).length).toBeGreaterThan(1);
    expect((await audited("limit.removed")).length).toBeGreaterThan(0);
  });
});

describe("the queue", () => {
  test("lists what waits in the order of claims, a requested rollback before updates of its stack", async () => {
    const stack = await freshStack();
    const first = await queueDeployment(api, stack.stackId);
    const second = await queueDeployment(api, stack.stackId);
    await api.db.updateTable("deployments").set({ operation: "rollback" }).where("id", "=", second).execute();
    const { waiting } = (await api.ask("GET", "/v1/queue")).body as unknown as { waiting: AnswerBody[] };
    expect(waiting.map(({ id, queuePosition }) => [id, queuePosition])).toEqual([
      [second, 0],
      [first, 1],
    ]);
  });

  test("shows no more than asked for, and that there is more", async () => {
    const stack = await freshStack();
    for (let index = 0; index < 3; index += 1) await queueDeployment(api, stack.stackId);
    const { body } = await api.ask("GET", "/v1/queue?limit=2");
    expect([(body.waiting as unknown[]).length, body.more]).toEqual([2, true]);
  });
});

test("workers are listed with what they take, run and are about; one that ended in good order is not", async () => {
  const [running, draining, lost, ended] = [
    await makeWorker(api.db, 3),
    await makeWorker(api.db, 2),
    await makeWorker(api.db),
    await makeWorker(api.db),
  ];
  const now = Date.now();
  const set = (id: string, values: { draining_since?: Date; seen_at?: Date }) =>
    api.db.updateTable("workers").set(values).where("id", "=", id).execute();
  await set(draining, { draining_since: new Date(now) });
  await set(lost, { seen_at: new Date(now - 60_000) });
  await recordStop(api.db, ended);
  const { items } = (await api.ask("GET", "/v1/workers")).body;
  const stateOf = (id: string) => {
    const worker = items.find((one) => one.id === id);
    return worker === undefined ? null : [worker.state, worker.concurrency, worker.running];
  };
  expect([running, draining, lost, ended].map(stateOf)).toEqual([
    ["running", 3, 0],
    ["draining", 2, 0],
    ["lost", null, 0],
    null,
  ]);
});
