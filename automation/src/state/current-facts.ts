import type { Database } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { Edges } from "./journal/edges.ts";
import type { StateFacts } from "./journal/facts.ts";
import { lockedState } from "./states-store.ts";
import { runWork } from "./threads/pool.ts";

/** Facts of so many states are kept: a page that is open asks for them every few seconds, and reading 3,000 resources takes half a second. */
const MAX_KEPT = 8;

/** By the state's id, the one used last at the end. A state never changes, so that nothing here can be old. */
const kept = new Map<string, Promise<StateFacts>>();

/** What a stack's current state tells of itself, with the state's number; null before the first. */
export async function currentFacts(
  db: Database,
  keyring: Keyring,
  stackId: string,
): Promise<{ number: number; facts: StateFacts } | null> {
  const newest = await newestState(db, stackId);
  if (newest === undefined) return null;
  return {
    number: newest.number,
    facts: await factsOfState(db, keyring, stackId, newest.id),
  };
}

/** What each resource of a stack's current state needs; nothing before the first state. */
export async function currentEdges(db: Database, keyring: Keyring, stackId: string): Promise<Edges> {
  const newest = await newestState(db, stackId);
  const locked = newest === undefined ? null : await lockedState(db, keyring, stackId, newest.id);
  if (locked === null) return {};
  const { sizeBytes, ...sealed } = locked;
  return runWork("edges", sealed, sizeBytes);
}

/** What one state of a stack tells of itself. */
export function factsOfState(
  db: Database,
  keyring: Keyring,
  stackId: string,
  stateId: string,
): Promise<StateFacts> {
  return keptFacts(stateId, () => read(db, keyring, stackId, stateId));
}

function newestState(db: Database, stackId: string): Promise<{ id: string; number: number } | undefined> {
  return db
    .selectFrom("states")
    .select(["id", "number"])
    .where("stack_id", "=", stackId)
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
}

async function read(db: Database, keyring: Keyring, stackId: string, stateId: string): Promise<StateFacts> {
  const locked = await lockedState(db, keyring, stackId, stateId);
  if (locked === null) throw new Error(`state ${stateId} of stack ${stackId} is gone`);
  const { sizeBytes, ...sealed } = locked;
  return runWork("facts", sealed, sizeBytes);
}

async function keptFacts(stateId: string, make: () => Promise<StateFacts>): Promise<StateFacts> {
  const facts = kept.get(stateId) ?? make();
  kept.delete(stateId);
  kept.set(stateId, facts);
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  try {
    return await facts;
  } catch (error) {
    // A key that is away for a moment must not be away for ever.
    if (kept.get(stateId) === facts) kept.delete(stateId);
    throw error;
  }
}
