import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiError, namedUniquely } from "../errors.ts";
import { IdParams, Name } from "../fields.ts";
import { findInstrument, INSTRUMENTS } from "../market-data/instruments.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import type { TemplateStore } from "../templates/store.ts";
import { type Parameters, resolveParameters } from "./rules.ts";
import { Strategy as StoredStrategy, type StrategyStore } from "./store.ts";

const Strategy = StoredStrategy.omit({ position: true });
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

type Dependencies = {
  readonly strategies: StrategyStore;
  readonly templates: TemplateStore;
  readonly now: () => Date;
  readonly newId: () => string;
};

/** Strategies: a template, an instrument and parameters under a name of one's own. */
export const strategyRoutes: FastifyPluginAsyncZod<Dependencies> = async (app, deps) => {
  const { strategies, templates, now, newId } = deps;

  app.get(
    "/api/strategies",
    { schema: { querystring: PageQuery, response: { 200: pageOf(Strategy) } } },
    async (request) => toPage(await strategies.list(pageRequest(request.query)), request.query.limit),
  );

  app.get(
    "/api/strategies/:id",
    { schema: { params: IdParams, response: { 200: Strategy } } },
    async (request) => found(await strategies.find(request.params.id)),
  );

  app.post(
    "/api/strategies",
    { schema: { body: NewStrategy, response: { 201: Strategy } } },
    async (request, reply) => {
      const { name, templateId, symbol } = request.body;
      requireSymbol(symbol);
      const parameters = await checkedParameters(templates, templateId, request.body.parameters);
      const change = { at: now(), correlationId: request.id };
      const strategy = await namedUniquely(called(name), () =>
        strategies.insert({ id: newId(), name, templateId, symbol, parameters }, change),
      );
      return reply.status(201).header("location", `/api/strategies/${strategy.id}`).send(strategy);
    },
  );

  app.patch(
    "/api/strategies/:id",
    { schema: { params: IdParams, body: StrategyChange, response: { 200: Strategy } } },
    async (request) => {
      const { revision, ...content } = request.body;
      const decide = async (before: StoredStrategy) => {
        if (before.revision !== revision) {
          throw new ApiError(
            "revision_conflict",
            `The strategy is at revision ${before.revision}; read it again.`,
          );
        }
        if (content.symbol !== undefined) requireSymbol(content.symbol);
        const given = { ...before.parameters, ...content.parameters };
        return {
          name: content.name ?? before.name,
          symbol: content.symbol ?? before.symbol,
          parameters: await checkedParameters(templates, before.templateId, given),
        };
      };
      const change = { at: now(), correlationId: request.id };
      return namedUniquely(called(content.name ?? ""), async () =>
        found(await strategies.update(request.params.id, decide, change)),
      );
    },
  );

  app.delete("/api/strategies/:id", { schema: { params: IdParams } }, async (request, reply) => {
    const change = { at: now(), correlationId: request.id };
    if (!(await strategies.remove(request.params.id, change))) found(undefined);
    return reply.status(204).send();
  });
};

function found(strategy: StoredStrategy | undefined): StoredStrategy {
  if (strategy === undefined) throw new ApiError("not_found", "No strategy has this id.");
  return strategy;
}

const called = (name: string): string => `a strategy called "${name}"`;

function requireSymbol(symbol: string): void {
  if (findInstrument(symbol) !== undefined) return;
  const known = INSTRUMENTS.map((instrument) => instrument.symbol).join(", ");
  throw new ApiError("unknown_symbol", `The instruments are ${known}.`);
}

async function checkedParameters(
  templates: TemplateStore,
  templateId: string,
  given: Parameters,
): Promise<Parameters> {
  const template = await templates.find(templateId);
  if (template === undefined)
    throw new ApiError("unknown_template", "GET /api/templates lists the templates.");
  const decision = resolveParameters(template, given);
  if (decision.accepted) return decision.parameters;
  const detail = decision.issues.map((issue) => `${issue.path}: ${issue.message}`).join("; ");
  throw new ApiError("parameters_refused", detail, { issues: decision.issues });
}
