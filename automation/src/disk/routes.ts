import type { FastifyInstance } from "fastify";
import { endpoints } from "../contract/endpoints.ts";
import { IMPORT_PATH } from "../contract/state-imports.ts";
import { serve } from "../http/endpoint.ts";
import type { DiskGuard } from "./guard.ts";

/** Requests that begin something which needs space. What has begun may go on: its journal, its events and its end are always taken. */
const BEGINNINGS: ReadonlySet<string> = new Set([
  `POST ${endpoints.requestDeployment.path}`,
  `POST ${endpoints.continueDeployment.path}`,
  `POST ${IMPORT_PATH}`,
  // Of the Pulumi CLI: it creates an update before it starts one. A preview writes nothing of size.
  ...["update", "refresh", "destroy"].map((kind) => `POST /api/stacks/:organisation/:project/:stack/${kind}`),
  "POST /api/stacks/:organisation/:project/:stack/import",
]);

/** Refuses new work while the disk is low, and tells whether it is. */
export function diskRoutes(app: FastifyInstance, guard: DiskGuard): void {
  app.addHook("preHandler", async (request) => {
    // The engine of a deployment that runs goes on.
    if (request.actor?.kind === "attempt") return;
    if (BEGINNINGS.has(`${request.method} ${request.routeOptions.url ?? ""}`)) await guard.refuseWhenLow();
  });
  app.addHook("onError", (_request, _reply, error, done) => {
    guard.noteError(error);
    done();
  });
  serve(app, endpoints.getDisk, () => guard.status());
}
