import { named } from "./invalid.ts";
import { ENTRY_KINDS, type JournalEntry, readEntry } from "./journal-entry.ts";
import { assertEnd, isAbsent, jsonError, membersOf, readArray, skipSpace, stringOf } from "./raw-json.ts";
import { assertReadable } from "./resource.ts";
import { readSnapshot } from "./state-document.ts";

/** What a batch of journal entries is about, told without keeping it. */
export interface CheckedEntries {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly entries: number;
  /** Highest index into the base that an entry refers to, -1 when none does. It must be below the number of resources of the base. */
  readonly highestBaseIndex: number;
  /** Highest id of an operation that an entry is of, and that an entry refers to; 0 when none. No entry may refer to one above all that came. */
  readonly highestOperation: number;
  readonly highestReferredOperation: number;
  /** An entry puts another base in the place of the one that the update began with: indices after it are of that one. */
  readonly replacesBase: boolean;
}

/**
 * Checks the JSON text of a list of journal entries, so that what is acknowledged can be replayed; members that this version does not know pass.
 * Throws SlipwayError `invalid_journal` for anything else, an empty list included. Whether what entries refer to exists is not known from a batch alone:
 * `highest…` tell what to compare.
 */
export function checkEntries(text: string): CheckedEntries {
  return named("invalid_journal", () => {
    const entries: JournalEntry[] = [];
    const start = skipSpace(text, 0);
    const end = readArray(text, start, (at) => {
      const read = readEntry(text, at);
      entries.push(read.entry);
      return read.end;
    });
    assertEnd(text, end);
    assertGrammar(text);
    if (entries.length === 0) throw jsonError(text, start, "at least one entry");
    for (const entry of entries) assertComplete(entry, text, start);
    const sequences = entries.map(({ sequence }) => sequence);
    return {
      firstSequence: sequences.reduce((least, sequence) => Math.min(least, sequence)),
      lastSequence: highest(sequences),
      entries: entries.length,
      highestBaseIndex: highest([-1, ...entries.flatMap(baseIndices)]),
      highestOperation: highest([0, ...entries.map(({ operation }) => operation)]),
      highestReferredOperation: highest([0, ...entries.flatMap(referredOperations)]),
      replacesBase: entries.some(
        ({ kind }) => kind === ENTRY_KINDS.write || kind === ENTRY_KINDS.rebuiltBase,
      ),
    };
  });
}

/** Skipping over values sees their brackets and strings only; the engine's own parser sees all of the grammar. Called after the depth is known. */
function assertGrammar(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw jsonError(text, 0, "valid JSON");
  }
}

function assertComplete(entry: JournalEntry, text: string, start: number): void {
  if (entry.state !== undefined) assertReadable(entry.state);
  if (entry.begun !== undefined) assertReadable(entry.begun.resource);
  const { kind, members } = entry;
  const snapshot = members.get("newSnapshot");
  if (!isAbsent(snapshot)) {
    for (const resource of readSnapshot(snapshot.text, snapshot.start).snapshot.resources)
      assertReadable(resource);
  } else if (kind === ENTRY_KINDS.write) {
    throw jsonError(text, start, `a newSnapshot in entry ${entry.sequence}`);
  }
  const provider = members.get("secretsProvider");
  if (!isAbsent(provider)) membersOf(provider);
  if (kind !== ENTRY_KINDS.extension) return;
  const reference = members.get("extensionRef");
  const extension = members.get("extension");
  if (isAbsent(reference) || isAbsent(extension)) {
    throw jsonError(text, start, `an extensionRef and an extension in entry ${entry.sequence}`);
  }
  stringOf(reference);
  membersOf(extension);
}

function baseIndices(entry: JournalEntry): number[] {
  return [entry.removeOld, entry.deleteOld, entry.pendingReplacementOld].filter(
    (index) => index !== undefined,
  );
}

function referredOperations(entry: JournalEntry): number[] {
  return [entry.removeNew, entry.deleteNew, entry.pendingReplacementNew].filter((id) => id !== undefined);
}

function highest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value));
}
