import { withoutPlannedValues } from "./plan-violation.ts";
import { slimPolicyEvent } from "./policy-events.ts";

/*
 * The parts of Pulumi's apitype.EngineEvent that anybody here reads. Source: sdk/go/common/apitype/events.go at 3.250.0.
 */
type RawEvent = Readonly<Record<string, unknown>>;

/** Names of properties pass, their values never do: the states before and after are most of an event. */
const METADATA_FIELDS = ["op", "urn", "type", "diffs", "detailedDiff"] as const;
const DIAGNOSTIC_FIELDS = ["urn", "message", "severity", "ephemeral"] as const;
const SUMMARY_FIELDS = ["resourceChanges", "durationSeconds", "PolicyPacks"] as const;

/**
 * What is left of an engine event when all that nobody reads is taken away; null when nothing is. The runner calls it for each line of the
 * log before anything dear (redaction, JSON, the worker's checks) is done to an event.
 */
export function slimEvent(raw: RawEvent): Record<string, unknown> | null {
  // Config stays behind: only that the engine is at work is told.
  if ("preludeEvent" in raw) return { preludeEvent: {} };
  for (const kind of ["resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"] as const) {
    const event = raw[kind];
    if (!isObject(event) || !isObject(event.metadata)) continue;
    const metadata = pick(event.metadata, METADATA_FIELDS);
    return { [kind]: event.planning === true ? { metadata, planning: true } : { metadata } };
  }
  if (isObject(raw.diagnosticEvent)) {
    const { severity, ephemeral } = raw.diagnosticEvent;
    if (severity === "debug" || ephemeral === true) return null;
    const slim = pick(raw.diagnosticEvent, DIAGNOSTIC_FIELDS);
    if (typeof slim.message === "string") slim.message = withoutPlannedValues(slim.message, slim.urn);
    return { diagnosticEvent: slim };
  }
  if (isObject(raw.summaryEvent)) return { summaryEvent: pick(raw.summaryEvent, SUMMARY_FIELDS) };
  return "cancelEvent" in raw ? { cancelEvent: {} } : slimPolicyEvent(raw);
}

/** Collects from engine events what the outcome of a request says. */
export interface EventDigest {
  add(event: RawEvent): void;
  /** Messages of diagnostics with severity error, in order, each once. */
  readonly errors: string[];
  readonly changes: Record<string, number>;
}

export function digestEvents(): EventDigest {
  const errors: string[] = [];
  const changes: Record<string, number> = {};
  return {
    errors,
    changes,
    add({ diagnosticEvent, summaryEvent }) {
      if (isObject(diagnosticEvent) && diagnosticEvent.severity === "error") {
        const message = withoutColours(String(diagnosticEvent.message)).trim();
        if (message !== "" && !errors.includes(message)) errors.push(message);
      }
      if (!isObject(summaryEvent) || !isObject(summaryEvent.resourceChanges)) return;
      for (const [operation, count] of Object.entries(summaryEvent.resourceChanges)) {
        if (typeof count === "number") changes[operation] = count;
      }
    },
  };
}

/** Removes the colour directives (`<{%reset%}>`) that Pulumi writes into its messages. */
export function withoutColours(text: string): string {
  return text.replace(/<\{%[^%]*%\}>/gu, "");
}

function pick(from: RawEvent, names: readonly string[]): Record<string, unknown> {
  const taken: Record<string, unknown> = {};
  for (const name of names) if (from[name] !== undefined) taken[name] = from[name];
  return taken;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
