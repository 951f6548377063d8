import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { refuseFrozen } from "./refuse.ts";
import { frozenNow, insertFreeze, passesFreezes } from "./store.ts";

let api: TestApi;
let stackId: string;
let projectId: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ stackId, projectId } = await insertStack(api.db, { project: "shop", stack: "test" }));
});
afterAll(() => api.close());

const HOUR_MS = 3_600_000;
const NOBODY = { automaticRollback: false, emergency: false };

/** Freezes from an hour ago until some hours to come; answers what ends it. */
async function frozen(scope: { projectId?: string; stackId?: string; organisation?: string }, hours: number) {
  const now = Date.now();
  const id = await api.db.transaction().execute((trx) =>
    insertFreeze(trx, {
      organisation: "default",
      projectId: null,
      stackId: null,
      ...scope,
      times: {
        cron: null,
        startsAt: new Date(now - HOUR_MS),
        endsAt: new Date(now + hours * HOUR_MS),
        timeZone: "UTC",
      },
      reason: "closing",
      setBy: "owner",
    }),
  );
  return { id, end: () => api.db.deleteFrom("freezes").where("id", "=", id).execute() };
}

test("a stack is frozen by what covers it: its organisation, its project, itself, and nothing else", async () => {
  const other = await insertStack(api.db, { project: "bank", stack: "test" });
  await api.db.insertInto("organisations").values({ name: "elsewhere" }).execute();
  for (const [scope, covers] of [
    [{}, true],
    [{ projectId }, true],
    [{ stackId }, true],
    [{ projectId: other.projectId }, false],
    [{ stackId: other.stackId }, false],
    [{ organisation: "elsewhere" }, false],
  ] as const) {
    const { end, id } = await frozen(scope, 1);
    expect((await frozenNow(api.db, stackId))?.freeze.id, JSON.stringify(scope)).toBe(
      covers ? id : undefined,
    );
    await end();
  }
});

test("of an automatic rollback and of an emergency it is known that they pass, of all else that it does not", async () => {
  const [plain, undoing, urgent] = [
    await insertDeployment(api.db, stackId),
    await insertDeployment(api.db, stackId),
    await insertDeployment(api.db, stackId),
  ];
  await api.db
    .updateTable("deployments")
    .set({ cause: "automatic-rollback", caused_by: plain, operation: "rollback" })
    .where("id", "=", undoing)
    .execute();
  await api.db
    .insertInto("emergencies")
    .values({
      deployment_id: urgent,
      principal: "user:olga",
      reason: "all is down",
      incident: "https://incident/1",
      expires_at: new Date(Date.now() + HOUR_MS),
      review_due_at: new Date(Date.now() + HOUR_MS),
    })
    .execute();
  expect(await passesFreezes(api.db, plain)).toEqual(NOBODY);
  expect(await passesFreezes(api.db, undoing)).toEqual({ automaticRollback: true, emergency: false });
  expect(await passesFreezes(api.db, urgent)).toEqual({ automaticRollback: false, emergency: true });
  expect(await passesFreezes(api.db, randomUUID())).toEqual(NOBODY);

  const { end } = await frozen({ stackId }, 1);
  const refused = (id: string) =>
    passesFreezes(api.db, id).then((passes) =>
      refuseFrozen(api.db, stackId, { operation: "update", ...passes }),
    );
  await expect(refused(plain)).rejects.toMatchObject({ code: "frozen" });
  await expect(refused(undoing)).resolves.toBeUndefined();
  await expect(refused(urgent)).resolves.toBeUndefined();
  await api.db
    .updateTable("emergencies")
    .set({ expires_at: new Date(0) })
    .execute();
  await expect(refused(urgent)).rejects.toMatchObject({ code: "frozen" });
  await end();
  await expect(refused(plain)).resolves.toBeUndefined();
});
