import type { DataKey, Purpose } from "../../secrets/envelope.ts";
import type { CheckedImport } from "../check-import.ts";
import { checkImport } from "../check-import.ts";
import type { EventBatch } from "../engine-events-store.ts";
import type { ReadEvent } from "../event-batch.ts";
import { eventTexts, readEventBatch } from "../event-batch.ts";
import type { CheckedCheckpoint, CheckpointNames } from "../import/check-checkpoint.ts";
import { checkCheckpoint } from "../import/check-checkpoint.ts";
import type { CheckedEntries } from "../journal/check-entries.ts";
import { checkEntries } from "../journal/check-entries.ts";
import { checkState } from "../journal/check-state.ts";
import { withoutPendingCreates } from "../journal/clear-creates.ts";
import type { Edges } from "../journal/edges.ts";
import { edgesOf } from "../journal/edges.ts";
import type { StateFacts } from "../journal/facts.ts";
import { factsOf } from "../journal/facts.ts";
import { readEntry } from "../journal/journal-entry.ts";
import type { JournaledOperation } from "../journal/operations.ts";
import { operationsOf } from "../journal/operations.ts";
import { outputsOnly } from "../journal/outputs-only.ts";
import { readArray, skipSpace } from "../journal/raw-json.ts";
import { renameState, type StackFullName } from "../journal/rename.ts";
import { replayJournal } from "../journal/replay.ts";
import { checkpointText } from "../request-text.ts";
import type { EntryFacts } from "../rules.ts";
import { isDrained } from "../rules.ts";
import type { SealedText } from "../sealed-text.ts";
import { openText, sealPacked, sealText } from "../sealed-text.ts";

/** A sealed text with the key that opens it. */
export interface Locked {
  key: DataKey;
  body: Uint8Array;
}

/** A journal with the state that it starts from. */
export interface ReplayTask {
  /** Null: an empty stack. */
  base: Locked | null;
  batches: readonly Locked[];
  /** Seals the result. */
  key: DataKey;
  meta: { manifestTime: string; cliVersion: string };
}

/** A state, sealed. */
export interface SealedState extends SealedText {
  resourceCount: number;
  /** What was left out because it refers to what is not there. */
  problems: { sequence: number | undefined; reason: string }[];
}

/** A batch of entries, checked and sealed. */
export interface SealedBatch extends SealedText {
  firstSequence: number;
  lastSequence: number;
  count: number;
  references: References;
}

/** What the entries of a batch refer to. */
export type References = Pick<
  CheckedEntries,
  "highestBaseIndex" | "highestOperation" | "highestReferredOperation" | "replacesBase"
>;

/** A batch of engine events: what is shown of each, and what is kept of all. */
export interface SealedEvents {
  events: ReadEvent[];
  /** Null: there are none. */
  batch: EventBatch | null;
  changes: Record<string, number> | null;
}

/** Everything that large texts are put through. Each is pure and blocks; state/threads/pool.ts decides where it runs. */
export const work = {
  seal: ({ key, purpose, text }: { key: DataKey; purpose: Purpose; text: string }): SealedText =>
    sealText(key, purpose, text),

  open: ({ key, purpose, body }: Locked & { purpose: Purpose }): string => openText(key, purpose, body),

  /** Checks the JSON text of a list of entries. Throws SlipwayError `invalid_journal`. */
  sealEntries: ({ key, entries }: { key: DataKey; entries: string }): SealedBatch => {
    const { firstSequence, lastSequence, entries: count, ...references } = checkEntries(entries);
    return { ...sealText(key, "journal", entries), firstSequence, lastSequence, count, references };
  },

  /** `sealEntries` for those alone that a drain still records; null when there are none. `refused`: how many were left out. */
  sealDrained: ({
    key,
    entries,
  }: {
    key: DataKey;
    entries: string;
  }): { batch: SealedBatch | null; refused: number } => {
    checkEntries(entries);
    const all = entriesOf(entries);
    const kept = all.filter(isDrained);
    const refused = all.length - kept.length;
    if (kept.length === 0) return { batch: null, refused };
    const text = `[${kept.map((entry) => entry.text).join(",")}]`;
    return { batch: work.sealEntries({ key, entries: text }), refused };
  },

  /** What is shown of a state. */
  facts: ({ key, body }: Locked): StateFacts => factsOf(openText(key, "state", body)),

  /** What each resource of a state needs. */
  edges: ({ key, body }: Locked): Edges => edgesOf(openText(key, "state", body)),

  /** Reads a batch of engine events. `packed`: its text gzipped, when it came so; packing it again would cost most of all this. Throws SlipwayError `invalid_request`. */
  sealEvents: ({
    key,
    text,
    packed,
    step,
  }: {
    key: DataKey;
    text: string;
    packed: Uint8Array | null;
    step: string;
  }): SealedEvents => {
    const { events, changes } = readEventBatch(text, step);
    const numbers = events.map(({ sequence }) => sequence).sort((one, other) => one - other);
    const [firstSequence, lastSequence] = [numbers.at(0), numbers.at(-1)];
    if (firstSequence === undefined || lastSequence === undefined) return { events, batch: null, changes };
    return {
      events,
      batch: {
        firstSequence,
        lastSequence,
        body: packed === null ? sealText(key, "event", text).body : sealPacked(key, "event", packed),
      },
      changes,
    };
  },

  /** Texts of kept engine events, those alone that are asked for, in order. */
  events: ({
    batches,
    range,
    wanted,
  }: {
    batches: readonly Locked[];
    range: { from: number; before: number };
    wanted: { types: readonly string[] | null; urn: string | null };
  }): string[] =>
    eventTexts(
      batches.map(({ key, body }) => openText(key, "event", body)),
      range,
      wanted,
    ),

  /** What batches tell of operations. */
  operations: ({ batches }: { batches: readonly Locked[] }): EntryFacts[] =>
    batches.flatMap(({ key, body }) =>
      entriesOf(openText(key, "journal", body)).map(({ kind, operationId }) => ({ kind, operationId })),
    ),

  /** What became of each operation that a journal tells of. */
  account: ({ batches }: { batches: readonly Locked[] }): JournaledOperation[] =>
    operationsOf(batches.map(({ key, body }) => openText(key, "journal", body))),

  /** A state without some pending creates. */
  clearCreates: ({
    text,
    urns,
  }: {
    text: string;
    urns: readonly string[];
  }): { text: string; dropped: number } => withoutPendingCreates(text, urns),

  /** Checks a whole state that a person brings. Throws SlipwayError `invalid_state`. */
  checkImport: ({ text }: { text: string }): CheckedImport => checkImport(text),

  /** A state with nothing but the stack's outputs. */
  outputsOnly: ({ text }: { text: string }): string => outputsOnly(text),

  /** A state as it is after its stack was renamed. */
  rename: ({ text, from, to }: { text: string; from: StackFullName; to: StackFullName }): string =>
    renameState(text, from, to),

  /** Checks a whole state as the CLI sends it. Throws SlipwayError `invalid_state` or `invalid_json`. */
  sealCheckpoint: ({ key, text }: { key: DataKey; text: string }): SealedText => {
    const state = checkpointText(text);
    checkState(state);
    return sealText(key, "state", state);
  },

  /** Checks a state of another backend before it is imported. */
  checkpoint: ({ text, ...names }: CheckpointNames & { text: string }): CheckedCheckpoint =>
    checkCheckpoint(text, names),

  /** Makes a state of the newest whole one that an update sent. */
  takeCheckpoint: ({ key, checkpoint }: { key: DataKey; checkpoint: Locked }): SealedState => {
    const text = openText(checkpoint.key, "state", checkpoint.body);
    const { resourceCount } = checkState(text);
    return { ...sealText(key, "state", text), resourceCount, problems: [] };
  },

  /** Makes a state of a journal. An end must always leave one: what refers to nothing is left out and told. */
  replay: ({ base, batches, key, meta }: ReplayTask): SealedState => {
    const { text, resourceCount, problems } = replayJournal(
      base === null ? null : openText(base.key, "state", base.body),
      batches.map((batch) => openText(batch.key, "journal", batch.body)),
      { ...meta, onProblem: "skip" },
    );
    return {
      ...sealText(key, "state", text),
      resourceCount,
      problems: problems.map(({ sequence, reason }) => ({ sequence, reason })),
    };
  },
};

export type Work = typeof work;
export type WorkName = keyof Work;

function entriesOf(text: string): (EntryFacts & { text: string })[] {
  const all: (EntryFacts & { text: string })[] = [];
  readArray(text, skipSpace(text, 0), (at) => {
    const { entry, end } = readEntry(text, at);
    all.push({ kind: entry.kind, operationId: entry.operation, text: text.slice(at, end) });
    return end;
  });
  return all;
}
