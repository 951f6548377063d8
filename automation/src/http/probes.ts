import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import type { Notifications } from "../database/notifications.ts";
import type { Database } from "../database.ts";
import type { DiskGuard } from "../disk/guard.ts";
import { messageOf } from "../errors.ts";
import { readQueueProgress } from "../monitoring/metrics-store.ts";
import type { Progress } from "../monitoring/progress.ts";

/** A probe that hangs is no answer. */
const DATABASE_TIMEOUT_MS = 3_000;
const MS_PER_SECOND = 1_000;

export interface ProbeOptions {
  db: Database;
  notifications: Notifications;
  disk: DiskGuard;
  progress: Progress;
  /** Newest migration that this program knows. */
  schemaVersion: number;
}

/**
 * `/livez`: the process answers. `/readyz`: it makes progress; else 503 with what is missing. What ails the whole installation and not this server (no worker, a full disk, a
 * pause of everything) is told as `warnings` with 200: to take the server out of a balancer would not help.
 */
export function registerProbes(app: FastifyInstance, options: ProbeOptions): void {
  const route = { config: { permission: "public" as const, rateLimit: false }, schema: { hide: true } };
  app.get("/livez", route, () => ({ status: "ok" }));
  app.get("/readyz", route, async (_request, reply) => {
    const database = await inTime(() => checkDatabase(options));
    const checks: Record<string, string> = {
      database,
      notifications: options.notifications.isAlive ? "ok" : "not connected",
    };
    for (const { name, ageMs, isMoving } of options.progress.all()) {
      checks[name] = isMoving ? "ok" : `no pass for ${Math.round(ageMs / MS_PER_SECOND)} s`;
    }
    const isReady = Object.values(checks).every((check) => check === "ok");
    const warnings = database === "ok" ? await warningsOf(options) : [];
    return reply
      .code(isReady ? 200 : 503)
      .header("cache-control", "no-store")
      .send({ status: isReady ? "ok" : "not ready", checks, warnings });
  });
}

async function checkDatabase({ db, schemaVersion }: ProbeOptions): Promise<string> {
  const { rows } = await sql<{ version: number }>`
    select max(version) as version from schema_versions`.execute(db);
  const version = rows[0]?.version ?? 0;
  return version === schemaVersion ? "ok" : `schema version ${version}, expected ${schemaVersion}`;
}

/** Names of no stack or project: anybody may ask. */
async function warningsOf({ db, disk }: ProbeOptions): Promise<string[]> {
  const warnings: string[] = [];
  try {
    const { queued, workers, pausedEverything } = await readQueueProgress(db);
    if (pausedEverything) warnings.push("everything is paused");
    if (workers === 0) {
      warnings.push(
        queued === 0 ? "no worker is there" : `no worker is there, and ${queued} deployments wait`,
      );
    }
    if ((await disk.status()).low) warnings.push("the disk is nearly full: new work is refused");
  } catch (error) {
    warnings.push(`the queue could not be looked at: ${messageOf(error)}`);
  }
  return warnings;
}

/** What a check answers, or why it did not. */
async function inTime(check: () => Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer")), DATABASE_TIMEOUT_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    // Without the connection string, which pg never puts into its messages.
    return `not reachable: ${messageOf(error)}`;
  } finally {
    clearTimeout(timer);
  }
}
