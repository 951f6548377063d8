import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { endDeployment, settleOrphanedCauses } from "../deployments/completion.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { insertRelease } from "../releases/store.ts";
import { undo } from "../rollbacks/undo.ts";
import { moveVerification } from "../rollbacks/verification-store.ts";
import { defaultKeySettings } from "../secrets/key-settings.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { openKeyring } from "../secrets/open-keyring.ts";
import { claimNext } from "./claim-store.ts";
import type { Claim } from "./store.ts";
import { holdFence, lockLostAttempt, recordWorker, renewLease, startAttempt } from "./store.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

let database: TestDatabase;
let open: OpenDatabase;
let dataDir: string;
let keyring: Keyring;
const workerId = randomUUID();
const projectId = randomUUID();
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test", poolSize: 20 });
  dataDir = await mkdtemp(path.join(tmpdir(), "slipway-attempts-"));
  keyring = await openKeyring({ db: open.db, settings: defaultKeySettings(dataDir) });
  await recordWorker(open.db, workerId, "test");
  await sql`insert into projects (id, organisation, name, folder) values (${projectId}, 'default', 'p', '/p')`.execute(
    open.db,
  );
  await sql`insert into artifacts (digest, kind, size_bytes) values (${DIGEST}, 'source', 1)`.execute(
    open.db,
  );
});
beforeEach(async () => {
  // What an earlier test left in the queue must not be claimed by this one.
  await sql`update deployments set status = 'cancelled', finished_at = now() where finished_at is null`.execute(
    open.db,
  );
});
afterAll(async () => {
  await open.close();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

async function makeStack(): Promise<string> {
  const id = randomUUID();
  await sql`insert into stacks (id, project_id, name) values (${id}, ${projectId}, ${id})`.execute(open.db);
  return id;
}

async function queue(stackId: string, requestedAgoSeconds = 0): Promise<string> {
  const id = randomUUID();
  await sql`
    with numbered as (update stacks set next_deployment = next_deployment + 1 where id = ${stackId} returning next_deployment - 1 as number)
    insert into deployments (id, stack_id, number, operation, requested_by, source_digest, config_digest, requested_at)
    select ${id}, ${stackId}, number, 'update', 'owner', ${DIGEST}, ${DIGEST}, now() - ${requestedAgoSeconds} * interval '1 second' from numbered
  `.execute(open.db);
  return id;
}

const claim = (): Promise<Claim | null> => claimNext(open.db, { workerId, attemptId: randomUUID() });

async function mustClaim(): Promise<Claim> {
  const claimed = await claim();
  if (claimed === null) throw new Error("nothing could be claimed");
  return claimed;
}

function end(claimed: Claim, status: "succeeded" | "failed" = "succeeded"): Promise<void> {
  return open.db.transaction().execute(async (trx) => {
    await holdFence(trx, claimed);
    await startAttempt(trx, claimed.attemptId);
    await endDeployment(trx, { keyring }, claimed, { status, failure: null, principal: "worker:test" });
  });
}

const expire = (claimed: Claim): Promise<unknown> =>
  sql`update stack_writers set expires_at = now() - interval '1 second' where stack_id = ${claimed.stackId}`.execute(
    open.db,
  );

const statusOf = async (id: string): Promise<string | undefined> =>
  (await open.db.selectFrom("deployments").select("status").where("id", "=", id).executeTakeFirst())?.status;

test("of many claims at once each stack gives at most one, and its oldest", async () => {
  const stacks = await Promise.all(Array.from({ length: 5 }, makeStack));
  const oldest = new Set<string>();
  for (const stack of stacks) {
    oldest.add(await queue(stack, 10));
    await queue(stack, 5);
    await queue(stack);
  }
  const claimed: Claim[] = [];
  for (let round = 0; round < 4; round += 1) {
    const found = await Promise.all(Array.from({ length: 12 }, claim));
    claimed.push(...found.filter((one) => one !== null));
  }
  expect(claimed).toHaveLength(stacks.length);
  expect(new Set(claimed.map((one) => one.stackId)).size).toBe(stacks.length);
  for (const one of claimed) expect(oldest).toContain(one.deploymentId);
  for (const one of claimed) await end(one);
  const next = (await Promise.all(Array.from({ length: 12 }, claim))).filter((one) => one !== null);
  for (const one of next) expect(one.epoch).toBe(2);
});

test("while somebody holds the row of a stack's oldest deployment, a younger one does not overtake it", async () => {
  const stack = await makeStack();
  const oldest = await queue(stack, 10);
  await queue(stack);
  await open.db.transaction().execute(async (trx) => {
    await sql`select 1 from deployments where id = ${oldest} for update`.execute(trx);
    expect(await claim()).toBeNull();
  });
  expect((await mustClaim()).deploymentId).toBe(oldest);
});

test("a lease that ran out cannot be renewed, writes nothing, and its stack is not claimed before it is taken over", async () => {
  const stack = await makeStack();
  const id = await queue(stack);
  await queue(stack);
  const claimed = await mustClaim();
  expect(claimed).toMatchObject({
    deploymentId: id,
    attempt: 1,
    epoch: 1,
    organisation: "default",
    project: "p",
  });
  expect(await renewLease(open.db, claimed, id)).toEqual({ cancelRequested: false });
  await sql`update deployments set cancel_requested_at = now() where id = ${id}`.execute(open.db);
  expect(await renewLease(open.db, claimed, id)).toEqual({ cancelRequested: true });
  await expire(claimed);
  expect(await renewLease(open.db, claimed, id)).toBeNull();
  const target = { deploymentId: id, attempt: 1, fence: claimed };
  const event = {
    at: new Date().toISOString(),
    body: { type: "status", status: "running", detail: null },
  } as const;
  expect(await appendEvents(open.db, target, [event])).toBe(false);
  await expect(end(claimed)).rejects.toMatchObject({ code: "lease_lost" });
  expect(await claim()).toBeNull();
  const lost = await open.db.transaction().execute((trx) => lockLostAttempt(trx));
  expect(lost).toMatchObject({
    attemptId: claimed.attemptId,
    deploymentId: id,
    startedSteps: [],
    cancelRequested: true,
  });
});

test("an epoch that another attempt has passed is refused, although the stack is held", async () => {
  const stack = await makeStack();
  await queue(stack);
  const first = await mustClaim();
  await sql`update stack_writers set epoch = epoch + 1 where stack_id = ${stack}`.execute(open.db);
  expect(await renewLease(open.db, first, first.deploymentId)).toBeNull();
  await expect(end(first)).rejects.toMatchObject({ code: "lease_lost" });
});

test("events that many write at once are numbered without gaps", async () => {
  const id = await queue(await makeStack());
  const at = new Date().toISOString();
  const write = (step: string): Promise<boolean> =>
    appendEvents(open.db, { deploymentId: id, attempt: 0, fence: null }, [
      { at, body: { type: "output", step, stream: "stdout", line: "1" } },
      { at, body: { type: "output", step, stream: "stdout", line: "2" } },
    ]);
  await Promise.all(Array.from({ length: 10 }, (_, index) => write(`s${index}`)));
  const rows = await open.db
    .selectFrom("deployment_events")
    .selectAll()
    .where("deployment_id", "=", id)
    .orderBy("sequence")
    .execute();
  expect(rows.map((row) => row.sequence)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

async function failedWithRollback(): Promise<{ cause: Claim; rollbackId: string; waiting: string }> {
  const stack = await makeStack();
  const good = await queue(stack, 20);
  const first = await mustClaim();
  expect(first.deploymentId).toBe(good);
  await open.db.transaction().execute((trx) =>
    insertRelease(trx, {
      id: randomUUID(),
      stackId: stack,
      deploymentId: good,
      health: "good",
      rollbackOf: null,
      sourceDigest: DIGEST,
      lockfileDigest: null,
      commit: null,
      dirty: false,
      config: {},
      configDigest: DIGEST,
      pulumiVersion: "3",
      plugins: [],
      outputs: {},
      requestedBy: "owner",
      message: null,
      artifacts: [],
    }),
  );
  await end(first);
  await queue(stack, 10);
  const cause = await mustClaim();
  const waiting = await queue(stack);
  const rollbackId = await open.db.transaction().execute(async (trx) => {
    await holdFence(trx, cause);
    const principal = "worker:test";
    for (const to of ["updating", "verifying"] as const)
      await moveVerification(trx, cause, to, { reason: "test", principal });
    const other = `sha256:${"b".repeat(64)}`;
    await undo(
      trx,
      { keyring },
      { ...cause },
      {
        as: "verification_failed",
        failure: { code: "gate_failed", detail: "no.", remedy: null },
        evidence: {},
        content: { sourceDigest: other, configDigest: other },
        release: undefined,
        principal,
      },
    );
    const row = await trx
      .selectFrom("deployments")
      .select("rolled_back_by")
      .where("id", "=", cause.deploymentId)
      .executeTakeFirstOrThrow();
    return row.rolled_back_by ?? "";
  });
  return { cause, rollbackId, waiting };
}

test("an automatic rollback goes before everything that waits, and there is only one for a deployment", async () => {
  const { cause, rollbackId, waiting } = await failedWithRollback();
  expect(await statusOf(cause.deploymentId)).toBe("running");
  const rollback = await mustClaim();
  expect(rollback).toMatchObject({
    deploymentId: rollbackId,
    operation: "rollback",
    targetRelease: 1,
    causedBy: cause.deploymentId,
  });
  expect(await claim(), "the stack is held").toBeNull();
  const again = sql`
    insert into deployments (id, stack_id, number, operation, requested_by, cause, caused_by, config_digest)
    values (${randomUUID()}, ${cause.stackId}, 99, 'rollback', 'slipway', 'automatic-rollback', ${cause.deploymentId}, ${DIGEST})
  `.execute(open.db);
  await expect(again).rejects.toThrow("deployments_one_automatic_rollback");
  await end(rollback);
  expect(await statusOf(cause.deploymentId)).toBe("rolled_back");
  expect((await mustClaim()).deploymentId).toBe(waiting);
});

test("when its automatic rollback is cancelled in the queue, the deployment fails and the stack goes on", async () => {
  const { cause, rollbackId, waiting } = await failedWithRollback();
  await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${rollbackId}`.execute(
    open.db,
  );
  expect(await claim(), "the deployment that it was for still holds the queue").toBeNull();
  await settleOrphanedCauses(open.db);
  expect(await statusOf(cause.deploymentId)).toBe("failed");
  expect((await mustClaim()).deploymentId).toBe(waiting);
});

test("a terminal status is never left", async () => {
  await queue(await makeStack());
  const claimed = await mustClaim();
  await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${claimed.deploymentId}`.execute(
    open.db,
  );
  await expect(end(claimed)).rejects.toMatchObject({ code: "conflict" });
  expect(await statusOf(claimed.deploymentId)).toBe("cancelled");
});
