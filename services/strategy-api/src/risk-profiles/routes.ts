import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { appendAudit } from "../audit/store.ts";
import { inTransaction } from "../database.ts";
import type { AppDependencies } from "../dependencies.ts";
import { ApiError, violatesUnique } from "../errors.ts";
import { IdParams, Name } from "../fields.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import * as store from "./store.ts";

const PositionPercent = z.number().gt(0).max(100);
const LossPercent = z.number().gt(0).lt(100).nullable();

const RiskProfile = z.object({
  id: z.uuid(),
  name: z.string(),
  maxPositionPercent: z.number(),
  stopLossPercent: z.number().nullable(),
  maxDrawdownPercent: z.number().nullable(),
  revision: z.number().int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
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

/** Risk profiles: how much of the capital a strategy may hold, and when it must let go. */
export const riskProfileRoutes: FastifyPluginAsyncZod<AppDependencies> = async (app, { db, now, newId }) => {
  app.get(
    "/api/risk-profiles",
    { schema: { querystring: PageQuery, response: { 200: pageOf(RiskProfile) } } },
    async (request) =>
      toPage(await store.listRiskProfiles(db, pageRequest(request.query)), request.query.limit),
  );

  app.get(
    "/api/risk-profiles/:id",
    { schema: { params: IdParams, response: { 200: RiskProfile } } },
    async (request) => found(await store.findRiskProfile(db, request.params.id)),
  );

  app.post(
    "/api/risk-profiles",
    { schema: { body: NewRiskProfile, response: { 201: RiskProfile } } },
    async (request, reply) => {
      const at = now();
      const profile = await namedUniquely(request.body.name, () =>
        inTransaction(db, async (tx) => {
          const created = await store.insertRiskProfile(tx, { ...request.body, id: newId(), at });
          await appendAudit(tx, {
            at,
            correlationId: request.id,
            action: "risk_profile.created",
            subjectId: created.id,
            after: created,
          });
          return created;
        }),
      );
      return reply.status(201).header("location", `/api/risk-profiles/${profile.id}`).send(profile);
    },
  );

  app.patch(
    "/api/risk-profiles/:id",
    { schema: { params: IdParams, body: RiskProfileChange, response: { 200: RiskProfile } } },
    async (request) => {
      const { revision, ...change } = request.body;
      const at = now();
      return namedUniquely(change.name ?? "", () =>
        inTransaction(db, async (tx) => {
          const before = found(await store.lockRiskProfile(tx, request.params.id));
          if (before.revision !== revision) {
            throw new ApiError(
              "revision_conflict",
              `The profile is at revision ${before.revision}; read it again.`,
            );
          }
          const content = {
            name: change.name ?? before.name,
            maxPositionPercent: change.maxPositionPercent ?? before.maxPositionPercent,
            // null is a value here ("no limit"), so only an absent field keeps what was.
            stopLossPercent:
              change.stopLossPercent === undefined ? before.stopLossPercent : change.stopLossPercent,
            maxDrawdownPercent:
              change.maxDrawdownPercent === undefined ? before.maxDrawdownPercent : change.maxDrawdownPercent,
          };
          const after = await store.updateRiskProfile(tx, before.id, content, at);
          await appendAudit(tx, {
            at,
            correlationId: request.id,
            action: "risk_profile.changed",
            subjectId: before.id,
            before,
            after,
          });
          return after;
        }),
      );
    },
  );

  app.delete("/api/risk-profiles/:id", { schema: { params: IdParams } }, async (request, reply) => {
    await inTransaction(db, async (tx) => {
      const before = found(await store.lockRiskProfile(tx, request.params.id));
      await store.deleteRiskProfile(tx, before.id);
      await appendAudit(tx, {
        at: now(),
        correlationId: request.id,
        action: "risk_profile.removed",
        subjectId: before.id,
        before,
      });
    });
    return reply.status(204).send();
  });
};

function found(profile: store.RiskProfile | undefined): store.RiskProfile {
  if (profile === undefined) throw new ApiError("not_found", "No risk profile has this id.");
  return profile;
}

async function namedUniquely<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!violatesUnique(error, "risk_profiles_name_key")) throw error;
    throw new ApiError("name_taken", `There is already a risk profile called "${name}".`, { cause: error });
  }
}
