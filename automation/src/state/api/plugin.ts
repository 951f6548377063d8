import type { FastifyInstance } from "fastify";
import type { Clock } from "../../clock.ts";
import type { Database } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { guardApi } from "./auth.ts";
import { readBodies } from "./bodies.ts";
import { handleApiError } from "./errors.ts";
import { apiRoute } from "./route.ts";

/** What the service API works with. */
export interface StateApiDependencies {
  db: Database;
  clock: Clock;
}

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

function routes(api: FastifyInstance, _dependencies: StateApiDependencies): void {
  apiRoute(
    api,
    { method: ["GET", "POST", "PUT", "PATCH", "DELETE"], path: "/*", needs: "access-token" },
    (request) => {
      throw new SlipwayError(
        "not_found",
        `Slipway does not offer ${request.method} ${request.url.split("?")[0] ?? ""}.`,
      );
    },
  );
}
