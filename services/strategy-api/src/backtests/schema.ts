import { z } from "zod";

/** The date of a first trading day. The range keeps 2520 days within four-digit years. */
const StartDate = z.iso.date().refine((date) => date >= "1990-01-01" && date <= "2100-01-01", {
  message: "must be between 1990-01-01 and 2100-01-01",
});

export const NewBacktest = z.strictObject({
  strategyId: z.uuid(),
  riskProfileId: z.uuid(),
  startDate: StartDate.default("2024-01-01"),
  days: z.number().int().min(30).max(2520).default(504),
  initialCapital: z.number().min(100).max(1_000_000_000).default(100_000),
  feeBasisPoints: z.number().min(0).max(500).default(10),
  seed: z.number().int().min(0).max(4_294_967_295).default(1),
});

/** A copy of everything that the run used. */
export const BacktestInputs = z.object({
  strategyName: z.string(),
  templateId: z.string(),
  symbol: z.string(),
  parameters: z.record(z.string(), z.number()),
  riskProfileName: z.string(),
  maxPositionPercent: z.number(),
  stopLossPercent: z.number().nullable(),
  maxDrawdownPercent: z.number().nullable(),
  startDate: z.string(),
  days: z.number(),
  initialCapital: z.number(),
  feeBasisPoints: z.number(),
  seed: z.number(),
});

const MetricsSchema = z.object({
  finalEquity: z.number(),
  totalReturn: z.number(),
  maxDrawdown: z.number(),
  sharpe: z.number().nullable(),
  trades: z.number(),
  winRate: z.number().nullable(),
  haltedOn: z.string().nullable(),
});

export const EquityPointSchema = z.object({ date: z.string(), equity: z.number(), close: z.number() });

export const TradeSchema = z.object({
  entryDate: z.string(),
  entryPrice: z.number(),
  exitDate: z.string(),
  exitPrice: z.number(),
  quantity: z.number(),
  profit: z.number(),
  reason: z.enum(["signal", "stop_loss", "max_drawdown", "end_of_data"]),
});

/** A backtest in a list. Strategy and profile ids are null once those are removed. */
export const BacktestSummary = z.object({
  id: z.uuid(),
  strategyId: z.uuid().nullable(),
  riskProfileId: z.uuid().nullable(),
  inputs: BacktestInputs,
  metrics: MetricsSchema,
  resultDigest: z.string(),
  createdAt: z.iso.datetime(),
});

export const Backtest = BacktestSummary.extend({
  equity: z.array(EquityPointSchema),
  trades: z.array(TradeSchema),
});
