import {
  countOf,
  flagOf,
  isAbsent,
  jsonError,
  type Raw,
  type RawMembers,
  readObject,
  skipValue,
} from "./raw-json.ts";
import { type Operation, type Resource, readOperation, readResource } from "./resource.ts";

/** What an entry tells. Source: sdk/go/common/apitype/journal.go at 3.250.0. */
export const ENTRY_KINDS = {
  begin: 0,
  success: 1,
  failure: 2,
  refreshSuccess: 3,
  outputs: 4,
  write: 5,
  secretsManager: 6,
  rebuiltBase: 7,
  extension: 8,
  snippets: 9,
} as const;
export type EntryKind = (typeof ENTRY_KINDS)[keyof typeof ENTRY_KINDS];

/** The format of entries that is read; the client names it in each. */
const ENTRY_VERSION = 1;
const KINDS: ReadonlySet<number> = new Set(Object.values(ENTRY_KINDS));

/** One journal entry. `…Old` are indices into the base, `…New` ids of operations that made a resource in this update. */
export interface JournalEntry {
  readonly sequence: number;
  readonly kind: EntryKind;
  readonly operation: number;
  readonly removeOld: number | undefined;
  readonly removeNew: number | undefined;
  readonly deleteOld: number | undefined;
  readonly deleteNew: number | undefined;
  readonly pendingReplacementOld: number | undefined;
  readonly pendingReplacementNew: number | undefined;
  readonly isRefresh: boolean;
  readonly state: Resource | undefined;
  readonly begun: Operation | undefined;
  /** Everything else that an entry carries, as it came. */
  readonly members: RawMembers;
}

/** Reads the entry that begins at `start` and where it ends. Throws SlipwayError `invalid_json` when it is none. */
export function readEntry(text: string, start: number): { entry: JournalEntry; end: number } {
  const members: RawMembers = new Map();
  let state: Resource | undefined;
  const end = readObject(text, start, (name, from) => {
    // A state is read where it stands, so that its text is gone through once.
    const isState = name === "state" && text.charCodeAt(from) === 123;
    const read = isState ? readResource(text, from) : undefined;
    state = read?.resource ?? state;
    const to = read?.end ?? skipValue(text, from);
    members.set(name, { text, start: from, end: to });
    return to;
  });
  const known = members.get("state");
  if (state === undefined && !isAbsent(known)) throw jsonError(text, known.start, "a resource");
  const sequence = optionalCount(members, "sequenceID");
  if (sequence === undefined || sequence === 0)
    throw jsonError(text, start, "an entry with a sequenceID from 1");
  const begun = members.get("operation");
  const entry: JournalEntry = {
    sequence,
    kind: kindOf(text, start, members),
    operation: optionalCount(members, "operationID") ?? 0,
    removeOld: optionalCount(members, "removeOld"),
    removeNew: optionalCount(members, "removeNew"),
    deleteOld: optionalCount(members, "deleteOld"),
    deleteNew: optionalCount(members, "deleteNew"),
    pendingReplacementOld: optionalCount(members, "pendingReplacementOld"),
    pendingReplacementNew: optionalCount(members, "pendingReplacementNew"),
    isRefresh: flagOf(members.get("isRefresh")),
    state,
    begun: isAbsent(begun) ? undefined : readOperation(begun),
    members,
  };
  return { entry, end };
}

function kindOf(text: string, start: number, members: RawMembers): EntryKind {
  const version = members.get("version");
  if (isAbsent(version) || countOf(version) !== ENTRY_VERSION) {
    throw jsonError(text, version?.start ?? start, `an entry of version ${ENTRY_VERSION}`);
  }
  const raw: Raw | undefined = members.get("kind");
  if (isAbsent(raw)) throw jsonError(text, start, "an entry with a kind");
  const kind = countOf(raw);
  if (!isKind(kind)) throw jsonError(text, raw.start, "a kind that is known (0 to 9)");
  return kind;
}

function isKind(kind: number): kind is EntryKind {
  return KINDS.has(kind);
}

function optionalCount(members: RawMembers, name: string): number | undefined {
  const raw = members.get(name);
  return isAbsent(raw) ? undefined : countOf(raw);
}
