import type { PlannedStep } from "../contract/previews.ts";
import { PROTECT_OPTION } from "../contract/previews.ts";
import type { FoundDifference } from "./property-changes.ts";
import { isSealedValue, propertyChanges } from "./property-changes.ts";

const PROVIDER_TYPE = "pulumi:providers:";

/** The engine takes a replacement in three steps, and counts it as one. */
const PARTS_OF_A_REPLACEMENT: ReadonlySet<string> = new Set([
  "create-replacement",
  "replace",
  "delete-replaced",
  "discard-replaced",
]);

/** What a provider is told beside its config: which plugin serves it. */
export interface PlannedProvider {
  urn: string;
  name: string;
  version: string | null;
  /** Properties that are secret as a whole. */
  secretProperties: string[];
}

/** All that a preview said. */
export interface PreviewReport {
  steps: PlannedStep[];
  providers: PlannedProvider[];
  /** By the engine's own summary: replace counts once. */
  counts: Record<string, number>;
}

/** Collects what a preview says from Pulumi's own apitype.EngineEvent. */
export interface StepCollector {
  add(event: Readonly<Record<string, unknown>>): void;
  report(): PreviewReport;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Collects the steps of a preview of an update, a destroy or a refresh. Events hold the states before and after, with secrets blinded. They know no dependencies: those come from the plan or the state.
 *
 * A refresh says in its first event of a resource only that it looks, and what it found in the second. One that is part of an update's preview is left out: the update's own steps start from what it found.
 */
export function collectSteps(operation: "preview" | "preview-destroy" | "preview-refresh"): StepCollector {
  const steps = new Map<string, PlannedStep>();
  const providers = new Map<string, PlannedProvider>();
  let counts: Record<string, number> = {};
  const isRefresh = operation === "preview-refresh";
  return {
    add(event) {
      const { summaryEvent } = event;
      if (isRecord(summaryEvent) && isRecord(summaryEvent.resourceChanges)) {
        const entries = Object.entries(summaryEvent.resourceChanges);
        counts = Object.fromEntries(entries.filter((entry): entry is [string, number] => isCount(entry[1])));
        return;
      }
      const told = isRefresh ? event.resOutputsEvent : event.resourcePreEvent;
      if (!isRecord(told) || told.planning !== true || !isRecord(told.metadata)) return;
      const { metadata } = told;
      noteProvider(metadata, providers);
      const step = stepOf(metadata, isRefresh);
      if (step === null) return;
      const key = `${step.operation} ${step.urn}`;
      const known = steps.get(key);
      // Of the parts of a replacement one alone has both sides.
      if (known === undefined || step.changes.length > known.changes.length) steps.set(key, step);
    },
    report: () => ({ steps: [...steps.values()], providers: [...providers.values()], counts }),
  };
}

function stepOf(metadata: Json, isRefresh: boolean): PlannedStep | null {
  const { op, urn, type, old, new: now, detailedDiff, keys } = metadata;
  if (typeof op !== "string" || typeof urn !== "string") return null;
  if (op === "refresh" && !isRefresh) return null;
  const before = isRecord(old) ? old : null;
  const after = isRecord(now) ? now : null;
  const present = after ?? before ?? {};
  const provider = textOf(present.provider) ?? textOf(metadata.provider);
  return {
    urn,
    type: String(type),
    name: urn.split("::").at(-1) ?? urn,
    operation: PARTS_OF_A_REPLACEMENT.has(op) ? "replace" : op,
    provider,
    parent: textOf(present.parent),
    dependencies: [],
    // What is deleted or replaced was protected by what the state says.
    protect: before?.protect === true || after?.protect === true,
    changes: [
      ...changesOf(op, before, after, detailedDiff, keys, isRefresh),
      ...(op === "same" || op === "update" ? lostProtection(before, after) : []),
    ],
  };
}

function changesOf(
  op: string,
  before: Json | null,
  after: Json | null,
  detailedDiff: unknown,
  keys: unknown,
  isRefresh: boolean,
): PlannedStep["changes"] {
  if (op === "same" || op === "refresh" || (before === null && after === null)) return [];
  // What is taken away goes as a whole; the second half of a replacement says nothing that its first has not.
  if (after === null) return op === "delete" ? propertyChanges(before?.inputs, {}) : [];
  const inputs = propertyChanges(before?.inputs, after.inputs, differences(detailedDiff), names(keys));
  if (!isRefresh) return inputs;
  const isNew = new Set(inputs.map(({ path }) => path));
  const outputs = propertyChanges(before?.outputs, after.outputs);
  return [...inputs, ...outputs.filter(({ path }) => !isNew.has(path))];
}

/** What is protected no more can be deleted by whoever comes next; no diff of properties tells it. */
function lostProtection(before: Json | null, after: Json | null): PlannedStep["changes"] {
  if (before?.protect !== true || after === null || after.protect === true) return [];
  return [{ path: PROTECT_OPTION, kind: "update", replaces: false, before: true, after: false, known: true }];
}

function noteProvider(metadata: Json, providers: Map<string, PlannedProvider>): void {
  const { type, urn, new: now } = metadata;
  if (typeof type !== "string" || !type.startsWith(PROVIDER_TYPE) || typeof urn !== "string") return;
  const inputs = isRecord(now) && isRecord(now.inputs) ? now.inputs : null;
  if (inputs === null) return;
  providers.set(urn, {
    urn,
    name: type.slice(PROVIDER_TYPE.length),
    version: textOf(inputs.version),
    secretProperties: Object.keys(inputs).filter((name) => isSealedValue(inputs[name])),
  });
}

function differences(value: unknown): Record<string, FoundDifference> {
  if (!isRecord(value)) return {};
  const kindOf = (one: unknown): string => (isRecord(one) ? (textOf(one.diffKind) ?? "update") : "update");
  return Object.fromEntries(Object.entries(value).map(([path, one]) => [path, { kind: kindOf(one) }]));
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function isCount(value: unknown): value is number {
  return typeof value === "number";
}

function isRecord(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
