import type { EventBody } from "../contract/events.ts";
import type { UpdateEvent } from "../contract/updates.ts";

/** The CLI sends three batches at once and tries each for seven seconds: what is not here after this long will not come any more. */
export const HOLE_WAIT_MS = 15_000;

/** An event as it is stored; `missingFrom` is the first number that is missing before it, its own when none is. */
export interface NumberedEvent {
  readonly sequence: number;
  readonly at: string;
  readonly body: EventBody | null;
  readonly missingFrom: number;
  readonly ageMs: number;
}

/**
 * The events that may be told now, each hole as a gap. While the update runs, what follows a young hole is held back, so that events are
 * told in order although they arrive out of order; `held` says so.
 */
export function tellGaps(
  events: readonly NumberedEvent[],
  ended: boolean,
): { items: UpdateEvent[]; held: boolean } {
  const items: UpdateEvent[] = [];
  for (const { sequence, at, body, missingFrom, ageMs } of events) {
    if (missingFrom < sequence) {
      if (!ended && ageMs < HOLE_WAIT_MS) return { items, held: true };
      const to = sequence - 1;
      items.push({ sequence: to, at, body: { type: "gap", from: missingFrom, to } });
    }
    if (body !== null) items.push({ sequence, at, body });
  }
  return { items, held: false };
}
