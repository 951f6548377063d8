import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { type PriceHistory, spanOf } from "./history.ts";
import { requireInstrument } from "./symbols.ts";

const HOUR_MS = 3_600_000;
const LONGEST_SPAN_MS = 31 * 24 * HOUR_MS;

const HistoryQuery = z
  .strictObject({
    symbol: z
      .string()
      .max(20)
      .transform((text) => text.toUpperCase()),
    /** Default: an hour before `to`. */
    from: z.iso.datetime().transform(Date.parse).optional(),
    /** Default: now. */
    to: z.iso.datetime().transform(Date.parse).optional(),
    points: z.coerce.number().int().min(1).max(1_000).default(240),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from < to, {
    path: ["from"],
    message: "must be before `to`",
  });

const History = z.object({
  symbol: z.string(),
  source: z.enum(["recorded", "computed"]),
  everyMs: z.number(),
  items: z.array(z.object({ at: z.iso.datetime(), price: z.number() })),
});

export type HistoryDependencies = {
  readonly settings: { readonly marketTickMs: number };
  readonly history: () => Promise<PriceHistory>;
  readonly now: () => Date;
};

/** Prices of the past for one instrument, at most 31 days of them. */
export const historyRoutes: FastifyPluginAsyncZod<HistoryDependencies> = async (app, deps) => {
  app.get(
    "/api/market-data/history",
    { schema: { querystring: HistoryQuery, response: { 200: History } } },
    async (request) => {
      const { symbol, points, to, from } = request.query;
      const instrument = requireInstrument(symbol, "symbol");
      const nowMs = deps.now().getTime();
      const toMs = to ?? nowMs;
      const fromMs = Math.max(from ?? toMs - HOUR_MS, toMs - LONGEST_SPAN_MS);
      const span = spanOf({ fromMs, toMs, nowMs, points, tickMs: deps.settings.marketTickMs });
      const history = await deps.history();
      const items = await history.pricesOf(instrument, span);
      return { symbol, source: history.source, everyMs: span.everyMs, items };
    },
  );
};
