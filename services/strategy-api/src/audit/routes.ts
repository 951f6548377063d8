import type { FastifyPluginAsyncZod } from "fastify-type-provider-zod";
import { z } from "zod";
import { PageQuery, pageOf, pageRequest, toPage } from "../pagination.ts";
import { TemplateId } from "../templates/store.ts";
import { AuditEntry, type AuditStore } from "./store.ts";

/** The record of every change, newest first. */
export const auditRoutes: FastifyPluginAsyncZod<{ audit: AuditStore }> = async (app, { audit }) => {
  app.get(
    "/api/audit",
    {
      schema: {
        querystring: PageQuery.extend({ subjectId: z.union([z.uuid(), TemplateId]).optional() }),
        response: { 200: pageOf(AuditEntry) },
      },
    },
    async (request) => {
      const { subjectId, ...page } = request.query;
      return toPage(await audit.list(pageRequest(page), subjectId ?? null), page.limit);
    },
  );
};
