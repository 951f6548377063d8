import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import type { Notifications } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import { messageOf } from "../errors.ts";

/** A probe that hangs is no answer. */
const DATABASE_TIMEOUT_MS = 3_000;

export interface ProbeOptions {
  db: Database;
  notifications: Notifications;
  /** Newest migration that this program knows. */
  schemaVersion: number;
}

/** `/livez`: the process answers. `/readyz`: it can do its work; else 503 with what is missing. */
export function registerProbes(app: FastifyInstance, options: ProbeOptions): void {
  const route = { config: { permission: "public" as const, rateLimit: false }, schema: { hide: true } };
  app.get("/livez", route, () => ({ status: "ok" }));
  app.get("/readyz", route, async (_request, reply) => {
    const checks = {
      database: await checkDatabase(options),
      notifications: options.notifications.isAlive ? "ok" : "not connected",
    };
    const isReady = Object.values(checks).every((check) => check === "ok");
    return reply
      .code(isReady ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: isReady ? "ok" : "not ready", checks });
  });
}

async function checkDatabase({ db, schemaVersion }: ProbeOptions): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), DATABASE_TIMEOUT_MS);
  });
  try {
    const query = sql<{ version: number }>`select max(version) as version from schema_versions`.execute(db);
    const { rows } = await Promise.race([query, late]);
    const version = rows[0]?.version ?? 0;
    return version === schemaVersion ? "ok" : `schema version ${version}, expected ${schemaVersion}`;
  } catch (error) {
    // Without the connection string, which pg never puts into its messages.
    return `not reachable: ${messageOf(error)}`;
  } finally {
    clearTimeout(timer);
  }
}
