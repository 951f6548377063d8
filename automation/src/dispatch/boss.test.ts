import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { migrate } from "../database/migrations.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { Boss } from "./boss.ts";
import { openBoss } from "./boss.ts";
import { migrateBoss } from "./boss-schema.ts";
import { hintStack, takeHints } from "./hints.ts";
import { QUEUES } from "./queues.ts";

const STACK = "00000000-0000-4000-8000-000000000001";
const logger = { warn: () => {} };

let database: TestDatabase;
let open: OpenDatabase;
let boss: Boss;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  boss = await openBoss(database.url, { logger, role: "server" });
});
afterAll(async () => {
  await boss.stop();
  await open.close();
  await database.drop();
});

const hints = async (): Promise<number> => {
  const { rows } = await sql<{
    count: number;
  }>`select count(*) as count from pgboss.job where name = 'dispatch'`.execute(open.db);
  return rows[0]?.count ?? 0;
};

test("a hint is there when its transaction commits, and only then", async () => {
  const sender = { current: () => boss };
  await open.db.transaction().execute((trx) => hintStack(trx, sender, STACK));
  expect(await hints()).toBe(1);
  const failed = open.db.transaction().execute(async (trx) => {
    await hintStack(trx, sender, STACK);
    throw new Error("nothing of it");
  });
  await expect(failed).rejects.toThrow("nothing of it");
  expect(await hints()).toBe(1);
});

test("while pg-boss is not open a hint is left out, and nothing fails", async () => {
  const before = await hints();
  await open.db.transaction().execute((trx) => hintStack(trx, { current: () => undefined }, STACK));
  expect(await hints()).toBe(before);
});

test("of several workers each hint wakes one", async () => {
  const workers = await Promise.all([1, 2, 3].map(() => openBoss(database.url, { logger, role: "worker" })));
  try {
    const woken: number[] = [];
    for (const [index, worker] of workers.entries()) await takeHints(worker, () => woken.push(index));
    const before = await hints();
    for (let count = 0; count < 5; count += 1)
      await open.db.transaction().execute((trx) => hintStack(trx, { current: () => boss }, STACK));
    await eventually("every hint is taken", 20_000, () => woken.length >= before + 5);
    await sleep(100);
    expect(woken.length).toBe(before + 5);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
});

test("its tables are made when migrating, once, however many processes migrate at the same time", async () => {
  const empty = await testPostgres().freshDatabase({ empty: true });
  try {
    await Promise.all([1, 2, 3].map(() => migrate(empty.url)));
    const client = new pg.Client({ connectionString: empty.url });
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>("select name from pgboss.queue order by name");
      expect(rows.map(({ name }) => name)).toEqual(Object.keys(QUEUES).sort());
      expect(await migrateBoss(client)).toBe(false);
      // A queue that a newer program brings.
      await client.query("select pgboss.delete_queue('dispatch')");
      expect(await migrateBoss(client)).toBe(true);
    } finally {
      await client.end();
    }
  } finally {
    await empty.drop();
  }
});

test("a process does not make them by itself: it says that they are missing", async () => {
  const empty = await testPostgres().freshDatabase({ empty: true });
  try {
    await expect(openBoss(empty.url, { logger, role: "worker" })).rejects.toThrow("not installed");
  } finally {
    await empty.drop();
  }
});
