import { Readable } from "node:stream";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiError } from "../errors.ts";
import type { StreamRegistry } from "./streams.ts";
import { instrumentsOf, Symbols } from "./symbols.ts";
import { tickEvents } from "./ticks.ts";

const StreamQuery = z.strictObject({ symbols: Symbols });
const EVENT_ID = /^\d{1,15}$/;

type Dependencies = {
  readonly streams: StreamRegistry;
  readonly settings: { readonly marketTickMs: number };
  readonly now: () => Date;
};

/** The live quotes as server-sent events that resume after Last-Event-ID. It needs a process that outlives the request. */
export const marketDataStream: FastifyPluginAsyncZod<Dependencies> = async (app, deps) => {
  const { streams, settings, now } = deps;
  // app.close() waits for open responses, and an event stream never ends by itself.
  app.addHook("preClose", async () => streams.endAll());

  app.get("/api/market-data/stream", { schema: { querystring: StreamQuery } }, async (request, reply) => {
    const instruments = instrumentsOf(request.query.symbols);
    const lastEventId = parseEventId(request.headers["last-event-id"]);
    const controller = streams.acquire();
    if (controller === undefined) {
      throw new ApiError("too_many_streams", "Close another stream or try again in a moment.");
    }
    reply.raw.once("close", () => streams.release(controller));
    const events = tickEvents({
      instruments,
      tickMs: settings.marketTickMs,
      lastEventId,
      nowMs: () => now().getTime(),
      signal: controller.signal,
    });
    return reply
      .header("content-type", "text/event-stream; charset=utf-8")
      .header("cache-control", "no-cache, no-transform")
      .header("x-accel-buffering", "no")
      .send(Readable.from(events));
  });
};

/** In place of the stream where a function answers: an HTTP API hands out an answer only when it is whole. */
export const noMarketDataStream: FastifyPluginAsyncZod = async (app) => {
  app.get("/api/market-data/stream", async () => {
    throw new ApiError("stream_not_served", "Poll GET /api/market-data/ticks?after=<next> instead.");
  });
};

function parseEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header === "string" && EVENT_ID.test(header)) return Number(header);
  throw new ApiError("validation_failed", "Last-Event-ID is not an event id of this stream.", {
    issues: [{ path: "headers.last-event-id", message: "must be a number of milliseconds" }],
  });
}
