import type { Database } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { StateFacts } from "./journal/facts.ts";
import { lockedState } from "./states-store.ts";
import { runWork } from "./threads/pool.ts";

/** What a stack's current state tells of itself, with the state's number; null before the first. */
export async function currentFacts(
  db: Database,
  keyring: Keyring,
  stackId: string,
): Promise<{ number: number; facts: StateFacts } | null> {
  const newest = await db
    .selectFrom("states")
    .select(["id", "number"])
    .where("stack_id", "=", stackId)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  if (newest === undefined) return null;
  const locked = await lockedState(db, keyring, stackId, newest.id);
  if (locked === null) return null;
  const { sizeBytes, ...sealed } = locked;
  return { number: newest.number, facts: await runWork("facts", sealed, sizeBytes) };
}
