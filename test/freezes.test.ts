import path from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDED_MS = 120_000;
const FREEZES = "/v1/organisations/default/freezes";

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = await startWorkerOf(api);
});
afterEach(async () => {
  const { items } = (await api.ask("GET", FREEZES)).body;
  for (const { id } of items) await api.ask("DELETE", `${FREEZES}/${id}`);
});
afterAll(async () => {
  await worker.stop();
  await api.close();
});

const request = (stack: string, operation: string) =>
  api.ask("POST", `${stack}/deployments`, { body: { operation } });
const ended = (id: string): Promise<AnswerBody> => endedWithin(api, id, ENDED_MS);

async function freeze(body: Record<string, unknown>): Promise<AnswerBody> {
  const made = await api.ask("POST", FREEZES, { body: { reason: "the books are being closed", ...body } });
  expect(made.status, made.text).toBe(201);
  return made.body;
}

async function freshStack(name: string): Promise<{ stack: string; ledger: string }> {
  const ledger = path.join(api.root, `${name}.txt`);
  const folder = path.join(api.root, name);
  writeLedgerProject(folder, name, { version: "v1", ledger });
  const [stack = ""] = await register(api, name, folder);
  return { stack, ledger };
}

test("in a window nothing changes a stack, and a preview still says what would; afterwards it does", async () => {
  const { stack, ledger } = await freshStack("frozen");
  const set = await freeze({ until: "2100-01-01T00:00:00Z", project: "frozen" });
  for (const operation of ["update", "refresh", "destroy"]) {
    const refused = await request(stack, operation);
    expect([refused.status, refused.body.code], refused.text).toEqual([409, "frozen"]);
    expect(refused.body.detail).toContain("until 2100-01-01 00:00:00 +00:00");
    expect(refused.body.detail).toContain("the books are being closed");
    expect(refused.body.remedy).toContain(`slipway freezes remove ${set.id}`);
  }
  expect(await ended((await request(stack, "preview")).body.id)).toMatchObject({ status: "succeeded" });
  expect(linesOf(ledger)).toEqual([]);

  await api.ask("DELETE", `${FREEZES}/${set.id}`);
  expect(await ended((await request(stack, "update")).body.id)).toMatchObject({ status: "succeeded" });
  const { items } = (await api.ask("GET", "/v1/audit?action=freeze.set")).body;
  expect(items).toMatchObject([{ principal: "owner", details: { freeze: set.id } }]);
});

test.each(["update", "refresh"])(
  "a window that begins while %s is under way ends it just before it would have changed anything",
  async (operation) => {
    const name = `caught-${operation}`;
    const { stack, ledger } = await freshStack(name);
    if (operation === "refresh") {
      expect(await ended((await request(stack, "update")).body.id)).toMatchObject({ status: "succeeded" });
    }
    const before = linesOf(ledger);
    // Held back until the freeze stands: what was queued before it must meet it in the worker.
    await api.ask("PUT", `${stack}/pause`, { body: { reason: "until it is frozen" } });
    const { body } = await request(stack, operation);
    await freeze({ until: "2100-01-01T00:00:00Z", project: name, stack: "test" });
    await api.ask("DELETE", `${stack}/pause`);
    expect(await ended(body.id), worker.output()).toMatchObject({
      status: "failed",
      failure: { code: "frozen", detail: expect.stringContaining("the books are being closed") },
    });
    expect(linesOf(ledger)).toEqual(before);
  },
);
