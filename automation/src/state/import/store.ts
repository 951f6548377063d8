import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { ImportUpdateLine } from "../../contract/state-imports.ts";
import type { Database, Transaction } from "../../database.ts";
import type { StackName } from "../../stacks/store.ts";
import type { ImportPlace } from "./rules.ts";

/** Principal of updates that another backend recorded: who ran them is only claimed. */
export const IMPORTED_PRINCIPAL = "imported";

/** What is known of the name under which a stack is to be imported. */
export async function findImportPlace(db: Database, name: StackName): Promise<ImportPlace> {
  const { rows } = await sql<{
    id: string | null;
    digest: string | null;
    used: boolean | null;
    held: boolean | null;
  }>`
    select stacks.id, encode(state_imports.digest, 'hex') as digest,
      stacks.next_update > 1
        or exists (select from states where states.stack_id = stacks.id) as used,
      stack_writers.holder is not null as held
    from projects
    left join stacks on stacks.project_id = projects.id and stacks.name = ${name.stack} and stacks.removed_at is null
    left join state_imports on state_imports.stack_id = stacks.id
    left join stack_writers on stack_writers.stack_id = stacks.id
    where projects.organisation = ${name.organisation} and projects.name = ${name.project} and projects.removed_at is null
  `.execute(db);
  const [row] = rows;
  if (row?.id == null) return { projectExists: row !== undefined, stack: null };
  const { id, digest, used, held } = row;
  return {
    projectExists: true,
    stack: { id, importedDigest: digest, isUsed: used === true, isHeld: held === true },
  };
}

export async function organisationExists(db: Database, name: string): Promise<boolean> {
  const row = await db.selectFrom("organisations").select("name").where("name", "=", name).executeTakeFirst();
  return row !== undefined;
}

/** The project's id; makes the project, without a folder, when there is none. Of two at once one waits for the other. */
export async function ensureProject(
  trx: Transaction,
  organisation: string,
  name: string,
): Promise<{ id: string; created: boolean }> {
  const made = await trx
    .insertInto("projects")
    .values({ id: randomUUID(), organisation, name, folder: null })
    .onConflict((conflict) => conflict.doNothing())
    .returning("id")
    .executeTakeFirst();
  if (made !== undefined) return { id: made.id, created: true };
  const { id } = await trx
    .selectFrom("projects")
    .select("id")
    .where("organisation", "=", organisation)
    .where("name", "=", name)
    .where("removed_at", "is", null)
    .executeTakeFirstOrThrow();
  return { id, created: false };
}

/** Locks a stack that is there and the right to write to it, so that nothing comes in between. False: it was removed meanwhile. */
export async function lockStack(trx: Transaction, id: string): Promise<boolean> {
  await sql`select from stack_writers where stack_id = ${id} for update`.execute(trx);
  const row = await trx
    .selectFrom("stacks")
    .select("id")
    .where("id", "=", id)
    .where("removed_at", "is", null)
    .forUpdate()
    .executeTakeFirst();
  return row !== undefined;
}

/** Adds an update that has ended. It never held the right to write here: its epoch is 0. */
export async function insertUpdate(
  trx: Transaction,
  update: Omit<ImportUpdateLine, "type" | "checkpoint" | "environment"> & {
    id: string;
    stackId: string;
    number: number;
    principal: string;
    claimed: Readonly<Record<string, string>>;
    source: string;
  },
): Promise<void> {
  await trx
    .insertInto("updates")
    .values({
      id: update.id,
      stack_id: update.stackId,
      kind: update.kind,
      dry_run: false,
      status: update.succeeded ? "succeeded" : "failed",
      number: update.number,
      epoch: 0,
      principal: update.principal,
      message: update.message,
      claimed: JSON.stringify(update.claimed),
      options: JSON.stringify({ importedFrom: update.source }),
      config: JSON.stringify(update.config),
      resource_changes: JSON.stringify(update.changes),
      requested_at: new Date(update.startedAt),
      started_at: new Date(update.startedAt),
      finished_at: new Date(update.finishedAt),
    })
    .execute();
}

/** Says which state an update left. */
export async function setStateOfUpdate(
  trx: Transaction,
  updateId: string,
  stateId: string,
  resourceCount: number,
): Promise<void> {
  await trx
    .updateTable("updates")
    .set({ state_id: stateId, resource_count: resourceCount })
    .where("id", "=", updateId)
    .execute();
}

/** Makes the imported past the stack's own: the next update counts on from it. */
export async function finishImport(
  trx: Transaction,
  stackId: string,
  facts: {
    nextUpdate: number;
    tags: Readonly<Record<string, string>>;
    source: string;
    digestHex: string;
    principal: string;
  },
): Promise<void> {
  await trx
    .updateTable("stacks")
    .set((eb) => ({
      next_update: facts.nextUpdate,
      tags: sql<string>`${eb.ref("tags")} || ${JSON.stringify(facts.tags)}::jsonb`,
    }))
    .where("id", "=", stackId)
    .execute();
  await trx
    .insertInto("state_imports")
    .values({
      stack_id: stackId,
      source: facts.source,
      digest: Buffer.from(facts.digestHex, "hex"),
      principal: facts.principal,
    })
    .execute();
}

/** What an earlier import left, as far as it is still so. */
export async function importedFacts(
  db: Database,
  name: StackName,
): Promise<{ updates: number; states: number; resources: number; secretsProvider: string | null }> {
  const row = await db
    .selectFrom("audit_entries")
    .select("details")
    .where("action", "=", "state.imported")
    .where("organisation", "=", name.organisation)
    .where("subject", "=", `${name.organisation}/${name.project}/${name.stack}`)
    .orderBy("sequence", "desc")
    .limit(1)
    .executeTakeFirst();
  const { updates, states, resources, secretsProvider } = row?.details ?? {};
  return {
    updates: Number(updates ?? 0),
    states: Number(states ?? 0),
    resources: Number(resources ?? 0),
    secretsProvider: typeof secretsProvider === "string" ? secretsProvider : null,
  };
}
