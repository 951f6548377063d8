import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiError } from "../errors.ts";
import { IdParams } from "../fields.ts";
import { findInstrument } from "../market-data/instruments.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import { runBacktest } from "./run.ts";
import { Backtest, BacktestSummary, NewBacktest } from "./schema.ts";
import type { BacktestStore, BacktestSubjects, ComputedBacktest } from "./store.ts";

type Dependencies = {
  readonly backtests: BacktestStore;
  readonly now: () => Date;
  readonly newId: () => string;
};
type Settings = Omit<z.output<typeof NewBacktest>, "strategyId" | "riskProfileId">;

/** Backtests: a POST computes one and stores it; results never change afterwards. */
export const backtestRoutes: FastifyPluginAsyncZod<Dependencies> = async (app, deps) => {
  const { backtests, now, newId } = deps;

  app.get(
    "/api/backtests",
    {
      schema: {
        querystring: PageQuery.extend({ strategyId: z.uuid().optional() }),
        response: { 200: pageOf(BacktestSummary) },
      },
    },
    async (request) => {
      const { strategyId, ...page } = request.query;
      return toPage(await backtests.list(pageRequest(page), strategyId ?? null), page.limit);
    },
  );

  app.get(
    "/api/backtests/:id",
    { schema: { params: IdParams, response: { 200: Backtest } } },
    async (request) => {
      const backtest = await backtests.find(request.params.id);
      if (backtest === undefined) throw new ApiError("not_found", "No backtest has this id.");
      return backtest;
    },
  );

  app.post(
    "/api/backtests",
    { schema: { body: NewBacktest, response: { 201: Backtest } } },
    async (request, reply) => {
      const { strategyId, riskProfileId, ...settings } = request.body;
      const backtest = await backtests.insert(
        { id: newId(), strategyId, riskProfileId },
        (subjects) => compute(subjects, settings),
        { at: now(), correlationId: request.id },
      );
      return reply.status(201).header("location", `/api/backtests/${backtest.id}`).send(backtest);
    },
  );
};

function compute({ strategy, profile, template }: BacktestSubjects, settings: Settings): ComputedBacktest {
  if (strategy === undefined) throw new ApiError("unknown_strategy", "No strategy has this id.");
  if (profile === undefined) throw new ApiError("unknown_risk_profile", "No risk profile has this id.");
  const instrument = findInstrument(strategy.symbol);
  if (template === undefined || instrument === undefined) {
    throw new Error(`Strategy ${strategy.id} refers to a template or an instrument that is gone.`);
  }
  const { maxPositionPercent, stopLossPercent, maxDrawdownPercent } = profile;
  const limits = { maxPositionPercent, stopLossPercent, maxDrawdownPercent };
  const { parameters } = strategy;
  return {
    inputs: {
      strategyName: strategy.name,
      templateId: template.id,
      symbol: strategy.symbol,
      parameters,
      riskProfileName: profile.name,
      ...limits,
      ...settings,
    },
    result: runBacktest({ algorithm: template.algorithm, parameters, instrument, limits, ...settings }),
  };
}
