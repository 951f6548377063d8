import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type pg from "pg";
import { z } from "zod";
import { queuesInOrder } from "./queues.ts";

/** pg-boss's own tables live in a schema of their own. */
export const BOSS_SCHEMA = "pgboss";

const Manifest = z.object({ pgboss: z.object({ schema: z.int() }) });

/**
 * Brings pg-boss's tables up to the installed version and makes the queues that are not there yet. The caller holds the lock
 * of migrations, so that no two processes ever do this at once. Answers whether anything was done. Without the library when nothing is due: loading it
 * takes longer than all of this.
 */
export async function migrateBoss(client: pg.Client): Promise<boolean> {
  const wanted = await schemaVersion();
  const present = await presentVersion(client);
  if (present !== wanted) await client.query(await plan(present));
  const missing = await missingQueues(client);
  if (missing.length === 0) return present !== wanted;
  const { PgBoss } = await import("pg-boss");
  const boss = new PgBoss({
    schema: BOSS_SCHEMA,
    db: { executeSql: (text, values) => client.query(text, values === undefined ? undefined : [...values]) },
    migrate: false,
    supervise: false,
    schedule: false,
  });
  await boss.start();
  try {
    for (const { name, settings } of missing) await boss.createQueue(name, settings);
  } finally {
    await boss.stop({ graceful: false });
  }
  return true;
}

async function plan(present: number | null): Promise<string> {
  const { getConstructionPlans, getMigrationPlans } = await import("pg-boss");
  return present === null ? getConstructionPlans(BOSS_SCHEMA) : getMigrationPlans(BOSS_SCHEMA, present);
}

async function schemaVersion(): Promise<number> {
  const file = createRequire(import.meta.url).resolve("pg-boss/package.json");
  return Manifest.parse(JSON.parse(await readFile(file, "utf8"))).pgboss.schema;
}

async function presentVersion(client: pg.Client): Promise<number | null> {
  const { rows: tables } = await client.query<{ exists: boolean }>(
    `select to_regclass('${BOSS_SCHEMA}.version') is not null as exists`,
  );
  if (tables[0]?.exists !== true) return null;
  const { rows } = await client.query<{ version: number }>(`select version from ${BOSS_SCHEMA}.version`);
  return rows[0]?.version ?? null;
}

async function missingQueues(client: pg.Client) {
  const { rows } = await client.query<{ name: string }>(`select name from ${BOSS_SCHEMA}.queue`);
  const present = new Set(rows.map(({ name }) => name));
  return queuesInOrder().filter(({ name }) => !present.has(name));
}
