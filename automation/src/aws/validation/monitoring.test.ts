import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AN_AWS_MANIFEST } from "../../../../test/helpers/aws-manifest.ts";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { ValidationSettings } from "../../contract/aws/validation.ts";
import { type PlannedCheck, passed, runCheck } from "./check.ts";
import { watchChecks } from "./monitoring.ts";
import type { SeenAlarm, SeenSubscription } from "./monitoring-rules.ts";

type Plan = typeof watchChecks;

const SETTINGS = ValidationSettings.parse({ waitSeconds: 0 });
const alarm = fc.option(
  fc.record({
    state: fc.constantFrom("OK", "ALARM", "INSUFFICIENT_DATA"),
    reason: fc.constant("because"),
    actionsEnabled: fc.boolean(),
  }),
  { nil: null },
);
const subscription = fc.record({
  arn: fc.constantFrom("arn:aws:sns:r:1:t:1", "PendingConfirmation", "Deleted"),
  protocol: fc.constantFrom("sqs", "email"),
  endpoint: fc.constantFrom("arn:aws:sqs:r:1:probe", "on-call@shop.test"),
});
const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 6 });
const world = fc.record({
  dashboards: names.chain((all) =>
    fc.tuple(...all.map((name) => fc.tuple(fc.constant(name), fc.constantFrom(null, 0, 3)))),
  ),
  alarms: names.chain((all) => fc.tuple(...all.map((name) => fc.tuple(fc.constant(name), alarm)))),
  // What is there beside what the manifest names decides nothing.
  others: fc.array(alarm, { maxLength: 2 }),
  subscriptions: fc.array(subscription, { maxLength: 3 }),
});

/** Each dashboard, alarm and subscription of the manifest is looked at, and whatever is missing or not as it should be is a failure. */
function compliance(plan: Plan) {
  return fc.asyncProperty(world, async ({ dashboards, alarms, others, subscriptions }) => {
    const widgets = new Map<string, number | null>(dashboards);
    const states = new Map<string, SeenAlarm>(alarms);
    const monitoring = {
      ...AN_AWS_MANIFEST.monitoring,
      dashboards: [...widgets.keys()],
      alarms: [...states.keys()],
    };
    const manifest: AwsManifest = { ...AN_AWS_MANIFEST, monitoring };
    const looked = { dashboards: new Set<string>(), alarms: new Set<string>(), topics: new Set<string>() };
    const reader = {
      alarms: async (asked: readonly string[]) => {
        for (const name of asked) looked.alarms.add(name);
        const extra = others.map((one, at) => [`other-${at}`, one] as const);
        return new Map([...asked.map((name) => [name, states.get(name) ?? null] as const), ...extra]);
      },
      dashboard: async (name: string) => {
        looked.dashboards.add(name);
        return widgets.get(name) ?? null;
      },
      subscriptions: async (topic: string): Promise<SeenSubscription[]> => {
        looked.topics.add(topic);
        return subscriptions;
      },
    };
    const { signal } = new AbortController();
    const context = { region: "r", endpoint: undefined, tell: () => {}, signal };
    const checks = await Promise.all(
      plan({ manifest, settings: SETTINGS, context }, reader).map((one) =>
        runCheck("monitoring", one, signal),
      ),
    );
    expect([...looked.dashboards].toSorted()).toEqual([...widgets.keys()].toSorted());
    expect([...looked.alarms].toSorted()).toEqual([...states.keys()].toSorted());
    expect([...looked.topics]).toEqual([monitoring.topicArn]);
    const isGood = (one: SeenAlarm) => one !== null && one.state === "OK" && one.actionsEnabled;
    const isSubscribed = subscriptions.length > 0 && subscriptions.every(({ arn }) => arn.startsWith("arn:"));
    const expected = [
      ...[...widgets]
        .filter(([, count]) => count === null || count === 0)
        .map(([name]) => `dashboard ${name}`),
      ...[...states].filter(([, one]) => !isGood(one)).map(([name]) => `alarm ${name}`),
      ...(isSubscribed ? [] : ["subscriptions"]),
    ];
    const failed = checks.filter((one) => one.state === "failed").map(({ check }) => check);
    expect(failed.toSorted()).toEqual(expected.toSorted());
  });
}

describe("what watches a stack", () => {
  test("is looked at one by one, and whatever is missing or not as it should be fails", async () => {
    await fc.assert(compliance(watchChecks), { numRuns: 200 });
  });

  const changed =
    (change: (checks: PlannedCheck[]) => PlannedCheck[]): Plan =>
    (scope, reader) =>
      change(watchChecks(scope, reader));
  test.each<[string, Plan]>([
    ["the last alarm is left out", changed((checks) => checks.toSpliced(-2, 1))],
    ["subscriptions are left out", changed((checks) => checks.slice(0, -1))],
    [
      "dashboards are left out",
      changed((checks) => checks.filter(({ check }) => !check.startsWith("dashboard"))),
    ],
    [
      "the absence of an alarm is taken for peace",
      (scope, reader) =>
        watchChecks(scope, {
          ...reader,
          alarms: async (asked) => {
            const peace = { state: "OK", reason: "", actionsEnabled: true };
            return new Map([...(await reader.alarms(asked))].map(([name, one]) => [name, one ?? peace]));
          },
        }),
    ],
    [
      "alarms without data are taken for good",
      changed((checks) =>
        checks.map((one) => ({
          ...one,
          look: async () => {
            const verdict = await one.look();
            return verdict.detail.includes("INSUFFICIENT_DATA") ? passed("") : verdict;
          },
        })),
      ),
    ],
    [
      "one confirmed subscription hides the others",
      (scope, reader) =>
        watchChecks(scope, {
          ...reader,
          subscriptions: async (topic) => {
            const all = await reader.subscriptions(topic);
            const confirmed = all.filter(({ arn }) => arn.startsWith("arn:"));
            return confirmed.length > 0 ? confirmed : all;
          },
        }),
    ],
  ])("does not pass for complete when %s, and that is seen", async (_what, plan) => {
    const outcome = await fc.check(compliance(plan), { numRuns: 200, seed: 7 });
    // Found by what was expected, not by a variant that cannot even run.
    expect(outcome.errorInstance).toHaveProperty("name", "AssertionError");
  });

  test("an alarm that was just made is waited for until it has its first data", async () => {
    let reads = 0;
    const reader = {
      alarms: async (asked: readonly string[]) => {
        reads += 1;
        const state = reads === 1 ? "INSUFFICIENT_DATA" : "OK";
        return new Map(asked.map((name) => [name, { state, reason: "", actionsEnabled: true }] as const));
      },
      dashboard: async () => 1,
      subscriptions: async () => [],
    };
    const { signal } = new AbortController();
    const manifest = { ...AN_AWS_MANIFEST, monitoring: { ...AN_AWS_MANIFEST.monitoring, alarms: ["a"] } };
    const context = { region: "r", endpoint: undefined, tell: () => {}, signal };
    const settings = ValidationSettings.parse({ waitSeconds: 0.05 });
    const [check] = watchChecks({ manifest, settings, context }, reader).filter(
      (one) => one.check === "alarm a",
    );
    expect(await check?.look()).toMatchObject({ state: "passed" });
    expect(reads).toBe(2);
  });
});
