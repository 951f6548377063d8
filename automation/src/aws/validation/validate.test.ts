import {
  CloudFrontClient,
  GetDistributionCommand,
  UpdateDistributionCommand,
} from "@aws-sdk/client-cloudfront";
import { CloudWatchClient, DeleteDashboardsCommand, SetAlarmStateCommand } from "@aws-sdk/client-cloudwatch";
import { CloudWatchLogsClient, DeleteRetentionPolicyCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { ChangeResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { ListSubscriptionsByTopicCommand, SNSClient, UnsubscribeCommand } from "@aws-sdk/client-sns";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { type Moto, startMoto } from "../../../../test/helpers/moto.ts";
import { createTables, functionsInProcess } from "../../../../test/helpers/sample-stores.ts";
import { makeValidationBed, type ValidationBed } from "../../../../test/helpers/validation-bed.ts";
import {
  VALIDATION_GROUPS,
  type ValidationGroup,
  type ValidationReport,
} from "../../contract/aws/validation.ts";
import { apiChecks } from "./api.ts";
import { findBrowser } from "./browse.ts";
import { runCheck } from "./check.ts";
import type { Requester } from "./request.ts";
import { smokeChecks } from "./smoke.ts";

const hasBrowser = !("missing" in (await findBrowser(null)));
if (!hasBrowser) console.warn("skipped: the navigation of a validation needs Chromium");
if (!hasBrowser && process.env.CI === "true") throw new Error("there is no Chromium");

const FIRST_START_LIMIT_MS = 660_000;
const WHOLE_LIMIT_MS = 90_000;
let moto: Moto | null = null;
let bed: ValidationBed;

beforeAll(async () => {
  const started = await startMoto();
  if ("missing" in started) {
    if (process.env.CI === "true") throw new Error(started.missing);
    console.warn(`skipped: ${started.missing}`);
    return;
  }
  moto = started;
  for (const [name, value] of Object.entries(moto.env)) vi.stubEnv(name, value);
  bed = await makeValidationBed(moto);
}, FIRST_START_LIMIT_MS);
afterAll(async () => {
  if (moto === null) return;
  await bed.stop();
  await moto.stop();
  vi.unstubAllEnvs();
});
beforeEach((context) => {
  if (moto === null) return context.skip();
  bed.desk.wrong.clear();
  bed.desk.onRequest = null;
  bed.cache.line = "+PONG";
});

const failures = (report: ValidationReport) =>
  report.checks
    .filter((one) => one.state === "failed")
    .map(({ group, check, detail }) => `${group}: ${check}: ${detail}`);
const inapplicable = (report: ValidationReport) =>
  report.checks.filter((one) => one.state === "not-applicable").map(({ check }) => check);

test(
  "a stack that is as it should be passes every check, in one report",
  async () => {
    const told: string[] = [];
    const report = await bed.report(VALIDATION_GROUPS, {
      context: { tell: (line) => told.push(line) },
      settings: { waitSeconds: 20 },
    });
    expect(failures(report)).toEqual([]);
    expect(inapplicable(report)).toEqual(hasBrowser ? [] : ["navigation"]);
    expect(report).toMatchObject({ state: "passed", groups: VALIDATION_GROUPS, environment: "test" });
    expect(report.counts.passed + report.counts.notApplicable).toBe(report.checks.length);
    expect(new Set(report.checks.map(({ group }) => group))).toEqual(new Set(VALIDATION_GROUPS));
    expect(new Set(report.checks.map(({ group, check }) => `${group} ${check}`)).size).toBe(
      report.checks.length,
    );
    for (const one of report.checks.filter(({ group }) => group === "api"))
      expect(one.latencyMs).toBeGreaterThan(0);
    expect(told).toHaveLength(report.checks.length + 1);
    expect(bed.desk.made).toEqual({ templates: [], strategies: [], "risk-profiles": [] });
  },
  WHOLE_LIMIT_MS,
);

test("only the chosen groups are looked at", async () => {
  bed.desk.requests.length = 0;
  const report = await bed.report(["data-stores"]);
  expect([...new Set(report.checks.map(({ group }) => group))]).toEqual(["data-stores"]);
  expect(bed.desk.requests).toEqual([]);
});

test("a stack without domains of its own has nothing to check about them, and says so", async () => {
  const manifest = {
    ...bed.manifest,
    dns: null,
    api: { ...bed.manifest.api, domain: null },
    certificates: { site: null, api: null },
  };
  const report = await bed.report(["dns", "certificates"], { manifest });
  expect(inapplicable(report)).toEqual(["hosted zone", "site certificate", "API certificate"]);
  expect(failures(report)).toEqual([]);
});

/** A stack with one fault, and what the group that it belongs to says of it. */
interface Fault {
  name: string;
  group: ValidationGroup;
  /** Makes the fault, and answers what takes it back. */
  make: () => Promise<() => unknown>;
  says: RegExp;
  /** Also opens a browser, which takes seconds. */
  browse?: true;
}

const answering = (key: string, reply: object) => async () => {
  bed.desk.wrong.set(key, reply);
  return () => undefined;
};
const sent = async (at: "change" | "restore", target: string) => {
  const route53 = new Route53Client(bed.at());
  const { dns, site } = bed.manifest;
  const DNSName = at === "change" ? target : site.distributionDomain;
  const AliasTarget = { HostedZoneId: "Z2FDTNDATAQYW2", DNSName, EvaluateTargetHealth: false };
  await route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: dns?.zoneId,
      ChangeBatch: {
        Changes: [{ Action: "UPSERT", ResourceRecordSet: { Name: "app.shop.test", Type: "A", AliasTarget } }],
      },
    }),
  );
};
const distribute = async (certificate: string, enabled = true) => {
  const client = new CloudFrontClient(bed.at());
  const { distributionId: Id } = bed.manifest.site;
  const { ETag } = await client.send(new GetDistributionCommand({ Id }));
  const DistributionConfig = bed.distributionConfig(certificate, enabled);
  await client.send(new UpdateDistributionCommand({ Id, IfMatch: ETag, DistributionConfig }));
};

const FAULTS: readonly Fault[] = [
  {
    name: "a record that leads elsewhere",
    group: "dns",
    make: async () => {
      await sent("change", "d-old.cloudfront.net");
      return () => sent("restore", "");
    },
    says: /record app\.shop\.test: the A record .* leads to d-old\.cloudfront\.net/,
  },
  {
    name: "a zone that other name servers are asked for",
    group: "dns",
    make: async () => {
      const before = bed.dns.records["shop.test"] ?? {};
      bed.dns.records["shop.test"] = { ns: ["ns.registrar.test"] };
      return () => {
        bed.dns.records["shop.test"] = before;
      };
    },
    says: /delegation: ns\.registrar\.test are asked/,
  },
  {
    name: "a name that does not resolve",
    group: "dns",
    make: async () => {
      const before = bed.dns.records["api.shop.test"] ?? {};
      delete bed.dns.records["api.shop.test"];
      return () => {
        bed.dns.records["api.shop.test"] = before;
      };
    },
    says: /resolution api\.shop\.test: api\.shop\.test has no address/,
  },
  {
    name: "a distribution that shows another certificate",
    group: "certificates",
    make: async () => {
      await distribute("arn:aws:acm:us-east-1:123456789012:certificate/old");
      return () => distribute(bed.manifest.certificates.site ?? "");
    },
    says: /site certificate in use: the distribution uses another certificate: .*old/,
  },
  {
    name: "a function that fails",
    group: "api",
    make: answering("GET /api/strategies/health", { status: 503, body: '{"status":"failing"}' }),
    says: /function strategies: it answers 503: \{"status":"failing"\}/,
  },
  {
    name: "a path that leads to another function",
    group: "api",
    make: answering("GET /api/audit/health", { body: '{"status":"ok","category":"health"}' }),
    says: /function audit: the function health answers there/,
  },
  {
    name: "a cache that answers nonsense",
    group: "data-stores",
    make: async () => {
      bed.cache.line = "-ERR unknown command";
      return () => undefined;
    },
    says: /cache answers: PING is answered with -ERR/,
  },
  {
    name: "a cache that neither we nor the health function reach",
    group: "data-stores",
    make: async () => {
      bed.cache.line = null;
      const stores = [{ name: "cache", state: "unreachable", used: true, latencyMs: 1, detail: "refused" }];
      bed.desk.wrong.set("GET /api/health", {
        body: JSON.stringify({ status: "failing", dataStores: stores }),
      });
      return () => undefined;
    },
    says: /cache answers: it cannot be reached from here \(.*without an answer to PING\); the health function says unreachable/,
  },
  {
    name: "a distribution that is switched off",
    group: "frontend",
    make: async () => {
      await distribute(bed.manifest.certificates.site ?? "", false);
      return () => distribute(bed.manifest.certificates.site ?? "");
    },
    says: /distribution: the distribution is switched off/,
  },
  {
    name: "a page that caches keep",
    group: "frontend",
    make: answering("GET app.shop.test/", {
      headers: { "content-type": "text/html", "cache-control": "max-age=86400" },
    }),
    says: /page: the page's cache-control is max-age=86400/,
  },
  {
    name: "a page that is served without HTTPS",
    group: "frontend",
    make: answering("HTTP /", { status: 200, headers: {} }),
    says: /redirect to HTTPS: HTTP is answered with 200/,
  },
  {
    name: "an API that the site's pages may not call",
    group: "frontend",
    make: answering("OPTIONS /api/templates/health", { headers: {} }),
    says: /CORS: the question before a call from https:\/\/app\.shop\.test is answered with no/,
  },
  {
    name: "a bundle that is missing",
    group: "frontend",
    make: answering("GET /assets/index-D7Nyvtux.js", { status: 404 }),
    says: /files: \/assets\/index-D7Nyvtux\.js answers 404/,
  },
  {
    name: "a page whose calls fail in a browser",
    group: "frontend",
    make: answering("GET /api/templates", { status: 500, body: "{}" }),
    says: /navigation: https:\/\/api\.shop\.test\/api\/templates answers 500/,
    browse: true,
  },
  {
    name: "an audit that records nothing",
    group: "smoke",
    make: answering("GET /api/audit", { body: '{"items":[]}' }),
    says: /audit: strategy\.created of .* is not recorded/,
  },
  {
    name: "a strategy that cannot be made",
    group: "smoke",
    make: answering("POST /api/strategies", { status: 500, body: "boom" }),
    says: /strategy: the API answers 500: boom/,
  },
  {
    name: "an alarm",
    group: "monitoring",
    make: async () => {
      const client = new CloudWatchClient(bed.at());
      const set = (StateValue: "ALARM" | "OK") =>
        client.send(
          new SetAlarmStateCommand({ AlarmName: "api-errors", StateValue, StateReason: "5 of 5 failed" }),
        );
      await set("ALARM");
      return () => set("OK");
    },
    says: /alarm api-errors: it is ALARM: 5 of 5 failed/,
  },
  {
    name: "an error in a function's log",
    group: "monitoring",
    make: async () => {
      await bed.log("audit", "2026-11-21T12:00:00Z\t1\tERROR\tno table");
      return () => undefined;
    },
    says: /log audit: 1 errors since the deployment: .*no table/,
  },
];

const NO_BROWSER = { settings: { browser: "/nowhere" } };

test.each(FAULTS.filter(({ browse }) => browse !== true || hasBrowser))(
  "$name is found by $group, which says so",
  async ({ group, make, says, browse }) => {
    const restore = await make();
    try {
      const report = await bed.report([group], browse === true ? {} : NO_BROWSER);
      expect(report.state).toBe("failed");
      expect(failures(report).join("\n")).toMatch(says);
    } finally {
      await restore();
    }
  },
);

test("errors from before the deployment are nobody's fault, and neither is silence before the first call", async () => {
  const report = await bed.report(["monitoring"], { deployedAt: new Date(Date.now() + 3_600_000) });
  const log = report.checks.find(({ check }) => check === "log audit");
  expect(log?.detail).toBe("it has written nothing since the deployment");
});

test("an expired certificate: one that was imported with 20 days left fails, and says when it ends", async () => {
  const site = await bed.importCertificate("us-east-1", 20);
  const manifest = { ...bed.manifest, certificates: { ...bed.manifest.certificates, site } };
  const report = await bed.report(["certificates"], { manifest });
  const end = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10);
  expect(failures(report)).toContainEqual(
    expect.stringMatching(
      new RegExp(
        `^certificates: site certificate: the certificate expires on ${end}, in (19|20) days; more than 30`,
      ),
    ),
  );
});

test("a certificate of an authority that nobody named is refused, wherever it is met", async () => {
  const report = await bed.report(["certificates", "api", "frontend"], { settings: { extraCaFile: null } });
  const found = failures(report).join("\n");
  expect(found).toMatch(/certificates: site handshake: its certificate is refused: self-signed certificate/);
  expect(found).toMatch(/certificates: API handshake: its certificate is refused/);
  expect(found).toMatch(/api: function audit: self-signed certificate/);
  expect(found).toMatch(/frontend: page: self-signed certificate/);
  expect(report.checks.find(({ check }) => check === "navigation")?.state).not.toBe("passed");
});

test("what a failed smoke run made is removed all the same", async () => {
  bed.desk.wrong.set("POST /api/risk-profiles", { status: 201, body: "lost" });
  const report = await bed.report(["smoke"]);
  expect(failures(report)).toHaveLength(1);
  const cleanUp = report.checks.find(({ check }) => check === "clean-up");
  // The risk profile was made although its answer said nothing of it.
  expect(cleanUp?.detail).toMatch(
    /^removed strategies\/smoke-\S+, risk-profiles\/smoke-\S+, templates\/smoke-/,
  );
  expect(bed.desk.made).toEqual({ templates: [], strategies: [], "risk-profiles": [] });
});

test("what cannot be removed is a failure that names it", async () => {
  bed.desk.wrong.set("GET /api/risk-profiles", { status: 500, body: "no" });
  const report = await bed.report(["smoke"]);
  expect(failures(report)).toEqual([
    "smoke: clean-up: not removed: what was made of risk-profiles, which cannot be listed (500)",
  ]);
  expect(bed.desk.made["risk-profiles"]).toHaveLength(1);
  bed.desk.made["risk-profiles"].length = 0;
});

test("a validation that is stopped half-way removes what it made, and ends", async () => {
  const stop = new AbortController();
  const told: string[] = [];
  // The template is there by now, and the strategy is being made.
  bed.desk.onRequest = (what) => {
    if (what === "POST api.shop.test/api/strategies") stop.abort(new Error("cancelled"));
  };
  const stopping = bed.report(["smoke"], {
    context: { signal: stop.signal, tell: (line) => told.push(line) },
  });
  await expect(stopping).rejects.toThrow("cancelled");
  expect(told.join("\n")).toMatch(/smoke: clean-up.*removed .*templates\/smoke-/);
  expect(bed.desk.made).toEqual({ templates: [], strategies: [], "risk-profiles": [] });
});

test("the sample's own functions take every step, and are left as they were", async () => {
  const dynamo = new DynamoDBClient(bed.at());
  await createTables(dynamo, "smoke");
  vi.stubEnv("AWS_REGION", bed.manifest.region);
  const sample = await functionsInProcess("smoke");
  try {
    const before = await sample.call("GET", "/api/templates");
    const { signal } = new AbortController();
    const request: Requester = async (url, { method = "GET", body } = {}) => {
      const { pathname, search } = new URL(url);
      // No route leads there; the gateway itself says so.
      if (pathname === "/") return { status: 404, headers: {}, text: "", latencyMs: 1, certificate: null };
      const answer = await sample.call(method, `${pathname}${search}`, body as object | undefined);
      const text = answer.body === undefined ? "" : JSON.stringify(answer.body);
      return { status: answer.status, headers: {}, text, latencyMs: 1, certificate: null };
    };
    const context = { region: bed.manifest.region, endpoint: undefined, tell: () => {}, signal };
    const { manifest } = bed;
    const checks = [];
    for (const one of apiChecks({ manifest, request })) checks.push(await runCheck("api", one, signal));
    for (const one of smokeChecks({ manifest, request, context, now: () => new Date() }))
      checks.push(await runCheck("smoke", one, signal));
    expect(checks.filter(({ state }) => state !== "passed")).toEqual([]);
    expect(checks.at(-1)?.detail).toMatch(/^removed strategies\/\S+, risk-profiles\/\S+, templates\/\S+$/);
    expect(await sample.call("GET", "/api/templates")).toEqual(before);
  } finally {
    await sample.close();
    dynamo.destroy();
  }
});

test("a dashboard, a subscription and a retention that are gone are found", async () => {
  const watch = new CloudWatchClient(bed.at());
  const sns = new SNSClient(bed.at());
  const { topicArn } = bed.manifest.monitoring;
  await watch.send(new DeleteDashboardsCommand({ DashboardNames: ["shop"] }));
  const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: topicArn }));
  await sns.send(new UnsubscribeCommand({ SubscriptionArn: Subscriptions?.[0]?.SubscriptionArn }));
  await new CloudWatchLogsClient(bed.at()).send(
    new DeleteRetentionPolicyCommand({ logGroupName: "/aws/lambda/shop-templates" }),
  );
  const monitoring = { ...bed.manifest.monitoring, alarms: ["api-errors", "never-made"] };
  const report = await bed.report(["monitoring"], { manifest: { ...bed.manifest, monitoring } });
  const found = failures(report).filter((line) => !line.includes(" log audit:"));
  expect(found).toEqual([
    "monitoring: dashboard shop: there is no such dashboard",
    "monitoring: alarm never-made: there is no such alarm",
    "monitoring: subscriptions: nobody is subscribed to the topic",
    "monitoring: test alert: it was sent, and did not arrive at the probe queue within 1 s",
    "monitoring: log group templates: it has no retention: its entries are kept for ever",
  ]);
});

test("a call that AWS refuses is a failed check that names the refusal", async () => {
  const tables = { strategies: { name: "never-made", indexes: [] } };
  const dataStores = { ...bed.manifest.dataStores, tables, backupPlans: ["daily", "weekly"] };
  const manifest = { ...bed.manifest, dataStores };
  const report = await bed.report(["data-stores"], { manifest });
  expect(failures(report)).toEqual([
    expect.stringMatching(/^data-stores: table strategies: ResourceNotFoundException: /),
    "data-stores: backup plan weekly: there is no such plan",
  ]);
});

test("a browser that does not start is no finding about the site", async () => {
  const report = await bed.report(["frontend"], { settings: { browser: "/bin/false" } });
  const navigation = report.checks.find(({ check }) => check === "navigation");
  expect(navigation?.state).toBe("not-applicable");
  expect(navigation?.detail).toMatch(/^\/bin\/false does not start: /);
});

test("settings that cannot be used end the validation before anything is looked at", async () => {
  await expect(bed.report(["api"], { settings: { extraCaFile: "/nowhere.pem" } })).rejects.toMatchObject({
    code: "validation_settings",
  });
});
