import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { listableOrganisations } from "../access/rules.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import { serve } from "../http/endpoint.ts";
import { listAudit } from "./store.ts";

const SequencePlace = z.tuple([z.int().min(1)]);
const DEFAULT_ORGANISATION = "default";

/** Routes of the audit log. */
export function auditRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listAudit, async ({ query, actor }) => {
    const entries = await listAudit(db, {
      within: listableOrganisations(actor),
      organisation: query.organisation,
      subject: subjectOf(query),
      action: query.action,
      before: decodeCursor(query.after, SequencePlace)?.[0],
      limit: query.limit + 1,
    });
    return pageFrom(
      entries,
      query.limit,
      (entry) => entry,
      ({ sequence }) => [sequence],
    );
  });
}

/** The subject that a query names; undefined for all. */
function subjectOf(query: {
  organisation?: string | undefined;
  project?: string | undefined;
  stack?: string | undefined;
}): string | undefined {
  const { organisation = DEFAULT_ORGANISATION, project, stack } = query;
  if (project !== undefined)
    return [organisation, project, stack].filter((part) => part !== undefined).join("/");
  if (stack === undefined) return undefined;
  const message = "needs a project: stacks of several projects may have that name";
  throw new SlipwayError("invalid_request", `query.stack ${message}`, {
    details: { issues: [{ path: "query.stack", message }] },
  });
}
