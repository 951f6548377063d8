import type { RawBuilder } from "kysely";
import { sql } from "kysely";
import { prepared } from "../database/prepared.ts";
import type { Database } from "../database.ts";
import type { SealedBatch } from "./threads/work.ts";

/** Where a write of a running update comes from: path and token must belong together. */
export interface WriteTarget {
  organisation: string;
  project: string;
  stack: string;
  updateId: string;
  tokenHash: Buffer;
}

/** A write beside the ordinary ones: `drain` only while a cancelled update is waited for. */
type When = "running" | "drain";

/**
 * The one truth about who may write to a stack's state, as the rows of an update that may at this moment, by the database's clock: the token is the
 * update's, the path is its stack's, it runs, and the right to write is still the one that it has of its own or through its attempt.
 *
 * `for share` makes it hold until the commit. Whoever ends an update locks its row `for update` first and reads the journal afterwards: a write that
 * is under way is waited for and then seen, and one that comes later waits and then finds that the update does not run any more. The writer's row needs no
 * lock of its own, because its holder and epoch only change in transactions that end the update.
 */
function fence(
  { organisation, project, stack, updateId, tokenHash }: WriteTarget,
  when: When,
  journal: RawBuilder<unknown>,
) {
  return sql`
    select u.id from updates u
    join stacks s on s.id = u.stack_id join projects p on p.id = s.project_id
    join stack_writers w on w.stack_id = u.stack_id
    where u.id = ${updateId} and u.token_hash = ${tokenHash}
      and p.organisation = ${organisation} and p.name = ${project} and s.name = ${stack}
      and u.status = 'running' and not u.dry_run
      and ${when === "running" ? sql`u.drain_until is null` : sql`u.drain_until > now()`}
      and w.holder = coalesce(u.attempt_id, u.id) and w.epoch = u.epoch and w.expires_at > now()
      and ${journal}
    for share of u`;
}

/**
 * Stores a batch of journal entries while its update may write; in one statement, so that one round trip and one flush to the disk are all that it costs. A batch that is
 * there already is left as it is. `digest` is that of the batch as it was sent. Answers false when nothing may be written; nothing is then.
 */
export async function insertBatch(
  db: Database,
  target: WriteTarget,
  digest: Buffer,
  batch: Pick<SealedBatch, "body" | "firstSequence" | "lastSequence" | "count">,
  when: When = "running",
): Promise<boolean> {
  const { rows } = await sql`${prepared(`journal_batch_${when}`)}
    with allowed as materialized (${fence(target, when, sql`u.journal_version > 0`)}),
    stored as (
      insert into journal_batches (update_id, digest, first_sequence, last_sequence, entries, body)
      select id, ${digest}, ${batch.firstSequence}::bigint, ${batch.lastSequence}::bigint, ${batch.count}::integer, ${batch.body}
      from allowed
      on conflict (update_id, digest) do nothing
    )
    select 1 from allowed
  `.execute(db);
  return rows.length > 0;
}

/** Keeps a whole state as the newest of an update without a journal, while it may write. Answers false when nothing may be written; nothing is then. */
export async function putCheckpoint(db: Database, target: WriteTarget, body: Buffer): Promise<boolean> {
  const { rows } = await sql`
    with allowed as materialized (${fence(target, "running", sql`u.journal_version = 0`)}),
    stored as (
      insert into update_checkpoints (update_id, body) select id, ${body} from allowed
      on conflict (update_id) do update set body = excluded.body, received_at = excluded.received_at
    )
    select 1 from allowed
  `.execute(db);
  return rows.length > 0;
}

/** A stored batch, in the order of arrival. */
export interface StoredBatch {
  id: number;
  body: Buffer;
}

/** The batches of an update that arrived after one of them, or all. */
export async function readBatches(db: Database, updateId: string, after = 0): Promise<StoredBatch[]> {
  const { rows } = await sql<StoredBatch>`
    select id, body from journal_batches where update_id = ${updateId} and id > ${after} order by id
  `.execute(db);
  return rows;
}

/** How many resources the state has that an update began with. */
export async function countBase(db: Database, updateId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select s.resource_count as count from updates u join states s on s.id = u.base_state where u.id = ${updateId}
  `.execute(db);
  return rows[0]?.count ?? 0;
}

/** The newest whole state that an update without a journal has sent; undefined before the first. */
export async function readCheckpoint(db: Database, updateId: string): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom("update_checkpoints")
    .select("body")
    .where("update_id", "=", updateId)
    .executeTakeFirst();
  return row?.body;
}
