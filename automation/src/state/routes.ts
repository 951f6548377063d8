import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { missing } from "../access/missing.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Notifications } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import type { OpenStreams } from "../http/event-stream.ts";
import { resumeAfter } from "../http/event-stream.ts";
import type { EventTails } from "../http/event-tails.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { found } from "../stacks/routes.ts";
import { newestReleaseNumber, referStack } from "../stacks/store.ts";
import { cancelUpdate } from "./cancel-update.ts";
import { currentFacts } from "./current-facts.ts";
import * as store from "./history-store.ts";
import { eventsOfUpdate, hasEnded, lookAtUpdate } from "./update-feed.ts";
import { waitForUpdate } from "./wait-for-update.ts";
import { describeWriter } from "./writer.ts";

const NumberPlace = z.tuple([z.int().min(1)]);

export interface UpdateRoutesOptions {
  db: Database;
  keyring: Keyring;
  notifications: Notifications;
  streams: OpenStreams;
  tails: EventTails;
}

/** Slipway's own view of updates and of what they left: history, live events, writer, states, resources, outputs. */
export function updateRoutes(app: FastifyInstance, options: UpdateRoutesOptions): void {
  const { db, keyring, notifications, streams, tails } = options;

  serve(app, endpoints.listHistory, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const after = decodeCursor(query.after, InstantPlace);
    return pageOf(await store.listHistory(db, stack.id, { after, limit: query.limit }), query.limit);
  });

  serve(app, endpoints.listUpdates, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const after = decodeCursor(query.after, InstantPlace);
    return pageOf(await store.listUpdates(db, stack.id, { after, limit: query.limit }), query.limit);
  });

  serve(app, endpoints.getStackUpdate, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const update = await store.findUpdateByNumber(db, stack.id, params.number);
    if (update !== undefined) return update.update;
    throw new SlipwayError("not_found", `The stack has no update ${params.number}.`, {
      remedy: "List its history.",
    });
  });

  serve(app, endpoints.getUpdate, async ({ params: { id }, query, reply }) =>
    foundUpdate(await waitForUpdate(db, notifications, id, query.wait, streams.signalOf(reply)), id),
  );

  serve(app, endpoints.cancelUpdate, async ({ params: { id }, caller }) => {
    const { stackId } = foundUpdate(await store.findUpdate(db, id), id);
    // Not ended by a client that goes away: what was asked for is done.
    await cancelUpdate({ db, keyring }, { stackId, updateId: id, by: caller, signal: streams.closing });
    return foundUpdate(await store.findUpdate(db, id), id).update;
  });

  serve(app, endpoints.listUpdateEvents, async ({ params: { id }, query, request, reply }) => {
    const { status } = foundUpdate((await store.findUpdate(db, id))?.update, id);
    if (request.headers.accept?.includes("text/event-stream") === true) {
      return tails.follow(reply, eventsOfUpdate(db, id), resumeAfter(request, query.after));
    }
    const { events, more } = await lookAtUpdate(db, id, query);
    return { items: [...events], complete: hasEnded(status) && !more };
  });

  serve(app, endpoints.getWriter, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return { writer: await describeWriter(db, stack.id) };
  });

  serve(app, endpoints.listResources, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const current = await currentFacts(db, keyring, stack.id);
    if (current === null) return { state: null, items: [], pendingOperations: [] };
    const { resources, pendingOperations } = current.facts;
    return { state: current.number, items: [...resources], pendingOperations: [...pendingOperations] };
  });

  serve(app, endpoints.getOutputs, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const release = await newestReleaseNumber(db, stack.id);
    const current = await currentFacts(db, keyring, stack.id);
    return { release, state: current?.number ?? null, outputs: current?.facts.outputs ?? {} };
  });

  serve(app, endpoints.listStates, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const before = decodeCursor(query.after, NumberPlace)?.[0];
    const states = await store.listStates(db, stack.id, { before, limit: query.limit + 1 });
    return pageFrom(
      states,
      query.limit,
      (state) => state,
      ({ number }) => [number],
    );
  });
}

function pageOf<Item>(rows: readonly store.Placed<Item>[], limit: number) {
  return pageFrom(
    rows,
    limit,
    ({ item }) => item,
    ({ place }) => place,
  );
}

/** What was looked for, or a `not_found` that names it. */
function foundUpdate<T>(update: T | undefined, id: string): T {
  if (update !== undefined) return update;
  throw missing.update(id);
}
