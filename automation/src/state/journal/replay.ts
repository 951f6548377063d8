import { createHash } from "node:crypto";
import { SlipwayError } from "../../errors.ts";
import { FEATURES_VERSION, isDerived, PLAIN_VERSION } from "./features.ts";
import { named } from "./invalid.ts";
import { type JournalEntry, readEntry } from "./journal-entry.ts";
import { type JournalProblem, type Merged, startReplayer } from "./merge.ts";
import { assertEnd, encodeString, rawText, readArray, skipSpace } from "./raw-json.ts";
import { encodeStrings, resourceText } from "./resource.ts";
import { readStateDocument } from "./state-document.ts";

/** What a replay needs to know beside the journal. */
export interface ReplayMeta {
  /** Instant, RFC 3339: when the state was made. */
  readonly manifestTime: string;
  /** Version of the CLI as it writes it into states, with its `v`: `v3.250.0`. */
  readonly cliVersion: string;
  /**
   * What to do with an entry that refers to what is not there. `refuse` (default) throws. `skip` leaves out the reference, keeps the rest of the
   * entry and tells it in `problems`: for the end of an update, which must always leave a state.
   */
  readonly onProblem?: "refuse" | "skip";
}

/** A state that a journal left. */
export interface Replayed {
  /** JSON of Pulumi's `UntypedDeployment`, as an export answers it. */
  readonly text: string;
  /** All resources of the state, the stack's own and providers included, as Pulumi counts. */
  readonly resourceCount: number;
  /** Entries that were replayed; those that came again are not counted twice. */
  readonly entries: number;
  /** What was left out; empty unless `onProblem` is `skip`. */
  readonly problems: readonly JournalProblem[];
}

/**
 * The state after a journal: `base` is the state that the update began with, as its JSON text (null: none), each batch the JSON text of a list of
 * entries. Entries are taken in the order of their sequence, duplicates once, and holes are allowed, so that every prefix of a journal has a state.
 * Resources that no entry edits keep their bytes. Equals Pulumi's own replayer (pkg/backend/journal.go at 3.250.0), with which the oracle test
 * compares it. Throws SlipwayError `invalid_state` for a base, `invalid_journal` for entries that are none or refer to what is not there.
 */
export function replayJournal(base: string | null, batches: readonly string[], meta: ReplayMeta): Replayed {
  const started = base === null ? undefined : named("invalid_state", () => readStateDocument(base));
  return named("invalid_journal", () => {
    const entries = inSequence(batches);
    const problems: JournalProblem[] = [];
    const replayer = startReplayer(started?.snapshot, (problem) => {
      if (meta.onProblem !== "skip") throw problemError(problem);
      problems.push(problem);
    });
    for (const entry of entries) replayer.add(entry);
    const merged = replayer.merged();
    return {
      text: stateText(merged, started?.features ?? [], meta),
      resourceCount: merged.snapshot.resources.length,
      entries: entries.length,
      problems,
    };
  });
}

function inSequence(batches: readonly string[]): JournalEntry[] {
  const bySequence = new Map<number, JournalEntry>();
  for (const batch of batches) {
    const end = readArray(batch, skipSpace(batch, 0), (at) => {
      const read = readEntry(batch, at);
      if (!bySequence.has(read.entry.sequence)) bySequence.set(read.entry.sequence, read.entry);
      return read.end;
    });
    assertEnd(batch, end);
  }
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
}

function problemError({ sequence, reason }: JournalProblem): SlipwayError {
  const place = sequence === undefined ? "The journal" : `Journal entry ${sequence}`;
  return new SlipwayError("invalid_journal", `${place} ${reason}.`, { details: { sequence } });
}

/** Members of a deployment in the order in which Pulumi writes them; what newer versions add follows. */
const MEMBER_ORDER = [
  "secrets_providers",
  "resources",
  "pending_operations",
  "metadata",
  "snippets",
  "extensions",
];

function stateText(merged: Merged, baseFeatures: readonly string[], meta: ReplayMeta): string {
  const { resources, operations, members } = merged.snapshot;
  const texts = new Map([...members].map(([name, raw]) => [name, rawText(raw)]));
  if (resources.length > 0) texts.set("resources", `[${resources.map(resourceText).join(",")}]`);
  if (operations.length > 0)
    texts.set("pending_operations", `[${operations.map(({ text }) => text).join(",")}]`);
  if (!texts.has("metadata")) texts.set("metadata", "{}");
  texts.delete("manifest");
  const names = [...MEMBER_ORDER.filter((name) => texts.has(name)), ...texts.keys()];
  const parts = [...new Set(names)].map((name) => `${encodeString(name)}:${texts.get(name)}`);
  const deployment = `{${[`"manifest":${manifestText(meta)}`, ...parts].join(",")}}`;
  // What a newer CLI named as needed is still needed while there are resources: this version cannot tell for which of them.
  const carried = resources.length > 0 ? baseFeatures.filter((feature) => !isDerived(feature)) : [];
  const features = [...new Set([...merged.features, ...carried])].sort();
  const version = features.length > 0 ? FEATURES_VERSION : PLAIN_VERSION;
  const listed = features.length > 0 ? `"features":${encodeStrings(features)},` : "";
  return `{"version":${version},${listed}"deployment":${deployment}}`;
}

/** The CLI refuses a state whose magic is not the digest of its version. Plugins are no part of journaled manifests. */
function manifestText({ manifestTime, cliVersion }: ReplayMeta): string {
  const magic = cliVersion === "" ? "" : createHash("sha256").update(cliVersion).digest("hex");
  return `{"time":${encodeString(manifestTime)},"magic":"${magic}","version":${encodeString(cliVersion)}}`;
}
