import type { FastifyInstance } from "fastify";
import { apiRoute } from "./route.ts";

/** Newest form of a state that Slipway keeps without loss. Without it the CLI writes form 3 and drops what that cannot hold. */
const DEPLOYMENT_SCHEMA_VERSION = 4;

/**
 * What the CLI may use. Deltas of checkpoints are left out on purpose: with them the CLI loses pending operations. Journaling is no capability, it is agreed
 * on when an update starts.
 */
const CAPABILITIES = [
  { capability: "batch-encrypt" },
  {
    capability: "deployment-schema-version",
    version: 1,
    configuration: { version: DEPLOYMENT_SCHEMA_VERSION },
  },
  { capability: "stack-policy-packs", version: 1 },
];

/** What the CLI asks before it has a token. */
export function capabilityRoutes(api: FastifyInstance): void {
  apiRoute(api, { method: "GET", path: "/capabilities", needs: "nothing" }, () =>
    Promise.resolve({ capabilities: CAPABILITIES }),
  );
}
