import { createHash } from "node:crypto";
import { SECRET_VALUE } from "../contract/previews.ts";
import type { Difference } from "./drift-compare.ts";
import { canonical, compareProperties, holdsSeal, isObject, sealedPaths } from "./drift-compare.ts";

/** One property that differs. Values are as the engine tells them; sealed ones are SECRET_VALUE. */
export interface DriftChange {
  path: string;
  side: "input" | "output";
  /** Null: it is not there. Else a text of JSON. */
  before: string | null;
  after: string | null;
  /** SHA-256 of the value of now, whatever its form. For an HMAC of it, never to be stored as it is. */
  valueDigest: string;
  /** The same value written in another way. */
  formOnly: boolean;
  /** Its values are sealed. */
  sealed: boolean;
}

/** What one event of a refresh that only looks says of one resource. */
export interface DriftFacts {
  /** `same`: it was read, and nothing of it differs. */
  class: "same" | "gone" | "input-changed" | "output-only";
  changes: DriftChange[];
}

const MAX_CHANGES = 200;
const LONGEST_VALUE = 4_000;

type Json = Readonly<Record<string, unknown>>;

/**
 * What differs between the state and what the provider reads now, from Pulumi's own apitype.EngineEvent of `refresh --preview-only`; null when the event is none of a
 * resource that a provider keeps.
 *
 * `same` is the provider's own word that nothing differs that matters to it, whatever the texts are: what differs all the same is output only.
 *
 * Events hold no sealed value. When the engine says `update` and nothing else differs, a sealed one does. A provider that answers a secret unsealed cannot be compared with its
 * seal: that alone is never taken for a changed input, and its value goes no further than this.
 */
export function driftOf(raw: Json): DriftFacts | null {
  const event = raw.resOutputsEvent;
  if (!isObject(event) || !isObject(event.metadata)) return null;
  const { op, type, old, new: now } = event.metadata;
  if (!isObject(old) || old.custom !== true || String(type).startsWith("pulumi:")) return null;
  if (op === "delete") return { class: "gone", changes: [] };
  if ((op !== "update" && op !== "same") || !isObject(now)) return null;

  const inputs = compareProperties(old.inputs, now.inputs);
  const outputs = compareProperties(old.outputs, now.outputs);
  const masks = masksOf([old.inputs, now.inputs, old.outputs, now.outputs]);
  const tell =
    (side: DriftChange["side"], formOnly: boolean) =>
    (difference: Difference): DriftChange =>
      changeOf(difference, { side, formOnly, sealed: masks(difference) });
  const isSame = op === "same";
  const changes = [
    ...inputs.changed.map(tell(isSame ? "output" : "input", false)),
    ...inputs.form.map(tell("input", true)),
    ...outputs.changed.map(tell("output", false)),
    ...outputs.form.map(tell("output", true)),
  ];
  const known = new Set(changes.map(({ path }) => path));
  for (const path of unique([...inputs.unsealed, ...outputs.unsealed]))
    if (!isSame && !known.has(path)) changes.push(sealedChange(path, "output"));
  if (!isSame && changes.length === 0) {
    const side = inputs.sealed.length > 0 ? "input" : "output";
    changes.push(...(side === "input" ? inputs : outputs).sealed.map((path) => sealedChange(path, side)));
  }
  const once = firstOfEach(changes).slice(0, MAX_CHANGES);
  if (once.length === 0) return { class: "same", changes: [] };
  const isInput = once.some(({ side, formOnly }) => side === "input" && !formOnly);
  return { class: isInput ? "input-changed" : "output-only", changes: once };
}

/** Cuts values that are too long to be kept. Comes after redaction: half a secret would be found by nobody. */
export function cutValues(facts: DriftFacts): DriftFacts {
  const cut = (text: string | null): string | null =>
    text === null || text.length <= LONGEST_VALUE
      ? text
      : `${text.slice(0, LONGEST_VALUE)}… (${text.length - LONGEST_VALUE} more characters)`;
  const changes = facts.changes.map((one) => ({ ...one, before: cut(one.before), after: cut(one.after) }));
  return { ...facts, changes };
}

/** The program's own property comes first: what mirrors it among the outputs says nothing new. */
function firstOfEach(changes: readonly DriftChange[]): DriftChange[] {
  const seen = new Map<string, DriftChange>();
  for (const change of changes) {
    const key = change.path.endsWith("[+]") ? `${change.path} ${change.valueDigest}` : change.path;
    const earlier = seen.get(key);
    if (earlier === undefined || (earlier.formOnly && !change.formOnly)) seen.set(key, change);
  }
  return [...seen.values()];
}

function changeOf(
  { path, before, after }: Difference,
  how: Pick<DriftChange, "side" | "formOnly" | "sealed">,
): DriftChange {
  const shown = (value: unknown): string | null =>
    value === undefined ? null : how.sealed ? JSON.stringify(SECRET_VALUE) : JSON.stringify(value);
  return { path, ...how, before: shown(before), after: shown(after), valueDigest: digestOf(after) };
}

function sealedChange(path: string, side: DriftChange["side"]): DriftChange {
  const shown = JSON.stringify(SECRET_VALUE);
  return {
    path,
    side,
    before: shown,
    after: shown,
    valueDigest: digestOf(SECRET_VALUE),
    formOnly: false,
    sealed: true,
  };
}

function digestOf(value: unknown): string {
  return createHash("sha256").update(canonical(value)).digest("hex");
}

/** Whether a difference may show a value that is sealed anywhere: on the other side, in the inputs of an output, above or below it, or at another place of the same list. */
function masksOf(sides: readonly unknown[]): (difference: Difference) => boolean {
  const sealed = unique(sides.flatMap((side) => sealedPaths(side ?? {})).map(anyIndex));
  return ({ path, before, after }) => {
    const own = anyIndex(path);
    return (
      holdsSeal(before) ||
      holdsSeal(after) ||
      sealed.some((one) => one === own || isBelow(one, own) || isBelow(own, one))
    );
  };
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}.`) || path.startsWith(`${above}[`);
}

function anyIndex(path: string): string {
  return path.replace(/\[(?:\d+|\+)\]/gu, "[*]");
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
