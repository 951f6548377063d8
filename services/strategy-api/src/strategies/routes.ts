import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { appendAudit } from "../audit/store.ts";
import { inTransaction, type Queryable } from "../database.ts";
import type { AppDependencies } from "../dependencies.ts";
import { ApiError, violatesUnique } from "../errors.ts";
import { IdParams, Name } from "../fields.ts";
import { findInstrument, INSTRUMENTS } from "../market-data/instruments.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import { findTemplate } from "../templates/store.ts";
import { type Parameters, resolveParameters } from "./rules.ts";
import * as store from "./store.ts";

const Strategy = z.object({
  id: z.uuid(),
  name: z.string(),
  templateId: z.string(),
  symbol: z.string(),
  parameters: z.record(z.string(), z.number()),
  revision: z.number().int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
const GivenParameters = z.record(z.string().max(40), z.number());
const NewStrategy = z.strictObject({
  name: Name,
  templateId: z.string().max(40),
  symbol: z.string().max(12),
  parameters: GivenParameters.default({}),
});
const StrategyChange = z.strictObject({
  revision: z.number().int().min(1),
  name: Name.optional(),
  symbol: z.string().max(12).optional(),
  parameters: GivenParameters.optional(),
});

/** Strategies: a template, an instrument and parameters under a name of one's own. */
export const strategyRoutes: FastifyPluginAsyncZod<AppDependencies> = async (app, { db, now, newId }) => {
  app.get(
    "/api/strategies",
    { schema: { querystring: PageQuery, response: { 200: pageOf(Strategy) } } },
    async (request) =>
      toPage(await store.listStrategies(db, pageRequest(request.query)), request.query.limit),
  );

  app.get(
    "/api/strategies/:id",
    { schema: { params: IdParams, response: { 200: Strategy } } },
    async (request) => found(await store.findStrategy(db, request.params.id)),
  );

  app.post(
    "/api/strategies",
    { schema: { body: NewStrategy, response: { 201: Strategy } } },
    async (request, reply) => {
      const { name, templateId, symbol } = request.body;
      const at = now();
      const strategy = await namedUniquely(name, () =>
        inTransaction(db, async (tx) => {
          requireSymbol(symbol);
          const parameters = await checkedParameters(tx, templateId, request.body.parameters);
          const created = await store.insertStrategy(tx, {
            id: newId(),
            name,
            templateId,
            symbol,
            parameters,
            at,
          });
          await appendAudit(tx, {
            at,
            correlationId: request.id,
            action: "strategy.created",
            subjectId: created.id,
            after: created,
          });
          return created;
        }),
      );
      return reply.status(201).header("location", `/api/strategies/${strategy.id}`).send(strategy);
    },
  );

  app.patch(
    "/api/strategies/:id",
    { schema: { params: IdParams, body: StrategyChange, response: { 200: Strategy } } },
    async (request) => {
      const change = request.body;
      const at = now();
      return namedUniquely(change.name ?? "", () =>
        inTransaction(db, async (tx) => {
          const before = found(await store.lockStrategy(tx, request.params.id));
          if (before.revision !== change.revision) {
            throw new ApiError(
              "revision_conflict",
              `The strategy is at revision ${before.revision}; read it again.`,
            );
          }
          if (change.symbol !== undefined) requireSymbol(change.symbol);
          const parameters = await checkedParameters(tx, before.templateId, {
            ...before.parameters,
            ...change.parameters,
          });
          const after = await store.updateStrategy(
            tx,
            before.id,
            { name: change.name ?? before.name, symbol: change.symbol ?? before.symbol, parameters },
            at,
          );
          await appendAudit(tx, {
            at,
            correlationId: request.id,
            action: "strategy.changed",
            subjectId: before.id,
            before,
            after,
          });
          return after;
        }),
      );
    },
  );

  app.delete("/api/strategies/:id", { schema: { params: IdParams } }, async (request, reply) => {
    await inTransaction(db, async (tx) => {
      const before = found(await store.lockStrategy(tx, request.params.id));
      await store.deleteStrategy(tx, before.id);
      await appendAudit(tx, {
        at: now(),
        correlationId: request.id,
        action: "strategy.removed",
        subjectId: before.id,
        before,
      });
    });
    return reply.status(204).send();
  });
};

function found(strategy: store.Strategy | undefined): store.Strategy {
  if (strategy === undefined) throw new ApiError("not_found", "No strategy has this id.");
  return strategy;
}

function requireSymbol(symbol: string): void {
  if (findInstrument(symbol) !== undefined) return;
  const known = INSTRUMENTS.map((instrument) => instrument.symbol).join(", ");
  throw new ApiError("unknown_symbol", `The instruments are ${known}.`);
}

async function checkedParameters(tx: Queryable, templateId: string, given: Parameters): Promise<Parameters> {
  const template = await findTemplate(tx, templateId);
  if (template === undefined)
    throw new ApiError("unknown_template", "GET /api/templates lists the templates.");
  const decision = resolveParameters(template, given);
  if (decision.accepted) return decision.parameters;
  const detail = decision.issues.map((issue) => `${issue.path}: ${issue.message}`).join("; ");
  throw new ApiError("parameters_refused", detail, { issues: decision.issues });
}

async function namedUniquely<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!violatesUnique(error, "strategies_name_key")) throw error;
    throw new ApiError("name_taken", `There is already a strategy called "${name}".`, { cause: error });
  }
}
