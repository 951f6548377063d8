import type { Database } from "../database.ts";
import type { EventList } from "../http/event-tails.ts";
import { isTerminal } from "./rules.ts";
import { readEvents, readStatus } from "./store.ts";

const PAGE_SIZE = 500;

/** Events of a deployment, in order and without gaps, until it has ended. */
export function eventsOf(db: Database, id: string): EventList {
  return {
    key: id,
    look: async (after) => {
      // Before the events: the last of them commits with the terminal status, so that none can follow a look that saw it.
      const status = await readStatus(db, id);
      const events = await readEvents(db, id, { after, limit: PAGE_SIZE });
      return {
        events,
        more: events.length === PAGE_SIZE,
        ended: status === undefined || isTerminal(status),
      };
    },
  };
}
