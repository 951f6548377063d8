import { setTimeout as sleep } from "node:timers/promises";
import { apiAddress } from "./api-rules.ts";
import type { PlannedCheck } from "./check.ts";
import { type MonitoringReader, monitoringReader } from "./monitoring-reader.ts";
import {
  isSettling,
  judgeAlarm,
  judgeDashboard,
  judgeLogGroup,
  judgeLogs,
  judgeSubscriptions,
  judgeTraces,
} from "./monitoring-rules.ts";
import { nothingTo, type Scope } from "./scope.ts";
import { sendTestAlert } from "./test-alert.ts";

const GAP_MS = 3_000;

/** Dashboards and alarms exist, alarms are OK, who is to be told has confirmed, an alert arrives, and traces and logs show what runs. */
export function monitoringChecks(
  scope: Scope,
  reader: MonitoringReader = monitoringReader(scope),
): readonly PlannedCheck[] {
  const { monitoring, functions } = scope.manifest;
  const all = Object.entries(functions);
  const awake = once(() => wake(scope));
  return [
    ...watchChecks(scope, reader),
    { check: "test alert", look: () => sendTestAlert(scope) },
    monitoring.tracing ? traces(scope, reader, awake) : nothingTo("traces", "the stack keeps no traces"),
    ...all.map(([category, { logGroup }]) => ({
      check: `log group ${category}`,
      look: async () => judgeLogGroup(await reader.retention(logGroup)),
    })),
    ...all.map(([category, { logGroup }]) => ({
      check: `log ${category}`,
      look: async () => {
        await awake();
        const seen = await until(
          scope,
          () => reader.logs(logGroup),
          ({ entries, errors }) => entries > 0 || errors.length > 0,
        );
        return judgeLogs(seen);
      },
    })),
  ];
}

/** Every dashboard and alarm of the manifest, and the topic's subscriptions. */
export function watchChecks(
  scope: Pick<Scope, "manifest" | "settings" | "context">,
  reader: Pick<MonitoringReader, "alarms" | "dashboard" | "subscriptions">,
): PlannedCheck[] {
  const { dashboards, alarms, topicArn, probeQueueUrl } = scope.manifest.monitoring;
  const probe = new URL(probeQueueUrl).pathname.split("/").at(-1) ?? "";
  const seen = once(() => settledAlarms(scope, reader, alarms));
  return [
    ...(dashboards.length === 0 ? [nothingTo("dashboards", "the stack has no dashboard")] : []),
    ...dashboards.map((name) => ({
      check: `dashboard ${name}`,
      look: async () => judgeDashboard(await reader.dashboard(name)),
    })),
    ...(alarms.length === 0 ? [nothingTo("alarms", "the stack has no alarm")] : []),
    ...alarms.map((name) => ({
      check: `alarm ${name}`,
      look: async () => judgeAlarm((await seen()).get(name) ?? null),
    })),
    {
      check: "subscriptions",
      look: async () => judgeSubscriptions(await reader.subscriptions(topicArn), probe),
    },
  ];
}

/** Calls every function once, so that an idle system, too, has something to log and trace. What they answer is for the group `api` to judge. */
async function wake({ manifest, request }: Scope): Promise<void> {
  const paths = Object.values(manifest.functions).map((one) => one.healthPath);
  await Promise.allSettled(paths.map((path) => request(apiAddress(manifest.api.url, path))));
}

/** Just made alarms wait for their first data, without anybody's doing. */
function settledAlarms(
  scope: Pick<Scope, "settings" | "context">,
  reader: Pick<MonitoringReader, "alarms">,
  names: readonly string[],
) {
  return until(
    scope,
    () => reader.alarms(names),
    (seen) => ![...seen.values()].some(isSettling),
  );
}

function traces(scope: Scope, reader: MonitoringReader, awake: () => Promise<void>): PlannedCheck {
  const names = Object.values(scope.manifest.functions).map((one) => one.name);
  return {
    check: "traces",
    look: async () => {
      await awake();
      const seen = await until(
        scope,
        () => reader.traced(names),
        (traced) => traced.size > 0,
      );
      return judgeTraces(names, seen);
    },
  };
}

/** What monitoring shows arrives a little after it happened: looks again until it is enough, or the time to wait is over. */
async function until<T>(
  { settings, context }: Pick<Scope, "settings" | "context">,
  look: () => Promise<T>,
  isEnough: (seen: T) => boolean,
): Promise<T> {
  const end = performance.now() + settings.waitSeconds * 1_000;
  for (;;) {
    const seen = await look();
    const left = end - performance.now();
    if (isEnough(seen) || left <= 0) return seen;
    await sleep(Math.min(GAP_MS, left), undefined, { signal: context.signal });
  }
}

/** Asks once for all that want the answer. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | null = null;
  return () => (answer ??= ask());
}
