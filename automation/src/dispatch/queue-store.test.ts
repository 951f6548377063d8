import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import {
  makeProject,
  makeStack,
  makeWorker,
  putAttempt,
  putDeployment,
} from "../../../test/helpers/queue-bed.ts";
import { claimNext, claimStatement, isAnythingQueued } from "../attempts/claim-store.ts";
import type { Database, OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { readQueue, readUsualRuns } from "./queue-store.ts";
import { readWaiting } from "./waiting.ts";

const ENDED = 50_000;
const STACKS = 2_000;
const QUEUED = 3_000;
const TIMEOUT_MS = 120_000;
/** Generous: the machine of a test is loaded. Without an index the same takes seconds. */
const CLAIM_LIMIT_MS = 500;

let database: TestDatabase;
let open: OpenDatabase;
let db: Database;
let worker: string;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  db = open.db;
  worker = await makeWorker(db);
  const projectId = await makeProject(db);
  await sql`
    with made as (
      insert into stacks (id, project_id, name) select gen_random_uuid(), ${projectId}, 's' || n from generate_series(1, ${STACKS}::int) n returning id
    ), listed as (select id, row_number() over () - 1 as place from made)
    insert into deployments (id, stack_id, number, operation, status, requested_by, config_digest, requested_at, started_at, finished_at)
    select gen_random_uuid(), l.id, n, 'update', 'succeeded', 'owner', 'x', now() - n * interval '1 minute', now() - n * interval '1 minute',
      now() - n * interval '1 minute' + interval '30 seconds'
    from generate_series(1, ${ENDED}::int) n join listed l on l.place = n % ${STACKS}::int`.execute(db);
  await sql`
    insert into deployments (id, stack_id, number, operation, requested_by, config_digest, requested_at)
    select gen_random_uuid(), s.id, ${ENDED}::int + n, 'update', 'owner', 'x', now() - n * interval '1 second'
    from generate_series(1, ${QUEUED}::int) n
    join (select id, row_number() over (order by id) - 1 as place from stacks) s on s.place = n % ${STACKS}::int`.execute(
    db,
  );
  await sql`
    insert into attempts (id, deployment_id, number, worker_id, epoch, status, finished_at)
    select gen_random_uuid(), id, 1, ${worker}, 1, 'succeeded', now() from deployments where status = 'succeeded'`.execute(
    db,
  );
  await sql`insert into stack_writers (stack_id, epoch) select id, 1 from stacks`.execute(db);
  await sql`analyze`.execute(db);
}, TIMEOUT_MS);
afterAll(async () => {
  await open.close();
  await database.drop();
});

async function planOf(statement: { compile(db: Database): { sql: string; parameters: readonly unknown[] } }) {
  const { sql: text, parameters } = statement.compile(db);
  const lines: string[] = [];
  await db
    .transaction()
    .execute(async (trx) => {
      const { rows } = await trx.executeQuery<{ "QUERY PLAN": string }>({
        sql: `explain (analyze, buffers) ${text}`,
        parameters,
        query: { kind: "RawNode", sqlFragments: [], parameters: [] },
        queryId: { queryId: randomUUID() },
      });
      lines.push(...rows.map((row) => row["QUERY PLAN"]));
      throw new Error("nothing of it is kept");
    })
    .catch((error: Error) => {
      if (error.message !== "nothing of it is kept") throw error;
    });
  return lines.join("\n");
}

test(
  "a claim among 50,000 deployments and 3,000 that wait reads no table of them from end to end",
  async () => {
    const plan = await planOf(claimStatement({ workerId: worker, attemptId: randomUUID() }));
    expect(plan).not.toMatch(/Seq Scan on deployments/);
    expect(plan).not.toMatch(/Seq Scan on attempts/);
    // One after the other in the order of claims, until one can run.
    expect(plan).toMatch(/Index Scan using deployments_claimable/);
    const tookMs = Number(/Execution Time: ([\d.]+) ms/.exec(plan)?.[1]);
    expect(tookMs).toBeLessThan(CLAIM_LIMIT_MS);
  },
  TIMEOUT_MS,
);

test("and so does a claim that finds nothing, because all of them are paused", async () => {
  await sql`insert into pauses (id, scope, project_id, reason, paused_by)
    select ${randomUUID()}, 'project', id, 'r', 'owner' from projects`.execute(db);
  try {
    const plan = await planOf(claimStatement({ workerId: worker, attemptId: randomUUID() }));
    expect(plan).not.toMatch(/Seq Scan on deployments/);
    expect(Number(/Execution Time: ([\d.]+) ms/.exec(plan)?.[1])).toBeLessThan(CLAIM_LIMIT_MS);
    expect(await claimNext(db, { workerId: worker, attemptId: randomUUID() })).toBeNull();
  } finally {
    await sql`delete from pauses`.execute(db);
  }
});

test("where one stack's deployments stand is read without the others", async () => {
  expect(await isAnythingQueued(db)).toBe(true);
  const { rows } = await sql<{
    id: string;
  }>`select stack_id as id from deployments where status = 'queued' limit 1`.execute(db);
  const stackId = rows[0]?.id ?? "";
  const facts = await readQueue(db, [stackId]);
  expect(new Set(facts.queued.map((one) => one.stackId))).toEqual(new Set([stackId]));
  // The median of its runs, each of half a minute.
  expect(await readUsualRuns(db, [stackId])).toEqual([{ stackId, operation: "update", ms: 30_000 }]);
});

test("what waits is told its place, why, and when it will start by how long such runs took", async () => {
  const projectId = await makeProject(db);
  const stackId = await makeStack(db, projectId);
  const history = async (seconds: number, number: number) => {
    await sql`insert into deployments (id, stack_id, number, operation, status, requested_by, config_digest, started_at, finished_at)
      values (${randomUUID()}, ${stackId}, ${number}, 'update', 'succeeded', 'owner', 'x', now() - interval '1 hour',
        now() - interval '1 hour' + ${seconds} * interval '1 second')`.execute(db);
  };
  for (const [index, seconds] of [60, 100, 600].entries()) await history(seconds, index + 1);
  const deploymentId = await putDeployment(db, { stackId, number: 4, status: "running" });
  await putAttempt(db, { deploymentId, stackId, workerId: worker, leaseSeconds: 15 });
  const [next, last] = [
    await putDeployment(db, { stackId, number: 5 }),
    await putDeployment(db, { stackId, number: 6 }),
  ];
  const waiting = await readWaiting(db, [stackId]);
  expect(waiting.get(next)).toMatchObject({
    queuePosition: 1,
    waiting: { reason: "stack-busy", detail: "Deployment 4 of its stack runs." },
  });
  expect(waiting.get(last)).toMatchObject({
    queuePosition: 2,
    waiting: { reason: "behind", detail: "Waits behind deployment 5 of its stack." },
  });
  const startOf = (id: string) => Date.parse(waiting.get(id)?.waiting?.expectedStartAt ?? "");
  expect(Math.round((startOf(last) - startOf(next)) / 1_000)).toBe(100);
  expect(Math.round((startOf(next) - Date.now()) / 1_000)).toBeGreaterThan(80);
});
