import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import type { Keyring } from "./keyring.ts";
import { rewrapSome } from "./rewrap.ts";
import { rotateDataKey, rotateSome } from "./rotate.ts";
import { listDataKeys, listWrappingKeys } from "./store.ts";

export interface KeyRoutesOptions {
  db: Database;
  keyring: Keyring;
}

/** Routes of wrapping keys and data keys. No key leaves by them. */
export function keyRoutes(app: FastifyInstance, { db, keyring }: KeyRoutesOptions): void {
  const current = keyring.wrapping.current.id;

  serve(app, endpoints.listKeys, async () => ({
    items: (await listWrappingKeys(db)).map(({ id, retired, createdAt, wraps }) => ({
      id,
      isCurrent: id === current,
      isRetired: retired,
      createdAt: createdAt.toISOString(),
      wraps,
    })),
  }));

  serve(app, endpoints.rotateKeys, ({ body, caller }) =>
    rotateSome(db, keyring, caller, body.before === undefined ? undefined : new Date(body.before)),
  );

  serve(app, endpoints.rewrapKeys, ({ body, caller }) => {
    if (body.to !== undefined && body.to !== current) {
      throw new SlipwayError("conflict", `This server wraps with ${current}, not with ${body.to}.`, {
        remedy: `Start server and workers with SLIPWAY_KEY=${body.to} first, so that new data keys are not left behind.`,
      });
    }
    return rewrapSome(db, keyring, caller);
  });

  serve(app, endpoints.listDataKeys, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    const items = await listDataKeys(db, stack.id);
    return { items: items.map((one) => ({ ...one, createdAt: one.createdAt.toISOString() })) };
  });

  serve(app, endpoints.rotateDataKey, ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      return rotateDataKey(trx, keyring, { ...params, stackId: stack.id }, caller);
    }),
  );
}
