import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { appendLines, endDeployment } from "../../../test/helpers/records.ts";
import { statusTopic } from "./events-store.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

test("who waits for the end of a deployment is told of its status, and not of each of its events", async () => {
  const stack = await api.makeStack("topics");
  const { id } = (await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } })).body;
  const { notifications } = api.dependencies;
  await expect.poll(() => notifications.isAlive).toBe(true);
  const told = { events: 0, status: 0 };
  const unsubscribe = [
    notifications.subscribe(id, () => {
      told.events += 1;
    }),
    notifications.subscribe(statusTopic(id), () => {
      told.status += 1;
    }),
  ];
  // Notifications come in order: after this one, that of the request has come too.
  await appendLines(api.db, id, ["zero"]);
  await expect.poll(() => told.events).toBeGreaterThanOrEqual(told.status + 1);
  Object.assign(told, { events: 0, status: 0 });
  for (const line of ["one", "two", "three"]) await appendLines(api.db, id, [line]);
  await expect.poll(() => told.events).toBe(3);
  expect(told.status).toBe(0);
  await endDeployment(api.db, id, "succeeded");
  await expect.poll(() => told).toEqual({ events: 4, status: 1 });
  for (const end of unsubscribe) end();
});
