import type { FastifyInstance } from "fastify";
import type { Database } from "../../database.ts";
import { apiRoute, stackRoute } from "./route.ts";

/** Lists of what Slipway has none of. An empty list, since a 404 makes `pulumi new` and `pulumi package add` fail. */
const EMPTY_LISTS: Readonly<Record<string, object>> = {
  "/orgs/:organisation/policypacks": { policyPacks: [] },
  "/orgs/:organisation/policygroups": { policyGroups: [] },
  "/orgs/:organisation/templates": { templates: {}, orgHasTemplates: false },
  "/registry/packages": { packages: [] },
  "/registry/templates": { templates: [] },
  "/preview/registry/packages": { packages: [] },
  "/preview/registry/templates": { templates: [] },
};

/** Look-ups of policies, packages and templates. */
export function lookupRoutes(api: FastifyInstance, { db }: { db: Database }): void {
  for (const [path, answer] of Object.entries(EMPTY_LISTS)) {
    apiRoute(api, { method: "GET", path, needs: "access-token" }, () => Promise.resolve(answer));
  }
  stackRoute(api, db, { method: "GET", path: "/policypacks", needs: "stack.read" }, () =>
    Promise.resolve({ requiredPolicies: [] }),
  );
}
