import { Readable } from "node:stream";
import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { AppDependencies } from "../dependencies.ts";
import { ApiError } from "../errors.ts";
import { findInstrument, INSTRUMENTS, Instrument } from "./instruments.ts";
import { tickEvents } from "./ticks.ts";

const StreamQuery = z.strictObject({
  symbols: z
    .string()
    .max(200)
    .transform((text) => [...new Set(text.split(",").map((symbol) => symbol.trim().toUpperCase()))])
    .optional(),
});
const EVENT_ID = /^\d{1,15}$/;

/** Instruments, and the live quotes as server-sent events that resume after Last-Event-ID. */
export const marketDataRoutes: FastifyPluginAsyncZod<AppDependencies> = async (app, deps) => {
  const { streams, settings, now } = deps;
  // app.close() waits for open responses, and an event stream never ends by itself.
  app.addHook("preClose", async () => streams.endAll());

  app.get(
    "/api/market-data/instruments",
    { schema: { response: { 200: z.object({ items: z.array(Instrument) }) } } },
    async () => ({ items: [...INSTRUMENTS] }),
  );

  app.get("/api/market-data/stream", { schema: { querystring: StreamQuery } }, async (request, reply) => {
    const instruments = (request.query.symbols ?? INSTRUMENTS.map((i) => i.symbol)).map(requireInstrument);
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

function requireInstrument(symbol: string): Instrument {
  const instrument = findInstrument(symbol);
  if (instrument !== undefined) return instrument;
  const known = INSTRUMENTS.map((i) => i.symbol).join(", ");
  throw new ApiError("unknown_symbol", `The instruments are ${known}.`, {
    issues: [{ path: "querystring.symbols", message: "names an instrument that does not exist" }],
  });
}

function parseEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header === "string" && EVENT_ID.test(header)) return Number(header);
  throw new ApiError("validation_failed", "Last-Event-ID is not an event id of this stream.", {
    issues: [{ path: "headers.last-event-id", message: "must be a number of milliseconds" }],
  });
}
