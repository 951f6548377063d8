import { z } from "zod";
import { eventOf } from "../engine/map-event.ts";
import { SlipwayError } from "../errors.ts";
import { elementsOf, isAbsent, membersAt, rawText, skipSpace } from "./journal/raw-json.ts";

const MS_PER_SECOND = 1_000;
const MAX_SEQUENCE = 2_147_483_647;

/** The numbers of apitype.EngineEvent; what happened is read by the mapping. */
const Envelope = z.looseObject({
  sequence: z.int().min(0).max(MAX_SEQUENCE),
  timestamp: z.int().min(0).max(100_000_000_000),
});
const Batch = z.object({ events: z.array(Envelope) });
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
}

/** Events of an apitype.EngineEventBatch, as events of a step. Throws SlipwayError `invalid_request` for anything else. */
export function readEventBatch(
  body: string,
  step: string,
): { events: ReadEvent[]; changes: Record<string, number> | null } {
  let changes: Record<string, number> | null = null;
  const events = parseBatch(body).map(({ sequence, timestamp, ...event }): ReadEvent => {
    if ("summaryEvent" in event) {
      const summary = Summary.safeParse(event);
      if (summary.success) changes = summary.data.summaryEvent.resourceChanges ?? {};
    }
    const shown = eventOf(step, event);
    return {
      sequence,
      at: new Date(timestamp * MS_PER_SECOND).toISOString(),
      body: shown === null ? null : JSON.stringify(storable(shown)),
    };
  });
  return { events, changes };
}

/** The texts of the events of kept batches, in order and each once: `from` is the first number that counts, `before` the first that does not. */
export function eventTexts(
  batches: readonly string[],
  range: { from: number; before: number },
  wanted: { types: readonly string[] | null; urn: string | null },
): string[] {
  const found = new Map<number, string | null>();
  for (const text of batches.flatMap(textsOf)) {
    const event = Envelope.parse(JSON.parse(text));
    const { sequence } = event;
    if (sequence < range.from || sequence >= range.before || found.has(sequence)) continue;
    found.set(sequence, isAskedFor(event, wanted) ? text : null);
  }
  return [...found]
    .sort(([one], [other]) => one - other)
    .flatMap(([, text]) => (text === null ? [] : [text]));
}

/** Whether an event is of one of these types and about this resource; null asks for all. */
function isAskedFor(
  event: Readonly<Record<string, unknown>>,
  { types, urn }: { types: readonly string[] | null; urn: string | null },
): boolean {
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

function parseBatch(body: string): z.infer<typeof Envelope>[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new SlipwayError("invalid_request", "The body is no batch of events.", { cause });
  }
  const parsed = Batch.safeParse(value);
  if (parsed.success) return parsed.data.events;
  throw new SlipwayError(
    "invalid_request",
    "The body is no batch of events, or one has no sequence or no timestamp.",
  );
}

/** A batch is kept as it was sent; events of older installations are kept one by one. */
function textsOf(kept: string): string[] {
  const events = membersAt(kept, skipSpace(kept, 0)).members.get("events");
  return isAbsent(events) ? [kept] : elementsOf(events).map(rawText);
}

/** Postgres holds no NUL and no half of a surrogate pair, which a program's output may have. */
function storable(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed().replaceAll("\0", "\ufffd");
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [storable(name), storable(inner)]));
}
