import { createHash } from "node:crypto";
import { hashToken } from "../access/token.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { DataKey } from "../secrets/envelope.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { holdWhileDatabaseIsAway } from "./hold.ts";
import type { WriteTarget } from "./journal-store.ts";
import { countBase, insertBatch, putCheckpoint, readBatches } from "./journal-store.ts";
import { entriesText } from "./request-text.ts";
import { danglingReference, knownFrom } from "./rules.ts";
import { lockAll } from "./states-store.ts";
import { runWork, unpackedBytes } from "./threads/pool.ts";
import type { References } from "./threads/work.ts";
import type { UpdateRow } from "./updates-store.ts";
import { findUpdateOfToken } from "./updates-store.ts";

/** What writes of a running update work with. */
export interface WriteDependencies {
  db: Database;
  keyring: Keyring;
}

/** The path and the token of a write, as they came. */
export interface Writing {
  organisation: string;
  project: string;
  stack: string;
  updateId: string;
  token: string;
  /** Ends the wait for a database that is away. */
  signal: AbortSignal;
}

/** A newer data key of the stack is used at most so much later. */
const KEPT_MS = 60_000;
const MAX_KEPT = 1_000;

/** What does not change while an update runs, by its token, so that a write needs one round trip only. What may be written is decided by the statement that writes, never here. */
const kept = new Map<string, RunningFacts>();

interface RunningFacts {
  stackId: string;
  key: DataKey;
  baseResources: number;
  until: number;
}

/**
 * Stores a batch of journal entries (body of PATCH journalentries). Returns after the commit: what it acknowledges survives everything. A batch that comes again is
 * stored once. After a cancel the ends of operations that were under way are still stored for a short time, also when the batch holds others and is refused for
 * them. Throws SlipwayError `forbidden` when the update may not write any more, `invalid_journal` when the entries cannot be replayed.
 */
export async function appendJournal(deps: WriteDependencies, writing: Writing, body: string): Promise<void> {
  const entries = entriesText(body);
  const target = targetOf(writing);
  const digest = createHash("sha256").update(entries).digest();
  await hold(writing, async () => {
    const facts = await factsOf(deps, target);
    const { key } = facts;
    const batch = await runWork("sealEntries", { key, entries }, entries.length);
    await checkReferences(deps, target, facts, batch.references);
    if (await insertBatch(deps.db, target, digest, batch)) return;
    const update = await updateOfToken(deps.db, target);
    if (update.status === "running" && update.drainUntil !== null) {
      const drained = await runWork("sealDrained", { key, entries }, entries.length);
      const isStored =
        drained.batch === null || (await insertBatch(deps.db, target, digest, drained.batch, "drain"));
      if (isStored && drained.refused === 0) return;
    }
    throw refusal(update, "journal");
  });
}

/**
 * Keeps a whole state (body of PATCH checkpoint) as the newest of an update without a journal. Throws SlipwayError `forbidden` when the update may not write
 * any more, `invalid_state` when no later update could read it.
 */
export async function writeCheckpoint(
  deps: WriteDependencies,
  writing: Writing,
  text: string,
): Promise<void> {
  const target = targetOf(writing);
  await hold(writing, async () => {
    const key = await keyOf(deps, target);
    const { body } = await runWork("sealCheckpoint", { key, text }, text.length);
    if (await putCheckpoint(deps.db, target, body)) return;
    throw refusal(await updateOfToken(deps.db, target), "checkpoint");
  });
}

/** The update of a write's path and token. Throws SlipwayError `forbidden` when they do not belong together. */
export async function updateOfToken(db: Database, target: WriteTarget): Promise<UpdateRow> {
  const update = await findUpdateOfToken(db, target);
  if (update !== undefined) return update;
  throw new SlipwayError(
    "forbidden",
    "The token is not of this update, or its stack has another name by now.",
  );
}

/** Path and hashed token. */
export function targetOf({ organisation, project, stack, updateId, token }: Writing): WriteTarget {
  return { organisation, project, stack, updateId, tokenHash: hashToken(token) };
}

/** Why an update may not write (any more). A 403 stops the CLI: it begins nothing further and ends with an error. */
export function refusal(update: UpdateRow, what: "journal" | "checkpoint" | "lease"): SlipwayError {
  const name = update.number === null ? "This preview" : `Update ${update.number} of ${stackOf(update)}`;
  const rest = {
    remedy: "Refresh the stack before you go on: operations that were under way may have been done.",
  };
  if (update.status === "cancelled" || update.drainUntil !== null) {
    return new SlipwayError(
      "forbidden",
      `${name} was cancelled by ${update.cancelledBy ?? "Slipway"}.`,
      rest,
    );
  }
  if (update.status === "expired") {
    return new SlipwayError("forbidden", `${name} was not renewed in time and has lost the stack.`, rest);
  }
  if (update.status !== "running")
    return new SlipwayError("forbidden", `${name} has ended: it is ${update.status}.`);
  if (update.dryRun) return new SlipwayError("forbidden", "A preview writes no state.");
  if (what === "journal" && update.journalVersion === 0) {
    return new SlipwayError("conflict", `${name} writes whole states, no journal.`);
  }
  if (what === "checkpoint" && update.journalVersion > 0) {
    return new SlipwayError("conflict", `${name} writes a journal, no whole states.`);
  }
  return new SlipwayError("forbidden", `${name} no longer holds the right to write to the stack.`, rest);
}

function stackOf({ organisation, project, stack }: UpdateRow): string {
  return `${organisation}/${project}/${stack}`;
}

function hold<T>(writing: Writing, work: () => Promise<T>): Promise<T> {
  return holdWhileDatabaseIsAway(work, writing.signal);
}

/** Refuses entries out of nowhere: what they refer to must be in the base or have come before. */
async function checkReferences(
  { db, keyring }: WriteDependencies,
  { updateId }: WriteTarget,
  { stackId, baseResources }: RunningFacts,
  references: References,
): Promise<void> {
  if (danglingReference(references, { baseResources, highestOperation: 0 }) === null) return;
  // Rare: after a refresh has put another base in its place, or for entries that are wrong.
  const batches = await readBatches(db, updateId);
  const locked = await lockAll(db, keyring, stackId, batches);
  const entries = await runWork("operations", { batches: locked }, unpackedBytes(locked));
  const dangling = danglingReference(references, knownFrom(baseResources, entries));
  if (dangling === null) return;
  throw new SlipwayError(
    "invalid_journal",
    `The journal entries refer ${dangling}. Nothing of them was stored.`,
  );
}

/** The data key that the stack of an update seals with now. */
export async function keyOf(deps: WriteDependencies, target: WriteTarget): Promise<DataKey> {
  return (await factsOf(deps, target)).key;
}

async function factsOf({ db, keyring }: WriteDependencies, target: WriteTarget): Promise<RunningFacts> {
  const name = `${target.updateId} ${target.tokenHash.toString("base64")}`;
  const known = kept.get(name);
  if (known !== undefined && known.until > performance.now()) return known;
  const { stackId } = await updateOfToken(db, target);
  const facts = {
    stackId,
    key: await keyring.newest(db, stackId),
    baseResources: await countBase(db, target.updateId),
    until: performance.now() + KEPT_MS,
  };
  kept.delete(name);
  for (const oldest of kept.keys()) {
    if (kept.size < MAX_KEPT) break;
    kept.delete(oldest);
  }
  kept.set(name, facts);
  return facts;
}
