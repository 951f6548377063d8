import { z } from "zod";
import { eventOf } from "../engine/map-event.ts";
import { SlipwayError } from "../errors.ts";
import {
  assertEnd,
  elementsOf,
  isAbsent,
  jsonError,
  membersAt,
  rawText,
  skipSpace,
} from "./journal/raw-json.ts";

const MS_PER_SECOND = 1_000;
const MAX_SEQUENCE = 2_147_483_647;

/** The numbers of apitype.EngineEvent; what happened is read by the mapping. */
const Envelope = z.looseObject({
  sequence: z.int().min(0).max(MAX_SEQUENCE),
  timestamp: z.int().min(0).max(100_000_000_000),
});
const Summary = z.object({
  summaryEvent: z.object({ resourceChanges: z.record(z.string(), z.int()).nullish() }),
});

/** One event of a batch. */
export interface ReadEvent {
  sequence: number;
  /** ISO 8601. */
  at: string;
  /** JSON text of what is shown; null: nothing. */
  body: string | null;
  /** As the CLI sent it. */
  text: string;
}

/** Events of an apitype.EngineEventBatch, as events of a step. Throws SlipwayError `invalid_request` for anything else. */
export function readEventBatch(
  body: string,
  step: string,
): { events: ReadEvent[]; changes: Record<string, number> | null } {
  let changes: Record<string, number> | null = null;
  const events = textsOf(body).map((text): ReadEvent => {
    const { sequence, timestamp, ...event } = parseEvent(text);
    const summary = Summary.safeParse(event);
    if (summary.success) changes = summary.data.summaryEvent.resourceChanges ?? {};
    const shown = eventOf(step, event);
    return {
      sequence,
      at: new Date(timestamp * MS_PER_SECOND).toISOString(),
      body: shown === null ? null : JSON.stringify(storable(shown)),
      text,
    };
  });
  return { events, changes };
}

/** Whether an event, given as its text, is of one of these types and about this resource; null asks for all. */
export function isAskedFor(text: string, types: readonly string[] | null, urn: string | null): boolean {
  if (types === null && urn === null) return true;
  const event = parseEvent(text);
  if (types !== null && !types.some((type) => event[type] !== undefined)) return false;
  return urn === null || Object.values(event).some((part) => urnOf(part) === urn);
}

function urnOf(part: unknown): string | undefined {
  const parsed = Located.safeParse(part);
  return parsed.success ? (parsed.data.metadata?.urn ?? parsed.data.urn) : undefined;
}

const Located = z.object({
  urn: z.string().optional(),
  metadata: z.object({ urn: z.string() }).optional(),
});

function textsOf(body: string): string[] {
  try {
    JSON.parse(body);
    return eventTexts(body);
  } catch (cause) {
    throw new SlipwayError("invalid_request", "The body is no batch of events.", { cause });
  }
}

function eventTexts(body: string): string[] {
  const start = skipSpace(body, 0);
  const { members, end } = membersAt(body, start);
  assertEnd(body, end);
  const events = members.get("events");
  if (isAbsent(events)) throw jsonError(body, start, "a list of events");
  return elementsOf(events).map(rawText);
}

function parseEvent(text: string): z.infer<typeof Envelope> {
  const parsed = Envelope.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new SlipwayError("invalid_request", "An event has no sequence or no timestamp.");
}

/** Postgres holds no NUL and no half of a surrogate pair, which a program's output may have. */
function storable(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\0", "\ufffd");
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [storable(name), storable(inner)]));
}
