import type { DriftedResource } from "../contract/drift.ts";

/** What one event of a refresh that only looks says of one resource. */
export type DriftFacts = Pick<DriftedResource, "class" | "changedProperties" | "sealedProperties">;

/** How Pulumi marks a secret in JSON. Source: sdk/go/common/resource/sig of 3.250.0. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET_MARK = "1b47061264138c4ac30d75fd1eb44270";
const MAX_PATHS = 200;

type Json = Readonly<Record<string, unknown>>;

/**
 * What differs between the state and what the provider reads now, from Pulumi's own apitype.EngineEvent of `refresh --preview-only`; null when nothing does, or when the event is none of a
 * resource that a provider keeps. Only here are the values before and after at hand: they stay here.
 *
 * `same` is the provider's own word that nothing differs that matters to it, whatever the texts are: what differs all the same is output only.
 *
 * Events hold no sealed value. When the engine says `update` and nothing else differs, a sealed one does. A provider that answers a secret unsealed cannot be compared with its
 * seal: that alone is never taken for a changed input.
 */
export function driftOf(raw: Json): DriftFacts | null {
  const event = raw.resOutputsEvent;
  if (!isObject(event) || !isObject(event.metadata)) return null;
  const { op, type, old, new: now } = event.metadata;
  if (!isObject(old) || old.custom !== true || String(type).startsWith("pulumi:")) return null;
  if (op === "delete") return { class: "gone", changedProperties: [], sealedProperties: [] };
  if ((op !== "update" && op !== "same") || !isObject(now)) return null;

  const inputs = compare(old.inputs, now.inputs);
  const outputs = compare(old.outputs, now.outputs);
  if (op === "same") {
    const changed = unique([...inputs.changed, ...outputs.changed]);
    return changed.length === 0 ? null : factsOf("output-only", changed, []);
  }
  if (inputs.changed.length > 0) return factsOf("input-changed", inputs.changed, []);
  if (outputs.changed.length > 0 || outputs.unsealed.length > 0 || inputs.unsealed.length > 0) {
    const unsealed = unique([...inputs.unsealed, ...outputs.unsealed]);
    return factsOf("output-only", unique([...outputs.changed, ...unsealed]), unsealed);
  }
  if (inputs.sealed.length > 0) return factsOf("input-changed", inputs.sealed, inputs.sealed);
  return factsOf("output-only", outputs.sealed, outputs.sealed);
}

function factsOf(
  kind: DriftFacts["class"],
  changed: readonly string[],
  sealed: readonly string[],
): DriftFacts {
  return {
    class: kind,
    changedProperties: changed.slice(0, MAX_PATHS),
    sealedProperties: sealed.slice(0, MAX_PATHS),
  };
}

interface Comparison {
  /** Paths with two values that can be compared and differ. */
  changed: string[];
  /** Sealed before and now. */
  sealed: string[];
  /** Sealed on one side only. */
  unsealed: string[];
}

function compare(old: unknown, now: unknown): Comparison {
  const found: Comparison = { changed: [], sealed: [], unsealed: [] };
  walk(old ?? {}, now ?? {}, "", found);
  return found;
}

function walk(old: unknown, now: unknown, path: string, found: Comparison): void {
  if (isSealed(old) || isSealed(now)) {
    // One that appeared or went is a difference whatever its value.
    if (old === undefined || now === undefined) found.changed.push(path);
    else (isSealed(old) && isSealed(now) ? found.sealed : found.unsealed).push(path);
    return;
  }
  if (Array.isArray(old) && Array.isArray(now)) {
    for (let index = 0; index < Math.max(old.length, now.length); index += 1) {
      walk(old[index], now[index], `${path}[${index}]`, found);
    }
    return;
  }
  if (isObject(old) && isObject(now)) {
    for (const name of unique([...Object.keys(old), ...Object.keys(now)])) {
      walk(old[name], now[name], path === "" ? name : `${path}.${name}`, found);
    }
    return;
  }
  if (old !== now) found.changed.push(path);
}

function isSealed(value: unknown): boolean {
  return isObject(value) && value[SIGNATURE] === SECRET_MARK;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unique(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
