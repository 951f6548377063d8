import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { requirePerson } from "../approvals/sign-in.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import {
  getRelease,
  liftQuarantine,
  listQuarantines,
  listReleases,
  quarantine,
  quarantineInForce,
} from "./store.ts";

const NumberPlace = z.tuple([z.int().min(1)]);

/** Routes of releases and of quarantines. */
export function releaseRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listReleases, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const before = decodeCursor(query.after, NumberPlace)?.[0];
    const releases = await listReleases(db, stack.id, { before, limit: query.limit + 1 });
    return pageFrom(
      releases,
      query.limit,
      (release) => release,
      ({ number }) => [number],
    );
  });

  serve(app, endpoints.getRelease, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const release = await getRelease(db, stack.id, params.number);
    if (release !== undefined) return release;
    throw new SlipwayError("release_not_found", `The stack has no release ${params.number}.`, {
      remedy: "List its releases.",
    });
  });

  serve(app, endpoints.listQuarantines, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const quarantines = await listQuarantines(db, stack.id, {
      lifted: query.lifted === "true",
      after: decodeCursor(query.after, InstantPlace),
      limit: query.limit,
    });
    return pageFrom(
      quarantines,
      query.limit,
      ({ place: _, ...quarantine }) => quarantine,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.setQuarantine, async ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const release = await getRelease(trx, stack.id, body.release);
      if (release === undefined) {
        throw new SlipwayError("release_not_found", `The stack has no release ${body.release}.`, {
          remedy: "List its releases.",
        });
      }
      const { sourceDigest, configDigest, deploymentId } = release;
      const content = { sourceDigest, configDigest };
      const before = await quarantineInForce(trx, stack.id, content);
      if (before !== undefined) return before;
      const { principal } = caller;
      const { reason } = body;
      await quarantine(trx, {
        stackId: stack.id,
        ...content,
        reason,
        kind: "hand",
        deploymentId,
        setBy: principal,
      });
      const { organisation, project, stack: name } = params;
      await appendAudit(trx, {
        ...caller,
        action: "quarantine.set",
        organisation,
        subject: `${organisation}/${project}/${name}`,
        details: { kind: "hand", release: body.release, ...content, reason },
      });
      const set = await quarantineInForce(trx, stack.id, content);
      if (set === undefined) throw new Error("the quarantine that was just set is not there");
      return set;
    }),
  );

  serve(app, endpoints.liftQuarantine, async ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      requirePerson(actor, "lifts a quarantine");
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const { principal } = caller;
      const lifted = await liftQuarantine(trx, {
        stackId: stack.id,
        id: params.quarantine,
        principal,
        reason: body.reason,
      });
      if (lifted === undefined) {
        throw new SlipwayError("not_found", "The stack has no such quarantine.", {
          remedy: "List its quarantines.",
        });
      }
      const { quarantine: before, isNew } = lifted;
      if (isNew) {
        const { organisation, project, stack: name } = params;
        const { id, kind, sourceDigest, configDigest } = before;
        await appendAudit(trx, {
          ...caller,
          action: "quarantine.lifted",
          organisation,
          subject: `${organisation}/${project}/${name}`,
          details: { quarantine: id, kind, sourceDigest, configDigest, reason: body.reason },
        });
      }
      return before;
    }),
  );
}
