import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { insertDeployment } from "../../../../test/helpers/access.ts";
import type { TestApi } from "../../../../test/helpers/api.ts";
import { startTestApi } from "../../../../test/helpers/api.ts";
import { digestOfTables } from "../../../../test/helpers/service-api.ts";
import type { RunningUpdate, StateClient } from "../../../../test/helpers/state-client.ts";
import { created, stackClient } from "../../../../test/helpers/state-client.ts";

const STATE = '{"version":3,"deployment":{}}';

let api: TestApi;
let client: StateClient;
let count = 0;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});
beforeEach(async () => {
  client = await stackClient(api, `shop-${count++}`);
});

async function remove(query = ""): Promise<{ status: number; message: string }> {
  const response = await api.app.inject({
    method: "DELETE",
    url: `/api/stacks/${client.subject}${query}`,
    headers: { host: "127.0.0.1", authorization: `token ${api.token}` },
  });
  const answer = response.payload === "" ? {} : (JSON.parse(response.payload) as { message?: string });
  return { status: response.statusCode, message: answer.message ?? "" };
}

test("while an update runs a stack is neither renamed, imported into nor removed, and the answer names the holder", async () => {
  const update = await client.begin();
  const before = await digestOfTables(api.db);
  const refusals = [
    await client.ask("POST", "/rename", { body: { newName: "late" } }),
    await client.ask("POST", "/import", { body: STATE }),
    { ...(await remove()), json: {} },
    { ...(await remove("?force=true")), json: {} },
  ];
  for (const refused of refusals) {
    expect(refused.status).toBe(409);
    const message = "message" in refused ? refused.message : String(refused.json.message);
    expect(message).toMatch(/is held by update 1 \(pulumi up\) of owner.*pulumi cancel/s);
  }
  expect(await digestOfTables(api.db)).toEqual(before);
  expect((await update.complete()).status).toBe(204);
  expect((await client.ask("POST", "/import", { body: STATE })).status).toBe(200);
  expect((await client.ask("POST", "/rename", { body: { newName: "late" } })).status).toBe(204);
});

test("a preview holds nothing: the stack is imported into and renamed beside it", async () => {
  const preview = await client.begin({ dryRun: true });
  expect((await client.ask("POST", "/import", { body: STATE })).status).toBe(200);
  expect((await client.ask("POST", "/rename", { body: { newName: "late" } })).status).toBe(204);
  expect(preview.token).not.toBe("");
});

test("a stack with a deployment that has not ended is neither renamed, imported into nor removed", async () => {
  await insertDeployment(api.db, client.stackId);
  expect((await client.ask("POST", "/rename", { body: { newName: "late" } })).status).toBe(409);
  expect((await client.ask("POST", "/import", { body: STATE })).status).toBe(409);
  expect((await remove("?force=true")).status).toBe(409);
});

test("an import fences whoever held the stack before: its epoch is older", async () => {
  const epoch = async () => {
    const row = await api.db
      .selectFrom("stack_writers")
      .select("epoch")
      .where("stack_id", "=", client.stackId)
      .executeTakeFirstOrThrow();
    return row.epoch;
  };
  const update: RunningUpdate = await client.begin();
  await update.complete();
  const before = await epoch();
  await client.ask("POST", "/import", { body: STATE });
  expect(await epoch()).toBe(before + 1);
});

test("an update's token opens that update on that stack's path alone, and only while it runs", async () => {
  const update = await client.begin();
  const other = await stackClient(api, `other-${count++}`);
  const theirs = await other.begin();
  const before = await digestOfTables(api.db);
  const authorization = `update-token ${update.token}`;
  const body = { entries: created("shop", 1, "mine") };
  const foreign = await other.ask("PATCH", `/update/${theirs.id}/journalentries`, { authorization, body });
  expect([401, 403, 404]).toContain(foreign.status);
  const crossed = await other.ask("PATCH", `/update/${update.id}/journalentries`, { authorization, body });
  expect([401, 403, 404]).toContain(crossed.status);
  const preview = await client.ask("GET", "/export", { authorization });
  expect(preview.status).toBe(401);
  const access = await client.ask("PATCH", `/update/${update.id}/journalentries`, {
    authorization: `token ${api.token}`,
    body,
  });
  expect(access.status).toBe(401);
  expect(await digestOfTables(api.db)).toEqual(before);
  await update.complete();
  const late = await client.ask("PATCH", `/update/${update.id}/journalentries`, { authorization, body });
  expect([401, 403, 409]).toContain(late.status);
});

test("two stacks that are renamed to one name at once: one gets it, the other is told", async () => {
  const name = `shop-${count}`;
  const first = await stackClient(api, name, "one");
  const second = await stackClient(api, `${name}`, "two");
  const answers = await Promise.all(
    [first, second].map((one) => one.ask("POST", "/rename", { body: { newName: "same" } })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
  count += 1;
});

test("two commands that make one stack at once: one makes it, the other is told that it exists", async () => {
  const make = () =>
    api.app.inject({
      method: "POST",
      url: `/api/stacks/default/race-${count}`,
      headers: { host: "127.0.0.1", authorization: `token ${api.token}`, "content-type": "application/json" },
      payload: '{"stackName":"dev"}',
    });
  const answers = await Promise.all([make(), make(), make(), make()]);
  expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409, 409, 409]);
  count += 1;
});
