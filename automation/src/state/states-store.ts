import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import { keyVersionOf } from "../secrets/envelope.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { SealedText } from "./sealed-text.ts";
import { runWork } from "./threads/pool.ts";
import type { Locked } from "./threads/work.ts";

/** A state with its text: apitype.UntypedDeployment as JSON, byte for byte what was stored. */
export interface StoredState {
  id: string;
  /** Counts from 1 within the stack. */
  number: number;
  text: string;
  resourceCount: number;
  partial: boolean;
}

/** A state that is to be kept. */
export interface NewState {
  stackId: string;
  /** Null: no update of ours left it. */
  updateId: string | null;
  resourceCount: number;
  /** The update ended before it was through. */
  partial: boolean;
}

/** The stack's state; null before its first. The caller's transaction decides what it sees. */
export function currentState(db: Database, keyring: Keyring, stackId: string): Promise<StoredState | null> {
  return readState(db, keyring, stackId, sql`true`);
}

/** One earlier state of a stack; null when there is none with that number. */
export function stateByNumber(
  db: Database,
  keyring: Keyring,
  stackId: string,
  number: number,
): Promise<StoredState | null> {
  return readState(db, keyring, stackId, sql`number = ${number}`);
}

async function readState(
  db: Database,
  keyring: Keyring,
  stackId: string,
  which: ReturnType<typeof sql>,
): Promise<StoredState | null> {
  const { rows } = await sql<Omit<StoredState, "text"> & { body: Buffer; sizeBytes: number }>`
    select id, number, body, size_bytes as "sizeBytes", resource_count as "resourceCount", partial
    from states where stack_id = ${stackId} and ${which}
    order by number desc limit 1
  `.execute(db);
  const [row] = rows;
  if (row === undefined) return null;
  const { body, sizeBytes, ...state } = row;
  const locked = await lockedBy(db, keyring, stackId, body);
  return { ...state, text: await runWork("open", { ...locked, purpose: "state" }, sizeBytes) };
}

/**
 * Seals a text and makes it the stack's state. The caller has the right to write and holds its row, so that nobody else takes the number. Answers the
 * state's id and number.
 */
export async function appendState(
  trx: Transaction,
  keyring: Keyring,
  state: NewState & { text: string },
): Promise<{ id: string; number: number }> {
  const { text, ...rest } = state;
  const key = await keyring.newest(trx, state.stackId);
  return insertState(trx, rest, await runWork("seal", { key, purpose: "state", text }, text.length));
}

/** `appendState` for what is sealed already. */
export async function insertState(
  trx: Transaction,
  state: NewState,
  sealed: SealedText,
): Promise<{ id: string; number: number }> {
  const id = randomUUID();
  const { rows } = await sql<{ number: number }>`
    with counted as (update stacks set resource_count = ${state.resourceCount} where id = ${state.stackId})
    insert into states (id, stack_id, number, update_id, body, sha256, size_bytes, resource_count, partial)
    select ${id}, ${state.stackId}, coalesce(max(number), 0) + 1, ${state.updateId}, ${sealed.body}, ${sealed.sha256},
      ${sealed.sizeBytes}, ${state.resourceCount}, ${state.partial}
    from states where stack_id = ${state.stackId}
    returning number
  `.execute(trx);
  return { id, number: rows[0]?.number ?? 0 };
}

/** A sealed state as it is stored, with its size as text; null when there is none with that id. */
export async function lockedState(
  db: Database,
  keyring: Keyring,
  stackId: string,
  stateId: string,
): Promise<(Locked & { sizeBytes: number }) | null> {
  const row = await db
    .selectFrom("states")
    .select(["body", "size_bytes"])
    .where("id", "=", stateId)
    .where("stack_id", "=", stackId)
    .executeTakeFirst();
  if (row === undefined) return null;
  return { ...(await lockedBy(db, keyring, stackId, row.body)), sizeBytes: row.size_bytes };
}

/** A sealed body with the key that opens it. */
export async function lockedBy(
  db: Database,
  keyring: Keyring,
  stackId: string,
  body: Buffer,
): Promise<Locked> {
  return { key: await keyring.version(db, stackId, keyVersionOf(body)), body };
}

/** `lockedBy` for the bodies of a whole journal. */
export async function lockAll(
  db: Database,
  keyring: Keyring,
  stackId: string,
  rows: readonly { body: Buffer }[],
): Promise<Locked[]> {
  const locked: Locked[] = [];
  for (const { body } of rows) locked.push(await lockedBy(db, keyring, stackId, body));
  return locked;
}
