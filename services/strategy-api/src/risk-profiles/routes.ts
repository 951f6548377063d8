import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { ApiError, namedUniquely } from "../errors.ts";
import { IdParams, Name } from "../fields.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import { type RiskProfileStore, RiskProfile as StoredRiskProfile } from "./store.ts";

const PositionPercent = z.number().gt(0).max(100);
const LossPercent = z.number().gt(0).lt(100).nullable();

const RiskProfile = StoredRiskProfile.omit({ position: true });
const NewRiskProfile = z.strictObject({
  name: Name,
  maxPositionPercent: PositionPercent.default(100),
  stopLossPercent: LossPercent.default(null),
  maxDrawdownPercent: LossPercent.default(null),
});
const RiskProfileChange = z.strictObject({
  revision: z.number().int().min(1),
  name: Name.optional(),
  maxPositionPercent: PositionPercent.optional(),
  stopLossPercent: LossPercent.optional(),
  maxDrawdownPercent: LossPercent.optional(),
});

type Dependencies = {
  readonly riskProfiles: RiskProfileStore;
  readonly now: () => Date;
  readonly newId: () => string;
};

/** Risk profiles: how much of the capital a strategy may hold, and when it must let go. */
export const riskProfileRoutes: FastifyPluginAsyncZod<Dependencies> = async (app, deps) => {
  const { riskProfiles, now, newId } = deps;

  app.get(
    "/api/risk-profiles",
    { schema: { querystring: PageQuery, response: { 200: pageOf(RiskProfile) } } },
    async (request) => toPage(await riskProfiles.list(pageRequest(request.query)), request.query.limit),
  );

  app.get(
    "/api/risk-profiles/:id",
    { schema: { params: IdParams, response: { 200: RiskProfile } } },
    async (request) => found(await riskProfiles.find(request.params.id)),
  );

  app.post(
    "/api/risk-profiles",
    { schema: { body: NewRiskProfile, response: { 201: RiskProfile } } },
    async (request, reply) => {
      const change = { at: now(), correlationId: request.id };
      const profile = await namedUniquely(called(request.body.name), () =>
        riskProfiles.insert({ ...request.body, id: newId() }, change),
      );
      return reply.status(201).header("location", `/api/risk-profiles/${profile.id}`).send(profile);
    },
  );

  app.patch(
    "/api/risk-profiles/:id",
    { schema: { params: IdParams, body: RiskProfileChange, response: { 200: RiskProfile } } },
    async (request) => {
      const { revision, ...content } = request.body;
      const decide = async (before: StoredRiskProfile) => {
        if (before.revision !== revision) {
          throw new ApiError(
            "revision_conflict",
            `The profile is at revision ${before.revision}; read it again.`,
          );
        }
        return {
          name: content.name ?? before.name,
          maxPositionPercent: content.maxPositionPercent ?? before.maxPositionPercent,
          // null is a value here ("no limit"), so only an absent field keeps what was.
          stopLossPercent:
            content.stopLossPercent === undefined ? before.stopLossPercent : content.stopLossPercent,
          maxDrawdownPercent:
            content.maxDrawdownPercent === undefined ? before.maxDrawdownPercent : content.maxDrawdownPercent,
        };
      };
      const change = { at: now(), correlationId: request.id };
      return namedUniquely(called(content.name ?? ""), async () =>
        found(await riskProfiles.update(request.params.id, decide, change)),
      );
    },
  );

  app.delete("/api/risk-profiles/:id", { schema: { params: IdParams } }, async (request, reply) => {
    const change = { at: now(), correlationId: request.id };
    if (!(await riskProfiles.remove(request.params.id, change))) found(undefined);
    return reply.status(204).send();
  });
};

function found(profile: StoredRiskProfile | undefined): StoredRiskProfile {
  if (profile === undefined) throw new ApiError("not_found", "No risk profile has this id.");
  return profile;
}

const called = (name: string): string => `a risk profile called "${name}"`;
