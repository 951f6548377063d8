import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { INSTRUMENTS, Instrument } from "./instruments.ts";
import type { Recorder } from "./recorder.ts";
import { instrumentsOf, Symbols } from "./symbols.ts";
import { ticksAfter } from "./ticks.ts";

const TicksQuery = z.strictObject({
  symbols: Symbols,
  /** `next` of the answer before; without it the newest tick alone. */
  after: z
    .string()
    .regex(/^\d{1,15}$/, "must be a number of milliseconds")
    .transform(Number)
    .optional(),
});
const Quote = z.object({ symbol: z.string(), price: z.number(), change: z.number() });
const Ticks = z.object({
  items: z.array(z.object({ at: z.iso.datetime(), quotes: z.array(Quote) })),
  next: z.string(),
  pollAfterMs: z.number(),
});

type Dependencies = {
  readonly settings: { readonly marketTickMs: number };
  readonly now: () => Date;
  /** Keeps what is handed out, where there is something to keep it in. */
  readonly record?: Recorder;
};

/** Instruments, and the live quotes for those who ask again and again; stream-routes.ts has them as a stream. */
export const marketDataRoutes: FastifyPluginAsyncZod<Dependencies> = async (app, deps) => {
  const { settings, now, record } = deps;
  app.get(
    "/api/market-data/instruments",
    { schema: { response: { 200: z.object({ items: z.array(Instrument) }) } } },
    async () => ({ items: [...INSTRUMENTS] }),
  );

  app.get(
    "/api/market-data/ticks",
    { schema: { querystring: TicksQuery, response: { 200: Ticks } } },
    async (request) => {
      const { symbols, after } = request.query;
      const { items, next, pollAfterMs } = ticksAfter({
        instruments: instrumentsOf(symbols),
        tickMs: settings.marketTickMs,
        lastEventId: after,
        nowMs: now().getTime(),
      });
      // A function stands still once it has answered.
      await record?.(items, request.log);
      return { items, next: String(next), pollAfterMs };
    },
  );
};
