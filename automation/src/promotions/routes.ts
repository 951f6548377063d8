import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { ProjectPath } from "../contract/projects.ts";
import type { PromoteFrom, PromotionPreview } from "../contract/promotions.ts";
import { withTransaction } from "../database.ts";
import { overlaidContent, refuseQuarantined } from "../deployments/request.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { findProject, lockProject } from "../projects/store.ts";
import { found } from "../stacks/routes.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import { compareReleases } from "./compare.ts";
import { checkOrder, refuseItself, refuseUnpromoted, requireRelease } from "./rules.ts";
import type { PromotionOptions } from "./source.ts";
import { promotedSource } from "./source.ts";
import { placeOf, readEnvironments, readPromotable, replaceEnvironments } from "./store.ts";

type ProjectName = (typeof ProjectPath)["_output"];

/** Routes of the order of a project's stacks, and of what a promotion would bring. */
export function promotionRoutes(app: FastifyInstance, options: PromotionOptions): void {
  const { db } = options;

  serve(app, endpoints.getEnvironments, async ({ params }) => {
    const project = foundProject(await findProject(db, params.organisation, params.project), params);
    return { stacks: await readEnvironments(db, project.id) };
  });

  serve(app, endpoints.setEnvironments, async ({ params, body, caller }) => {
    checkOrder(body.stacks);
    return withTransaction(db, async (trx) => {
      const { organisation, project: name } = params;
      const project = foundProject(await lockProject(trx, organisation, name), params);
      const before = await readEnvironments(trx, project.id);
      const [unknown] = await replaceEnvironments(trx, project.id, body.stacks);
      if (unknown !== undefined) throw missing.stack({ ...params, stack: unknown });
      await appendAudit(trx, {
        ...caller,
        action: "environments.set",
        organisation,
        subject: `${organisation}/${name}`,
        details: {
          before: before.map(({ stack, onlyPromoted }) => ({ stack, onlyPromoted })),
          after: body.stacks,
        },
      });
      return { stacks: await readEnvironments(trx, project.id) };
    });
  });

  serve(app, endpoints.previewPromotion, async ({ params, query }) => {
    const target = found(await referStack(db, params), params);
    const stack = query.from ?? (await placeOf(db, target.id))?.before ?? null;
    if (stack === null) throw nothingBefore(params.stack);
    refuseItself(params.stack, stack);
    const name = { ...params, stack };
    const from = found(await referStack(db, name), name);
    const release = requireRelease(stack, await readPromotable(db, from.id, query.release), query.release);
    const [current] = await readPromotable(db, target.id, undefined);
    const promote = { stack, release: release.number };
    return {
      from: {
        stack,
        release: release.number,
        health: release.health,
        commit: release.commit,
        sourceDigest: release.sourceDigest,
        createdAt: release.createdAt.toISOString(),
      },
      refusal: await refusalOf(options, { ...params, id: target.id }, promote),
      current:
        current === undefined
          ? null
          : { release: current.number, commit: current.commit, sourceDigest: current.sourceDigest },
      ...compareReleases(release, current),
    };
  });
}

/** What a request for this promotion would be refused with now; null when it would be taken. */
async function refusalOf(
  options: PromotionOptions,
  target: StackName & { id: string },
  promote: PromoteFrom,
): Promise<PromotionPreview["refusal"]> {
  const { db, keyring } = options;
  try {
    refuseUnpromoted(target.stack, await placeOf(db, target.id), promote.stack);
    const { source } = await promotedSource(options, target, promote);
    await refuseQuarantined(db, target.id, await overlaidContent(db, keyring, target.id, source));
    return null;
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    return { code: error.code, detail: error.message, remedy: error.remedy ?? null };
  }
}

function nothingBefore(stack: string): SlipwayError {
  const message = `is needed: no stack is before ${stack} in its project's order`;
  return new SlipwayError("invalid_request", `query.from ${message}.`, {
    remedy: "Name the stack to take from, or set the order: slipway environments set.",
    details: { issues: [{ path: "query.from", message }] },
  });
}

function foundProject<T>(project: T | undefined, name: ProjectName): T {
  if (project !== undefined) return project;
  throw missing.project(name);
}
