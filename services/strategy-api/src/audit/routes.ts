import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import type { AppDependencies } from "../dependencies.ts";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import { AUDIT_ACTIONS, listAudit } from "./store.ts";

const AuditEntry = z.object({
  position: z.string(),
  at: z.iso.datetime(),
  correlationId: z.string(),
  action: z.enum(AUDIT_ACTIONS),
  subjectId: z.string(),
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});

/** The record of every change, newest first. */
export const auditRoutes: FastifyPluginAsyncZod<AppDependencies> = async (app, { db }) => {
  app.get(
    "/api/audit",
    {
      schema: {
        querystring: PageQuery.extend({ subjectId: z.uuid().optional() }),
        response: { 200: pageOf(AuditEntry) },
      },
    },
    async (request) => {
      const { subjectId, ...page } = request.query;
      return toPage(await listAudit(db, pageRequest(page), subjectId ?? null), page.limit);
    },
  );
};
