import type { FastifyInstance } from "fastify";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { RetentionCategory, RetentionLimits, RetentionRule } from "../contract/retention.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { collect } from "./collect.ts";
import { listRules, putLimits, removeLimits } from "./store.ts";

/** Of what is about the installation itself. */
const ORGANISATION = "default";

/** Routes of what is kept for how long. */
export function retentionRoutes(
  app: FastifyInstance,
  { db, dataDir }: { db: Database; dataDir: string },
): void {
  serve(app, endpoints.listRetention, async () => ({ items: await listRules(db) }));

  serve(app, endpoints.setRetention, ({ params, body, caller }) =>
    change(db, params.category, caller, body, (trx) =>
      putLimits(trx, params.category, body, caller.principal),
    ),
  );

  serve(app, endpoints.resetRetention, ({ params, caller }) =>
    change(db, params.category, caller, null, (trx) => removeLimits(trx, params.category)),
  );

  serve(app, endpoints.runRetention, async ({ body, caller, request }) => {
    const gone = new AbortController();
    request.raw.once("close", () => gone.abort());
    const run = await collect({ db, dataDir, now: Date.now }, body.dryRun, gone.signal);
    const removed = run.items.filter((item) => item.removed > 0);
    if (!body.dryRun && removed.length > 0) {
      await withTransaction(db, (trx) =>
        appendAudit(trx, {
          ...caller,
          action: "retention.run",
          organisation: ORGANISATION,
          subject: "retention",
          details: { removed: Object.fromEntries(removed.map((item) => [item.category, item.removed])) },
        }),
      );
    }
    return run;
  });
}

function change(
  db: Database,
  category: RetentionCategory,
  caller: Caller,
  limits: RetentionLimits | null,
  write: (trx: Transaction) => Promise<void>,
): Promise<RetentionRule> {
  return withTransaction(db, async (trx) => {
    await write(trx);
    const rule = (await listRules(trx)).find((one) => one.category === category);
    if (rule === undefined) throw new Error(`there is no category ${category}`);
    await appendAudit(trx, {
      ...caller,
      action: limits === null ? "retention.reset" : "retention.set",
      organisation: ORGANISATION,
      subject: `retention/${category}`,
      details: { ...rule.limits },
    });
    return rule;
  });
}
