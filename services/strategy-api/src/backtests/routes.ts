import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { appendAudit } from "../audit/store.ts";
import { inTransaction } from "../database.ts";
import type { AppDependencies } from "../dependencies.ts";
import { ApiError } from "../errors.ts";
import { IdParams } from "../fields.ts";
import { findInstrument } from "../market-data/instruments.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import { lockRiskProfile } from "../risk-profiles/store.ts";
import { lockStrategy } from "../strategies/store.ts";
import { findTemplate } from "../templates/store.ts";
import { runBacktest } from "./run.ts";
import { Backtest, BacktestSummary, NewBacktest } from "./schema.ts";
import { findBacktest, insertBacktest, listBacktests } from "./store.ts";

/** Backtests: a POST computes one and stores it; results never change afterwards. */
export const backtestRoutes: FastifyPluginAsyncZod<AppDependencies> = async (app, { db, now, newId }) => {
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
      return toPage(await listBacktests(db, pageRequest(page), strategyId ?? null), page.limit);
    },
  );

  app.get(
    "/api/backtests/:id",
    { schema: { params: IdParams, response: { 200: Backtest } } },
    async (request) => {
      const backtest = await findBacktest(db, request.params.id);
      if (backtest === undefined) throw new ApiError("not_found", "No backtest has this id.");
      return backtest;
    },
  );

  app.post(
    "/api/backtests",
    { schema: { body: NewBacktest, response: { 201: Backtest } } },
    async (request, reply) => {
      const { strategyId, riskProfileId, ...settings } = request.body;
      const backtest = await inTransaction(db, async (tx) => {
        // Locked, so that neither can be removed between being read and being referred to.
        const strategy = await lockStrategy(tx, strategyId);
        if (strategy === undefined) throw new ApiError("unknown_strategy", "No strategy has this id.");
        const profile = await lockRiskProfile(tx, riskProfileId);
        if (profile === undefined) throw new ApiError("unknown_risk_profile", "No risk profile has this id.");
        const template = await findTemplate(tx, strategy.templateId);
        const instrument = findInstrument(strategy.symbol);
        if (template === undefined || instrument === undefined) {
          throw new Error(`Strategy ${strategy.id} refers to a template or an instrument that is gone.`);
        }
        const limits = {
          maxPositionPercent: profile.maxPositionPercent,
          stopLossPercent: profile.stopLossPercent,
          maxDrawdownPercent: profile.maxDrawdownPercent,
        };
        const { parameters } = strategy;
        const result = runBacktest({
          algorithm: template.algorithm,
          parameters,
          instrument,
          limits,
          ...settings,
        });
        const at = now();
        const stored = await insertBacktest(tx, {
          id: newId(),
          strategyId,
          riskProfileId,
          inputs: {
            strategyName: strategy.name,
            templateId: template.id,
            symbol: strategy.symbol,
            parameters,
            riskProfileName: profile.name,
            ...limits,
            ...settings,
          },
          result,
          at,
        });
        await appendAudit(tx, {
          at,
          correlationId: request.id,
          action: "backtest.completed",
          subjectId: stored.id,
          after: { strategyId, riskProfileId, metrics: stored.metrics, resultDigest: stored.resultDigest },
        });
        return stored;
      });
      return reply.status(201).header("location", `/api/backtests/${backtest.id}`).send(backtest);
    },
  );
};
