import { sql } from "kysely";
import { systemClock } from "../../automation/src/clock.ts";
import type { Database } from "../../automation/src/database.ts";
import { openBoss } from "../../automation/src/dispatch/boss.ts";
import { parseNetworks } from "../../automation/src/notifications/addresses.ts";
import type { RetryPolicy } from "../../automation/src/notifications/rules.ts";
import { RETRY_POLICY } from "../../automation/src/notifications/rules.ts";
import { destinationSealing } from "../../automation/src/notifications/sealing.ts";
import type { ServiceDependencies } from "../../automation/src/notifications/service.ts";
import { runNotifications } from "../../automation/src/notifications/service.ts";
import type { TestApi } from "./api.ts";

/** Where receivers of tests listen. */
export const LOOPBACK = parseNetworks("127.0.0.0/8") ?? [];
/** Retries within the patience of a test. */
export const QUICK: RetryPolicy = { ...RETRY_POLICY, firstDelayMs: 100, factor: 1, horizonMs: 3_000 };

/** A server that was killed in the last try leaves it to another one, after its lease. */
const USUAL_GRACE_MS = 300_000;

export interface NotificationService {
  stop(): Promise<void>;
}

/** Routes and delivers as a server does, with other times. Whoever starts it stops it. */
export async function startNotifications(
  api: TestApi,
  more: Partial<ServiceDependencies> & { databaseUrl?: string } = {},
): Promise<NotificationService> {
  const { databaseUrl = api.databaseUrl, ...overrides } = more;
  const { db, logger, keyring } = api.dependencies;
  const boss = await openBoss(databaseUrl, { logger, role: "server" });
  const stopping = new AbortController();
  const running = runNotifications(
    {
      ...{ db, boss, logger, clock: systemClock, policy: QUICK, random: Math.random },
      sealing: destinationSealing(keyring),
      network: { allowed: LOOPBACK },
      smtp: undefined,
      publicUrl: "https://slipway.example",
      lookEveryMs: 50,
      lateMs: 300,
      ...overrides,
    },
    stopping.signal,
  );
  return {
    stop: async () => {
      stopping.abort();
      await running;
      await boss.stop();
    },
  };
}

/** A message that should have ended. */
interface Undelivered {
  notification: string;
  /** Null: it was not even routed. */
  delivery: string | null;
  /** Since when it is over. */
  since: Date;
}

/**
 * N9: messages that are neither delivered nor given up although the horizon is past by `graceMs`, with those that were never routed. Empty unless
 * something is broken or no server has run.
 */
export async function undelivered(
  db: Database,
  options: { graceMs?: number; horizonMs?: number } = {},
): Promise<Undelivered[]> {
  const { graceMs = USUAL_GRACE_MS, horizonMs = RETRY_POLICY.horizonMs } = options;
  const { rows } = await sql<Undelivered>`
    select notification_id as notification, id as delivery, deadline as since from notification_deliveries
    where status = 'pending' and deadline < now() - ${graceMs} * interval '1 millisecond'
    union all
    select id, null, created_at from notifications
    where routed_at is null and created_at < now() - ${horizonMs + graceMs} * interval '1 millisecond'
    order by since`.execute(db);
  return rows;
}
