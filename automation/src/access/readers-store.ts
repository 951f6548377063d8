import { sql } from "kysely";
import type { OutputReader } from "../contract/access.ts";
import type { StackPath } from "../contract/identifiers.ts";
import type { Database, Transaction } from "../database.ts";

/** Stacks whose programs may read a stack's outputs, by name. Removed ones are left out. */
export async function listReaders(db: Database, stackId: string): Promise<OutputReader[]> {
  const rows = await db
    .selectFrom("output_readers")
    .innerJoin("stacks", "stacks.id", "output_readers.reader_stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select([
      "projects.organisation",
      "projects.name as project",
      "stacks.name as stack",
      "output_readers.granted_at",
      "output_readers.granted_by",
    ])
    .where("output_readers.stack_id", "=", stackId)
    .where("stacks.removed_at", "is", null)
    .orderBy("projects.name")
    .orderBy("stacks.name")
    .execute();
  return rows.map(({ granted_at, granted_by, ...stack }) => ({
    ...stack,
    grantedAt: granted_at.toISOString(),
    grantedBy: granted_by,
  }));
}

/** Allows a reader; answers false when it was allowed before. */
export async function putReader(
  trx: Transaction,
  reader: { stackId: string; readerStackId: string; grantedBy: string },
): Promise<boolean> {
  const row = await trx
    .insertInto("output_readers")
    .values({
      stack_id: reader.stackId,
      reader_stack_id: reader.readerStackId,
      granted_by: reader.grantedBy,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning("stack_id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Takes a reader away; answers false when it was not allowed. */
export async function deleteReader(
  trx: Transaction,
  stackId: string,
  readerStackId: string,
): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom("output_readers")
    .where("stack_id", "=", stackId)
    .where("reader_stack_id", "=", readerStackId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Who has read a stack's outputs, last one first. */
export interface StoredRead {
  /** Null: not known. */
  reader: StackPath | null;
  principal: string;
  firstAt: string;
  lastAt: string;
  times: number;
}

export async function listReads(db: Database, stackId: string, limit: number): Promise<StoredRead[]> {
  const rows = await db
    .selectFrom("output_reads")
    .leftJoin("stacks", "stacks.id", "output_reads.reader_stack_id")
    .leftJoin("projects", "projects.id", "stacks.project_id")
    .select([
      "projects.organisation",
      "projects.name as project",
      "stacks.name as stack",
      "output_reads.principal",
      "output_reads.first_at",
      "output_reads.last_at",
      "output_reads.times",
    ])
    .where("output_reads.stack_id", "=", stackId)
    .orderBy("output_reads.last_at", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    reader:
      row.organisation === null || row.project === null || row.stack === null
        ? null
        : { organisation: row.organisation, project: row.project, stack: row.stack },
    principal: row.principal,
    firstAt: row.first_at.toISOString(),
    lastAt: row.last_at.toISOString(),
    times: row.times,
  }));
}

/** Counts a read. Answers true for the first of this reader on a day (UTC), of two at once for one of them. */
export async function countRead(
  trx: Transaction,
  read: { stackId: string; readerStackId: string | null; principal: string },
): Promise<boolean> {
  const { stackId, readerStackId, principal } = read;
  const { rows: before } = await sql<{ isToday: boolean }>`
    select last_at >= date_trunc('day', now(), 'UTC') as "isToday" from output_reads
    where stack_id = ${stackId} and reader_stack_id is not distinct from ${readerStackId} and principal = ${principal}
    for update
  `.execute(trx);
  const { rows: after } = await sql<{ times: number }>`
    insert into output_reads as r (stack_id, reader_stack_id, principal)
    values (${stackId}, ${readerStackId}, ${principal})
    on conflict (stack_id, reader_stack_id, principal) do update set last_at = now(), times = r.times + 1
    returning times
  `.execute(trx);
  // Without a row before there may be one now: of two first reads the later one counts to 2.
  return before[0] === undefined ? after[0]?.times === 1 : !before[0].isToday;
}

/**
 * The stack whose program somebody runs with the Pulumi CLI right now, when it is another one than `stackId`: the one stack where they have a running
 * update or preview. Undefined when there is none or it cannot be told which, as with a run on `stackId` itself, whose engine reads its own state.
 */
export async function findRunningReader(
  db: Database,
  principal: string,
  stackId: string,
): Promise<string | undefined> {
  const rows = await db
    .selectFrom("updates")
    .select("stack_id")
    .distinct()
    .where("principal", "=", principal)
    .where("status", "=", "running")
    .where("attempt_id", "is", null)
    .limit(2)
    .execute();
  const [only] = rows;
  return rows.length === 1 && only?.stack_id !== stackId ? only?.stack_id : undefined;
}

/** A stack's names, for audit entries. */
export async function nameOfStack(db: Database, id: string): Promise<StackPath | undefined> {
  return db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["projects.organisation", "projects.name as project", "stacks.name as stack"])
    .where("stacks.id", "=", id)
    .executeTakeFirst();
}
