import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { stackClient } from "../../../test/helpers/state-client.ts";
import { openDiskGuard } from "./guard.ts";
import { tellOfDisk } from "./tell.ts";

let api: TestApi;
let freeBytes = 10_000;
let nowMs = 0;
const disk = openDiskGuard({
  folders: ["/data"],
  minimum: { bytes: 1_000 },
  now: () => nowMs,
  spaceOf: () => Promise.resolve({ freeBytes, totalBytes: 100_000 }),
});
beforeAll(async () => {
  api = await startTestApi({ disk });
});
afterAll(() => api.close());

function free(bytes: number): void {
  freeBytes = bytes;
  // Past what was seen before.
  nowMs += 10_000;
}

test("without space new deployments and imports are refused with a remedy, what is there can be read, and it resumes by itself", async () => {
  const stack = await api.makeStack("shop");
  const bare = await stackClient(api, "bare");
  free(10_000);
  const running = await bare.begin({ kind: "update" });
  free(999);
  const refused = await api.ask("POST", `${stack}/deployments`, { body: { operation: "preview" } });
  expect(refused).toMatchObject({ status: 507, body: { code: "disk_low" } });
  expect(refused.body.remedy).toContain("slipway retention run");
  expect((await bare.ask("POST", "/update", { body: {} })).text).toContain("What runs goes on.");
  expect((await bare.ask("POST", "/update", { body: {} })).status).toBe(400);

  expect((await api.ask("GET", stack)).status).toBe(200);
  expect((await api.ask("GET", "/v1/disk")).body).toMatchObject({
    low: true,
    freeBytes: 999,
    databaseFull: false,
  });
  expect((await running.renew()).status).toBe(200);
  expect((await running.complete()).status).toBe(204);

  free(1_099);
  expect((await api.ask("POST", `${stack}/deployments`, { body: { operation: "preview" } })).status).toBe(
    507,
  );
  free(1_100);
  expect((await api.ask("POST", `${stack}/deployments`, { body: { operation: "preview" } })).status).toBe(
    202,
  );
});

test("a full disk of the database is noticed by its error, and the next request after a while tries again", async () => {
  free(10_000);
  disk.noteError(
    new Error("insert failed", { cause: Object.assign(new Error("no space left"), { code: "53100" }) }),
  );
  expect((await api.ask("GET", "/v1/disk")).body).toMatchObject({ low: true, databaseFull: true });
  const stack = "/v1/stacks/default/shop/test";
  expect((await api.ask("POST", `${stack}/deployments`, { body: { operation: "preview" } })).status).toBe(
    507,
  );
  nowMs += 31_000;
  expect((await api.ask("POST", `${stack}/deployments`, { body: { operation: "preview" } })).status).toBe(
    202,
  );
});

test("people are told once an hour", async () => {
  free(1);
  const status = await disk.status();
  await tellOfDisk(api.db, api.dependencies.logger, status);
  await tellOfDisk(api.db, api.dependencies.logger, status);
  const rows = await api.db
    .selectFrom("notifications")
    .select("kind")
    .where("kind", "=", "disk.low")
    .execute();
  expect(rows).toHaveLength(1);
});
