import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import {
  makeProject,
  makeStack,
  makeWorker,
  putAttempt,
  putDeployment,
  undone,
} from "../../../test/helpers/queue-bed.ts";
import { claimNext } from "../attempts/claim-store.ts";
import type { Database, OpenDatabase, Transaction } from "../database.ts";
import { openDatabase } from "../database.ts";
import { setPause } from "../dispatch/pauses-store.ts";
import { STUCK_AFTER_SECONDS, stuckRuns } from "./stuck-store.ts";

const LONG_AGO = STUCK_AFTER_SECONDS * 3;

let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});

interface Bed {
  db: Database;
  projectId: string;
  stackId: string;
  worker: string;
}

const inBed = (work: (bed: Bed) => Promise<void>): Promise<void> =>
  undone(open.db, async (db) => {
    const projectId = await makeProject(db);
    const worker = await makeWorker(db, 2);
    await sql`update workers set started_at = now() - interval '1 hour'`.execute(db);
    await work({ db, projectId, stackId: await makeStack(db, projectId), worker });
  });

const kinds = async (db: Database) => (await stuckRuns(db)).map(({ kind }) => kind);

/** A deployment that runs since long. */
async function running({ db, stackId }: Bed): Promise<string> {
  const id = await putDeployment(db, { stackId, number: 1, status: "running", requestedAgo: LONG_AGO });
  await sql`update deployments set started_at = now() - ${LONG_AGO} * interval '1 second' where id = ${id}`.execute(
    db,
  );
  return id;
}

async function attemptOf(bed: Bed, deploymentId: string, leaseSeconds: number): Promise<string> {
  const id = await putAttempt(bed.db, {
    deploymentId,
    stackId: bed.stackId,
    workerId: bed.worker,
    leaseSeconds,
  });
  await sql`update attempts set claimed_at = now() - ${LONG_AGO} * interval '1 second' where id = ${id}`.execute(
    bed.db,
  );
  return id;
}

describe("T25: what has not ended has an owner or a timer", () => {
  test("a running deployment with a live attempt is in order; so is one whose lease ran out this moment: it is taken over", () =>
    inBed(async (bed) => {
      await attemptOf(bed, await running(bed), 15);
      expect(await kinds(bed.db)).toEqual([]);
      await sql`update stack_writers set expires_at = now() - interval '2 seconds'`.execute(bed.db);
      expect(await kinds(bed.db)).toEqual([]);
    }));

  test("an attempt whose lease ran out long ago is stuck", () =>
    inBed(async (bed) => {
      await attemptOf(bed, await running(bed), -LONG_AGO);
      expect(await kinds(bed.db)).toEqual(["attempt-without-lease"]);
    }));

  test("a running deployment without an attempt is stuck, unless its automatic rollback has not ended", () =>
    inBed(async (bed) => {
      const id = await running(bed);
      expect(await kinds(bed.db)).toEqual(["deployment-without-owner"]);
      const back = await putDeployment(bed.db, {
        stackId: bed.stackId,
        number: 2,
        operation: "rollback",
        cause: "automatic-rollback",
        causedBy: id,
      });
      await sql`update deployments set rolled_back_by = ${back} where id = ${id}`.execute(bed.db);
      expect(await kinds(bed.db)).toEqual([]);
    }));

  test("an attempt that outlives its deployment is stuck", () =>
    inBed(async (bed) => {
      const id = await running(bed);
      await attemptOf(bed, id, 15);
      await sql`update deployments set status = 'failed', finished_at = now() where id = ${id}`.execute(
        bed.db,
      );
      expect(await kinds(bed.db)).toEqual(["attempt-of-ended-deployment"]);
    }));

  test("one that could be claimed all the while is stuck; one that is paused, or waits for a full worker, is not", () =>
    inBed(async (bed) => {
      const { db, stackId, worker } = bed;
      await putDeployment(db, { stackId, number: 1, requestedAgo: LONG_AGO });
      expect(await kinds(db)).toEqual(["deployment-unclaimed"]);
      await sql`update workers set concurrency = 1`.execute(db);
      const other = await makeStack(db, bed.projectId);
      const full = { ...bed, stackId: other };
      await attemptOf(full, await running(full), 15);
      expect(await kinds(db)).toEqual([]);
      await sql`update workers set concurrency = 2 where id = ${worker}`.execute(db);
      expect(await kinds(db)).toEqual(["deployment-unclaimed"]);
      await setPause(db as Transaction, { scope: "stack", stackId }, { reason: "r", principal: "owner" });
      expect(await kinds(db)).toEqual([]);
    }));

  test("a run of the Pulumi CLI whose time ran out long ago is stuck", () =>
    inBed(async ({ db, stackId }) => {
      await sql`
        insert into updates (id, stack_id, kind, dry_run, status, number, epoch, principal, started_at, token_hash, token_expires_at)
        values (${randomUUID()}, ${stackId}, 'update', false, 'running', 1, 1, 'owner', now(), ${Buffer.from("x")}, now() - interval '1 hour')`.execute(
        db,
      );
      expect(await kinds(db)).toEqual(["update-without-lease"]);
    }));

  test("nothing that the claim itself makes is ever stuck", () =>
    inBed(async ({ db, projectId, worker }) => {
      await sql`update workers set concurrency = 10 where id = ${worker}`.execute(db);
      for (let index = 0; index < 5; index += 1)
        await putDeployment(db, {
          stackId: await makeStack(db, projectId),
          number: 1,
          requestedAgo: LONG_AGO,
        });
      while ((await claimNext(db, { workerId: worker, attemptId: randomUUID() })) !== null);
      expect(await kinds(db)).toEqual([]);
    }));
});
