import { renamedByAliases, renamedSnippets, withRenamed } from "./aliases.ts";
import { addFeatures, SNIPPETS_FEATURE } from "./features.ts";
import { ENTRY_KINDS, type JournalEntry } from "./journal-entry.ts";
import { prunedResources } from "./prune.ts";
import {
  editedObject,
  elementsOf,
  isAbsent,
  membersOf,
  type Raw,
  type RawMembers,
  rawText,
  stringOf,
} from "./raw-json.ts";
import { type Operation, type Resource, withFlag } from "./resource.ts";
import { EMPTY_SNAPSHOT, readSnapshot, type Snapshot } from "./state-document.ts";

/** A reference of an entry to what is not there; `reason` continues a sentence about it. `sequence` is undefined when no one entry is to blame. */
export interface JournalProblem {
  readonly sequence: number | undefined;
  readonly reason: string;
}

/** A base and what was journaled on it, made into one; `features` in no order. */
export interface Merged {
  readonly snapshot: Snapshot;
  readonly features: ReadonlySet<string>;
}

export interface Replayer {
  add(entry: JournalEntry): void;
  /** May be asked at any time: the state if the update ended now. */
  merged(): Merged;
}

/** A resource that an operation of this update made. A refresh may empty the place of one that is gone. */
interface Made {
  resource: Resource;
  isRemoved: boolean;
}

/** What entries say of the resources of one base, by their index in it. */
interface BaseMarks {
  readonly removed: Set<number>;
  readonly replaced: Map<number, Resource>;
  readonly deleted: Set<number>;
  readonly pendingReplacement: Set<number>;
}

/**
 * Replays entries, given in their order, on a base. A base is known by index and a new resource by its operation, never by URN: a replacement
 * and its predecessor share one. `report` is told of each reference to what is not there; when it returns, that reference is left out.
 */
export function startReplayer(
  started: Snapshot | undefined,
  report: (problem: JournalProblem) => void,
): Replayer {
  let base = started ?? EMPTY_SNAPSHOT;
  let marks = noMarks();
  let made: Made[] = [];
  let madeBy = new Map<number, Made>();
  let begun = new Map<number, Operation>();
  let extensions = new Map<string, Raw>();
  let hasRefresh = false;

  const setMember = (name: string, raw: Raw | undefined) => {
    const members: RawMembers = new Map(base.members);
    if (isAbsent(raw)) members.delete(name);
    else members.set(name, raw);
    base = { ...base, members };
  };

  const inBase = (entry: JournalEntry, index: number | undefined): index is number => {
    if (index === undefined) return false;
    if (index < base.resources.length) return true;
    report({
      sequence: entry.sequence,
      reason: `refers to resource ${index} of a base that has ${base.resources.length}`,
    });
    return false;
  };

  const madeIn = (entry: JournalEntry, operation: number | undefined): Made | undefined => {
    if (operation === undefined) return undefined;
    const found = madeBy.get(operation);
    if (found === undefined) {
      report({
        sequence: entry.sequence,
        reason: `refers to operation ${operation}, which made no resource`,
      });
    }
    return found;
  };

  const succeed = (entry: JournalEntry) => {
    if (entry.state !== undefined) {
      const place = { resource: entry.state, isRemoved: false };
      made.push(place);
      madeBy.set(entry.operation, place);
    }
    if (inBase(entry, entry.removeOld)) marks.removed.add(entry.removeOld);
    const removed = madeIn(entry, entry.removeNew);
    if (removed !== undefined) removed.isRemoved = true;
    if (inBase(entry, entry.deleteOld)) marks.deleted.add(entry.deleteOld);
    const deleted = madeIn(entry, entry.deleteNew);
    if (deleted !== undefined) deleted.resource = withFlag(deleted.resource, "delete");
    if (inBase(entry, entry.pendingReplacementOld)) marks.pendingReplacement.add(entry.pendingReplacementOld);
    const pending = madeIn(entry, entry.pendingReplacementNew);
    if (pending !== undefined) pending.resource = withFlag(pending.resource, "pendingReplacement");
    if (entry.isRefresh) hasRefresh = true;
  };

  /** A state that takes the place of what it describes, wherever that is; its marks go with it. */
  const replace = (entry: JournalEntry, state: Resource) => {
    if (inBase(entry, entry.removeOld)) marks.replaced.set(entry.removeOld, state);
    const place = madeIn(entry, entry.removeNew);
    if (place !== undefined) place.resource = state;
  };

  const refresh = (entry: JournalEntry) => {
    hasRefresh = true;
    if (entry.state !== undefined) {
      replace(entry, entry.state);
      return;
    }
    if (inBase(entry, entry.removeOld)) marks.removed.add(entry.removeOld);
    const place = madeIn(entry, entry.removeNew);
    if (place !== undefined) place.isRemoved = true;
  };

  const write = (entry: JournalEntry) => {
    const snapshot = entry.members.get("newSnapshot");
    if (isAbsent(snapshot)) {
      report({ sequence: entry.sequence, reason: "writes a base but has none" });
      return;
    }
    base = readSnapshot(snapshot.text, snapshot.start).snapshot;
  };

  const addExtension = (entry: JournalEntry) => {
    const reference = entry.members.get("extensionRef");
    const extension = entry.members.get("extension");
    if (isAbsent(reference) || isAbsent(extension)) {
      report({ sequence: entry.sequence, reason: "adds an extension but has none" });
      return;
    }
    extensions.set(stringOf(reference), extension);
  };

  const merged = (): Merged => {
    const features = new Set<string>();
    const resources = [
      ...made.filter(({ isRemoved }) => !isRemoved).map(({ resource }) => resource),
      ...survivors(base, marks),
    ];
    const operations = [...begun.values(), ...base.operations.filter(({ type }) => type === "creating")];
    for (const resource of resources) addFeatures(resource, features);
    for (const { resource } of operations) addFeatures(resource, features);
    const kept = hasRefresh ? prunedResources(resources) : resources;
    const renamed = renamedByAliases(kept, (alias, first, second) =>
      report({
        sequence: undefined,
        reason: `leaves two resources, ${first} and ${second}, with the alias ${alias}`,
      }),
    );
    const members = withExtensions(base.members, extensions);
    const snippets = members.get("snippets");
    if (!isAbsent(snippets) && elementsOf(snippets).length > 0) {
      features.add(SNIPPETS_FEATURE);
      if (renamed.size > 0) members.set("snippets", wholeText(renamedSnippets(snippets, renamed)));
    }
    const final = renamed.size === 0 ? kept : kept.map((resource) => withRenamed(resource, renamed));
    return { snapshot: { resources: final, operations, members }, features };
  };

  const rebase = () => {
    base = merged().snapshot;
    marks = noMarks();
    made = [];
    madeBy = new Map();
    begun = new Map();
    extensions = new Map();
  };

  const add = (entry: JournalEntry): void => {
    const { kind, members } = entry;
    const ends: readonly number[] = [ENTRY_KINDS.success, ENTRY_KINDS.failure, ENTRY_KINDS.refreshSuccess];
    if (kind === ENTRY_KINDS.begin || ends.includes(kind)) begun.delete(entry.operation);
    switch (kind) {
      case ENTRY_KINDS.begin:
        if (entry.begun !== undefined) begun.set(entry.operation, entry.begun);
        break;
      case ENTRY_KINDS.success:
        succeed(entry);
        break;
      case ENTRY_KINDS.failure:
        break;
      case ENTRY_KINDS.refreshSuccess:
        refresh(entry);
        break;
      case ENTRY_KINDS.outputs:
        if (entry.state !== undefined) replace(entry, entry.state);
        break;
      case ENTRY_KINDS.write:
        write(entry);
        break;
      case ENTRY_KINDS.secretsManager:
        // An entry without a provider says nothing: what opens the secrets that are there stays.
        if (!isAbsent(members.get("secretsProvider")))
          setMember("secrets_providers", members.get("secretsProvider"));
        break;
      case ENTRY_KINDS.rebuiltBase:
        rebase();
        break;
      case ENTRY_KINDS.extension:
        addExtension(entry);
        break;
      case ENTRY_KINDS.snippets:
        setMember("snippets", members.get("snippets"));
        break;
    }
  };

  return { add, merged };
}

function noMarks(): BaseMarks {
  return { removed: new Set(), replaced: new Map(), deleted: new Set(), pendingReplacement: new Set() };
}

/** The resources of a base that are still there: a replaced one as its new state says, the others with their marks. */
function survivors(base: Snapshot, marks: BaseMarks): Resource[] {
  const found: Resource[] = [];
  for (const [index, resource] of base.resources.entries()) {
    if (marks.removed.has(index)) continue;
    const replaced = marks.replaced.get(index);
    if (replaced !== undefined) {
      found.push(replaced);
      continue;
    }
    const pending = marks.pendingReplacement.has(index) ? withFlag(resource, "pendingReplacement") : resource;
    found.push(marks.deleted.has(index) ? withFlag(pending, "delete") : pending);
  }
  return found;
}

/** The members of a base with extensions added; those that it has already win. */
function withExtensions(members: RawMembers, extensions: ReadonlyMap<string, Raw>): RawMembers {
  const result: RawMembers = new Map(members);
  if (extensions.size === 0) return result;
  const known = result.get("extensions");
  const before = isAbsent(known) ? wholeText("{}") : known;
  const has = membersOf(before);
  const added = [...extensions].filter(([name]) => !has.has(name));
  const text = editedObject(before, has, new Map(added.map(([name, raw]) => [name, rawText(raw)])));
  return result.set("extensions", wholeText(text));
}

function wholeText(text: string): Raw {
  return { text, start: 0, end: text.length };
}
