import { named } from "./invalid.ts";
import { ENTRY_KINDS, type JournalEntry, readEntry } from "./journal-entry.ts";
import { readArray, skipSpace } from "./raw-json.ts";
import { providerPackage, STACK_TYPE, urnParts } from "./urn.ts";

/** What a journal says of one operation on one resource: `unknown` was begun and has no recorded end. */
export interface JournaledOperation {
  urn: string;
  operation: "create" | "update" | "delete" | "import";
  end: "succeeded" | "failed" | "unknown";
}

/** Operations that change something outside of the state, by their names in a journal. Reads only look. */
const CHANGING: Readonly<Record<string, JournaledOperation["operation"]>> = {
  creating: "create",
  updating: "update",
  deleting: "delete",
  importing: "import",
};

/**
 * What a journal, as the JSON texts of its batches, says of every operation that could change a resource, in the order in which they were begun. The stack's own resource and providers
 * are bookkeeping and left out. Throws SlipwayError `invalid_journal`.
 */
export function operationsOf(batches: readonly string[]): JournaledOperation[] {
  return named("invalid_journal", () => {
    const found = new Map<number, JournaledOperation>();
    for (const entry of inSequence(batches)) {
      const { kind, operation } = entry;
      if (kind === ENTRY_KINDS.begin) {
        const begun = begunBy(entry);
        if (begun !== undefined) found.set(operation, begun);
        continue;
      }
      const one = found.get(operation);
      if (one === undefined) continue;
      if (kind === ENTRY_KINDS.success || kind === ENTRY_KINDS.refreshSuccess) one.end = "succeeded";
      else if (kind === ENTRY_KINDS.failure) one.end = "failed";
    }
    return [...found.values()];
  });
}

function begunBy({ begun }: JournalEntry): JournaledOperation | undefined {
  if (begun === undefined) return undefined;
  const operation = CHANGING[begun.type];
  const { urn } = begun.resource;
  if (operation === undefined || isBookkeeping(urn)) return undefined;
  return { urn, operation, end: "unknown" };
}

/** The stack's own resource and providers: the engine "creates" them, and nothing outside of the state changes. */
export function isBookkeeping(urn: string): boolean {
  const type = urnParts(urn)?.type ?? "";
  return type === STACK_TYPE || providerPackage(type) !== undefined;
}

function inSequence(batches: readonly string[]): JournalEntry[] {
  const bySequence = new Map<number, JournalEntry>();
  for (const batch of batches) {
    readArray(batch, skipSpace(batch, 0), (at) => {
      const { entry, end } = readEntry(batch, at);
      if (!bySequence.has(entry.sequence)) bySequence.set(entry.sequence, entry);
      return end;
    });
  }
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
}
