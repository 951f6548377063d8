import type { FastifyInstance } from "fastify";
import { SlipwayError } from "../../errors.ts";
import { guardApi } from "./auth.ts";
import { readBodies } from "./bodies.ts";
import { capabilityRoutes } from "./capabilities.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import { handleApiError } from "./errors.ts";
import { historyRoutes } from "./history.ts";
import { lookupRoutes } from "./lookups.ts";
import { renameRoutes } from "./rename.ts";
import { apiRoute } from "./route.ts";
import { secretRoutes } from "./secrets.ts";
import { stackRoutes } from "./stacks.ts";
import { stateTextRoutes } from "./state-text.ts";
import { updateApiRoutes } from "./updates.ts";
import { userRoutes } from "./user.ts";
import { writeApiRoutes } from "./writes.ts";

/**
 * Pulumi's service API below /api, as far as the CLI needs it to keep its state here. A scope of its own: other tokens, other bodies and another form of
 * errors than below /v1.
 */
export async function registerStateApi(
  app: FastifyInstance,
  dependencies: StateApiDependencies,
): Promise<void> {
  await app.register(
    (api, _options, done) => {
      api.setErrorHandler(handleApiError);
      guardApi(api, dependencies.db);
      readBodies(api);
      routes(api, dependencies);
      done();
    },
    { prefix: "/api" },
  );
}

/** All groups of routes. */
function routes(api: FastifyInstance, dependencies: StateApiDependencies): void {
  capabilityRoutes(api);
  userRoutes(api, dependencies);
  stackRoutes(api, dependencies);
  renameRoutes(api, dependencies);
  stateTextRoutes(api, dependencies);
  historyRoutes(api, dependencies);
  updateApiRoutes(api, dependencies);
  writeApiRoutes(api, dependencies);
  secretRoutes(api, dependencies);
  lookupRoutes(api, dependencies);
  apiRoute(
    api,
    { method: ["GET", "POST", "PUT", "PATCH", "DELETE"], path: "/*", needs: "access-token" },
    (request) => {
      const path = request.url.split("?")[0] ?? "";
      throw new SlipwayError("not_found", `Slipway does not offer ${request.method} ${path}.`);
    },
  );
}
