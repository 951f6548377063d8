import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { serve } from "../http/endpoint.ts";
import { findProject, lockProject } from "../projects/store.ts";
import { checkBudgets } from "./rules.ts";
import { readBudgets, readFigures, replaceBudgets } from "./store.ts";

/** Routes of figures and budgets of a project's steps. */
export function figureRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.getFigures, async ({ params, query }) => {
    const project = await findProject(db, params.organisation, params.project);
    if (project === undefined) throw missing.project(params);
    return readFigures(db, project.id, query.days);
  });

  serve(app, endpoints.listBudgets, async ({ params }) => {
    const project = await findProject(db, params.organisation, params.project);
    if (project === undefined) throw missing.project(params);
    return { budgets: await readBudgets(db, project.id) };
  });

  serve(app, endpoints.setBudgets, async ({ params, body, caller }) => {
    checkBudgets(body.budgets);
    const { organisation, project: name } = params;
    return withTransaction(db, async (trx) => {
      const project = await lockProject(trx, organisation, name);
      if (project === undefined) throw missing.project(params);
      const before = await readBudgets(trx, project.id);
      await replaceBudgets(trx, project.id, body.budgets, caller.principal);
      await appendAudit(trx, {
        ...caller,
        action: "budgets.set",
        organisation,
        subject: `${organisation}/${name}`,
        details: { before, after: body.budgets },
      });
      return { budgets: await readBudgets(trx, project.id) };
    });
  });
}
