import { systemClock } from "../../automation/src/clock.ts";
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
