import type pg from "pg";

/** Any number of ours: held shared by backups, alone by whoever collects what is no longer kept. */
export const RETENTION_LOCK = 7_420_000_014;

/** Keeps what is collected in place until the session ends. Waits for a collection that runs, which takes seconds. */
export async function holdOffRetention(client: pg.Client): Promise<void> {
  await client.query("select pg_advisory_lock_shared($1)", [RETENTION_LOCK]);
}
