import type { Notifications } from "./notifications.ts";
import { LONGEST_LOOK_MS, nextNotification } from "./notifications.ts";

/** What one look at a list of events found. */
export interface Look<Event> {
  readonly events: readonly Event[];
  /** There may be more now: the next look need not wait. */
  readonly more: boolean;
  /** Nothing can follow these. */
  readonly ended: boolean;
}

/**
 * Events after a sequence number as `look` finds them, live until there can be no more or `signal` aborts. `key` is what notifications name the list
 * by. Answers whether it came to the end.
 */
export async function* liveFeed<Event extends { readonly sequence: number }>(
  notifications: Notifications,
  key: string,
  after: number,
  look: (after: number) => Promise<Look<Event>>,
  signal: AbortSignal,
): AsyncGenerator<Event, boolean> {
  let last = after;
  while (!signal.aborted) {
    // Asked for before the look, so that what happens in between is not missed.
    const woken = new AbortController();
    const told = nextNotification(
      notifications,
      key,
      LONGEST_LOOK_MS,
      AbortSignal.any([signal, woken.signal]),
    );
    try {
      const { events, more, ended } = await look(last);
      for (const event of events) {
        last = event.sequence;
        yield event;
      }
      if (more) continue;
      if (ended) return true;
      await told;
    } finally {
      woken.abort();
    }
  }
  return false;
}
