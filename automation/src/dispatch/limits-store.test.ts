import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { makeProject, makeStack, makeWorker, putDeployment } from "../../../test/helpers/queue-bed.ts";
import { claimNext, lockClaims } from "../attempts/claim-store.ts";
import type { Database, OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { setLimit } from "./limits-store.ts";
import { setPause } from "./pauses-store.ts";

const CLAIMERS = 100;
const POOLS = 4;
const TIMEOUT_MS = 120_000;

let database: TestDatabase;
/** Several, as several workers have: the claims come on a hundred connections. */
let pools: OpenDatabase[];
let db: Database;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  pools = Array.from({ length: POOLS }, () =>
    openDatabase(database.url, { applicationName: "slipway-test", poolSize: 20 }),
  );
  const [first] = pools;
  if (first === undefined) throw new Error("no pool");
  db = first.db;
});
afterEach(async () => {
  await sql`delete from run_limits`.execute(db);
  await sql`delete from pauses`.execute(db);
  await sql`update attempts set status = 'lost', finished_at = now() where finished_at is null`.execute(db);
  await sql`update deployments set status = 'cancelled', finished_at = now() where finished_at is null`.execute(
    db,
  );
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.close()));
  await database.drop();
});

/** A project with so many stacks, one deployment waiting on each. */
async function queueOf(stacks: number): Promise<string> {
  const projectId = await makeProject(db);
  for (let index = 0; index < stacks; index += 1) {
    await putDeployment(db, { stackId: await makeStack(db, projectId), number: 1 });
  }
  return projectId;
}

async function claimAtOnce(workers: readonly string[]): Promise<number> {
  const claims = await Promise.all(
    Array.from({ length: CLAIMERS }, (_, index) =>
      claimNext(pools[index % POOLS]?.db ?? db, {
        workerId: workers[index % workers.length] ?? "",
        attemptId: randomUUID(),
      }),
    ),
  );
  return claims.filter((claim) => claim !== null).length;
}

async function liveOf(where: { projectId?: string; workerId?: string }): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from attempts a join deployments d on d.id = a.deployment_id join stacks s on s.id = d.stack_id
    where a.status = 'claimed' and (${where.projectId ?? null}::uuid is null or s.project_id = ${where.projectId ?? null}::uuid)
      and (${where.workerId ?? null}::uuid is null or a.worker_id = ${where.workerId ?? null}::uuid)`.execute(
    db,
  );
  return rows[0]?.count ?? 0;
}

test(
  "of a hundred claims at once the limits of the installation and of a project let exactly as many through",
  async () => {
    const limited = await queueOf(20);
    await queueOf(20);
    await db.transaction().execute(async (trx) => {
      await lockClaims(trx);
      await setLimit(trx, null, { most: 13, principal: "owner" });
      await setLimit(trx, limited, { most: 4, principal: "owner" });
    });
    const workers = [];
    for (let index = 0; index < 10; index += 1) workers.push(await makeWorker(db));
    expect(await claimAtOnce(workers)).toBe(13);
    expect(await liveOf({ projectId: limited })).toBe(4);
    // Nothing more, however often somebody asks.
    expect(await claimAtOnce(workers)).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "a worker never has more than it said, however many of its claims come at once",
  async () => {
    await queueOf(20);
    const [small, large] = [await makeWorker(db, 2), await makeWorker(db, 5)];
    expect(await claimAtOnce([small, large])).toBe(7);
    expect([await liveOf({ workerId: small }), await liveOf({ workerId: large })]).toEqual([2, 5]);
  },
  TIMEOUT_MS,
);

test(
  "what a claim saw before a pause is not claimed after it: once the pause is there, the number of claims stands",
  async () => {
    const projectId = await queueOf(30);
    const worker = await makeWorker(db);
    let isPaused = false;
    let afterwards = 0;
    const claiming = Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const wasPaused = isPaused;
        const claim = await claimNext(pools[index % POOLS]?.db ?? db, {
          workerId: worker,
          attemptId: randomUUID(),
        });
        if (wasPaused && claim !== null) afterwards += 1;
      }),
    );
    await db.transaction().execute(async (trx) => {
      await lockClaims(trx);
      await setPause(trx, { scope: "project", projectId }, { reason: "r", principal: "owner" });
    });
    isPaused = true;
    const then = await liveOf({ projectId });
    await claiming;
    expect(await claimNext(db, { workerId: worker, attemptId: randomUUID() })).toBeNull();
    expect({ afterwards, now: await liveOf({ projectId }) }).toEqual({ afterwards: 0, now: then });
  },
  TIMEOUT_MS,
);

test("a limit that is lowered below what runs lets nothing new in until enough has ended", async () => {
  await queueOf(6);
  const worker = await makeWorker(db);
  const claims = [];
  for (let index = 0; index < 3; index += 1)
    claims.push(await claimNext(db, { workerId: worker, attemptId: randomUUID() }));
  await db.transaction().execute((trx) => setLimit(trx, null, { most: 2, principal: "owner" }));
  const end = (id: string) =>
    sql`update attempts set status = 'lost', finished_at = now() where id = ${id}`.execute(db);
  await end(claims[0]?.attemptId ?? "");
  expect(await claimNext(db, { workerId: worker, attemptId: randomUUID() })).toBeNull();
  await end(claims[1]?.attemptId ?? "");
  expect(await claimNext(db, { workerId: worker, attemptId: randomUUID() })).not.toBeNull();
});

test("a worker that freezes in the middle of a claim keeps the others waiting for seconds only", async () => {
  await queueOf(1);
  const worker = await makeWorker(db);
  const frozen = pools[1]?.db ?? db;
  const held = frozen.transaction().execute(async (trx) => {
    await lockClaims(trx);
    // The others' claim is what ends this transaction.
    const before = performance.now();
    const claim = await claimNext(db, { workerId: worker, attemptId: randomUUID() });
    expect(claim).not.toBeNull();
    expect(performance.now() - before).toBeLessThan(10_000);
    await sql`select 1`.execute(trx);
  });
  await expect(held).rejects.toThrow();
});
