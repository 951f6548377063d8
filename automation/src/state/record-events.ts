import { putEvents } from "./engine-events-store.ts";
import { holdWhileDatabaseIsAway } from "./hold.ts";
import { runWork } from "./threads/pool.ts";
import { recordChanges } from "./updates-store.ts";
import type { WriteDependencies, Writing } from "./write-state.ts";
import { keyOf, targetOf, updateOfToken } from "./write-state.ts";

/** A batch as it came: its text, and that gzipped when it was sent so. */
export interface EventsBody {
  text: string;
  packed: Buffer | null;
}

/**
 * Takes a batch of engine events (POST events/batch). Those of a bare update are kept and shown live, in whatever order they come and also after the end of the update, which
 * the CLI does not make wait for them. Those of an attempt are dropped: its worker has recorded them without gaps. The number of changes, which only the summary tells, is noted
 * in both cases. Throws SlipwayError `forbidden` for a token that is not the update's.
 */
export async function recordEvents(
  deps: WriteDependencies,
  writing: Writing,
  { text, packed }: EventsBody,
): Promise<void> {
  const target = targetOf(writing);
  await holdWhileDatabaseIsAway(async () => {
    const update = await updateOfToken(deps.db, target);
    const isDropped = update.attemptId !== null;
    if (isDropped && !text.includes('"summaryEvent"')) return;
    const key = await keyOf(deps, target);
    const step = update.dryRun ? "preview" : update.kind;
    const { events, batch, changes } = await runWork("sealEvents", { key, text, packed, step }, text.length);
    if (!isDropped && batch !== null) await putEvents(deps.db, update.id, events, batch);
    if (changes !== null) await recordChanges(deps.db, update.id, changes);
  }, writing.signal);
}
