import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bearer, claimStack, insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { makeAttemptToken } from "../access/attempt-tokens.ts";
import { withTransaction } from "../database.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { claimNext } from "./claim-store.ts";
import { lookedAt } from "./look-store.ts";
import type { Claim } from "./store.ts";
import { endAttempt, holdFence, lockLostAttempt, renewLease } from "./store.ts";

let api: TestApi;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** A claimed drift check of a stack of its own. */
async function look(): Promise<Claim> {
  count += 1;
  const { stackId } = await insertStack(api.db, { project: `look${count}`, stack: "test" });
  return claimStack(api.db, stackId, "detect-drift");
}

const expire = (claim: Claim) =>
  sql`update attempt_looks set expires_at = now() - interval '1 second' where attempt_id = ${claim.attemptId}`.execute(
    api.db,
  );

const end = (claim: Claim) =>
  withTransaction(api.db, async (trx) => {
    await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${claim.deploymentId}`.execute(
      trx,
    );
    await endAttempt(trx, claim, "cancelled");
  });

async function whoami(claim: Claim, mayChange: boolean): Promise<number> {
  const token = await withTransaction(api.db, (trx) =>
    makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange }),
  );
  return (await api.ask("GET", "/v1/whoami", { headers: bearer(token) })).status;
}

test("a check holds no right to write: an update of its stack is claimed beside it, and is seen by it", async () => {
  const claim = await look();
  expect(claim.epoch).toBe(0);
  const { rows } =
    await sql`select 1 from stack_writers where stack_id = ${claim.stackId} and holder is not null`.execute(
      api.db,
    );
  expect(rows).toEqual([]);
  expect(await withTransaction(api.db, (trx) => lookedAt(trx, claim))).toEqual({
    stateNumber: 0,
    moved: false,
  });

  const updateId = await insertDeployment(api.db, claim.stackId);
  const writer = await claimNext(api.db, {
    workerId: (await workerOf(claim)) ?? "",
    attemptId: randomUUID(),
  });
  expect(writer?.deploymentId).toBe(updateId);
  expect(await withTransaction(api.db, (trx) => lookedAt(trx, claim))).toMatchObject({ moved: true });
  await end(claim);

  // A second check waits as long as the update holds the stack.
  await insertDeployment(api.db, claim.stackId, "detect-drift");
  expect(
    await claimNext(api.db, { workerId: (await workerOf(claim)) ?? "", attemptId: randomUUID() }),
  ).toBeNull();
  if (writer !== null) await end(writer);
  const next = await claimNext(api.db, { workerId: (await workerOf(claim)) ?? "", attemptId: randomUUID() });
  expect(next).toMatchObject({ operation: "detect-drift", epoch: 0 });
  if (next !== null) await end(next);
});

async function workerOf({ attemptId }: Claim): Promise<string | undefined> {
  const row = await api.db
    .selectFrom("attempts")
    .select("worker_id")
    .where("id", "=", attemptId)
    .executeTakeFirst();
  return row?.worker_id;
}

test("a check that has lost its lease writes nothing more, its token is good for nothing, and it is taken over", async () => {
  const claim = await look();
  expect(await renewLease(api.db, claim, claim.deploymentId)).toEqual({ cancelRequested: false });
  expect(await whoami(claim, false)).toBe(200);
  const target = { deploymentId: claim.deploymentId, attempt: 1, fence: claim };
  const event = {
    at: new Date().toISOString(),
    body: { type: "engine", step: "x", state: "started" } as const,
  };
  expect(await appendEvents(api.db, target, [event])).toBe(true);

  await expire(claim);
  expect(await renewLease(api.db, claim, claim.deploymentId)).toBeNull();
  expect(await appendEvents(api.db, target, [event])).toBe(false);
  expect(await whoami(claim, false)).toBe(401);
  await expect(withTransaction(api.db, (trx) => holdFence(trx, claim))).rejects.toMatchObject({
    code: "lease_lost",
  });
  const lost = await withTransaction(api.db, (trx) => lockLostAttempt(trx));
  expect(lost).toMatchObject({ attemptId: claim.attemptId, operation: "detect-drift", epoch: 0 });
  await end(claim);
  expect(await api.db.selectFrom("attempt_looks").selectAll().execute()).toEqual([]);
});

test("a token of a check that says it may change something is refused", async () => {
  const claim = await look();
  expect(await whoami(claim, true)).toBe(401);
  expect(await whoami(claim, false)).toBe(200);
  await end(claim);
});

test("of checks of one stack one runs at a time", async () => {
  const claim = await look();
  await insertDeployment(api.db, claim.stackId, "detect-drift");
  expect(
    await claimNext(api.db, { workerId: (await workerOf(claim)) ?? "", attemptId: randomUUID() }),
  ).toBeNull();
  await end(claim);
});
