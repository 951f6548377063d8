import { runInNewContext } from "node:vm";
import { beforeAll, describe, expect, test } from "vitest";
import { FUNCTION_CATEGORIES, variablesOf } from "../../automation/src/contract/aws/function-environment.ts";
import { SECRET_SLOTS } from "../../automation/src/contract/aws/secret-slots.ts";
import type { ProgramPins } from "../../automation/src/contract/aws/shipment.ts";
import { checkedManifest } from "../components/aws/manifest.ts";
import { RESOURCE_TYPES } from "../components/aws/resource-types.ts";
import { at } from "../policies/rule.ts";
import { inputProblems } from "../testing/check-inputs.ts";
import { ACCOUNT_ID } from "../testing/cloud-answers.ts";
import { DECLARING_TIMEOUT_MS, type Declared, declare, type Graph } from "../testing/graph.ts";
import { type ProviderSchema, schemaOf } from "../testing/provider-schema.ts";
import { envelopesWith, leaksOf } from "../testing/secrets.ts";
import { configOf } from "../testing/stack-config.ts";

const CANARY = "canary-5f2c9e";

const pinOf = (category: string) => ({
  version: "7",
  s3Key: `functions/${category}/abc.zip`,
  s3ObjectVersion: "v1",
  sha256: "a".repeat(64),
  functionName: `strategy-desk-test-${category}`,
  artifactsBucket: `strategy-desk-test-artifacts-${ACCOUNT_ID}-eu-central-1`,
});
const PINS: ProgramPins = {
  audit: pinOf("audit"),
  strategies: { ...pinOf("strategies"), functionName: "strategy-desk-earlier-strategies" },
  templates: { ...pinOf("templates"), artifactsBucket: "strategy-desk-earlier-artifacts" },
};

let schema: ProviderSchema;
let plain: Graph;
let production: Graph;
/** Everything that a config can ask for. */
let full: Graph;
let otherwise: Graph;
beforeAll(async () => {
  schema = schemaOf(Object.keys(RESOURCE_TYPES));
  const test = await configOf("test");
  plain = await declare(test);
  production = await declare(await configOf("production"));
  full = await declare(
    {
      ...(await configOf("production")),
      "strategyDesk:cache": "redis",
      "strategyDesk:cacheNodes": "2",
      "strategyDesk:timeSeries": "influxdb",
      "strategyDesk:egress": "nat",
      "strategyDesk:firewall": "managed",
      "strategyDesk:firewallRequests": "500",
      "strategyDesk:createZone": "true",
      "strategyDesk:permissionsBoundary": "desk-boundary",
    },
    { secrets: { "strategyDesk:influxFirstPassword": CANARY } },
  );
  otherwise = await declare(
    {
      ...test,
      "strategyDesk:timeSeries": "liveanalytics",
      "strategyDesk:protection": "retiring",
      "strategyDesk:backupDays": "0",
      "slipway:secretsEpoch": "e2",
    },
    { pins: PINS },
  );
}, DECLARING_TIMEOUT_MS);

const graphs = (): Graph[] => [plain, production, full, otherwise];
const ofType = (graph: Graph, type: keyof typeof RESOURCE_TYPES): Declared[] =>
  graph.resources.filter((one) => one.type === type);
const only = (graph: Graph, type: keyof typeof RESOURCE_TYPES, name: string): Declared => {
  const [found, ...more] = ofType(graph, type).filter((one) => one.name === name);
  if (found === undefined || more.length > 0) throw new Error(`There is not one ${type} ${name}.`);
  return found;
};

describe("what is declared", () => {
  test("every input is one that the provider's types know, and every value one that AWS knows", () => {
    for (const graph of graphs()) {
      expect(graph.resources.flatMap((one) => inputProblems(one, schema))).toEqual([]);
    }
  });

  test("the list of types and inputs names what is used, and nothing that is not", () => {
    const used = graphs().flatMap(({ resources }) => resources);
    for (const [type, inputs] of Object.entries(RESOURCE_TYPES)) {
      const set = new Set(
        used.filter((one) => one.type === type).flatMap(({ inputs: given }) => Object.keys(given)),
      );
      expect({ type, unused: inputs.filter((input) => !set.has(input)) }).toEqual({ type, unused: [] });
    }
  });

  test("the same name of the same type stands once", () => {
    for (const { resources } of graphs()) {
      const names = resources.map(({ type, name }) => `${type} ${name}`);
      expect(names.length).toBe(new Set(names).size);
    }
  });
});

describe("a function", () => {
  test("serves the version that is pinned; without a pin it is a placeholder that nobody shipped", () => {
    expect(only(otherwise, "aws:lambda/alias:Alias", "audit").inputs.functionVersion).toBe("7");
    const pinned = only(otherwise, "aws:lambda/function:Function", "audit").inputs;
    expect(pinned).toMatchObject({ s3Key: "functions/audit/abc.zip", s3ObjectVersion: "v1", publish: true });
    expect(pinned.code).toBeUndefined();
    expect(String(pinned.s3Bucket)).toContain("-artifacts-");

    expect(only(otherwise, "aws:lambda/alias:Alias", "health").inputs.functionVersion).toBe("1");
    const fresh = only(otherwise, "aws:lambda/function:Function", "health").inputs;
    expect(fresh.s3Key).toBeUndefined();
    expect(fresh.code).toBeDefined();
  });

  test("takes no version that was made for a function by another name, and no package of another bucket", () => {
    const versionOf = (name: string) =>
      only(otherwise, "aws:lambda/alias:Alias", name).inputs.functionVersion;
    const codeOf = (name: string) => only(otherwise, "aws:lambda/function:Function", name).inputs;
    expect(versionOf("strategies"), "the first version of the function that is made").toBe("1");
    expect(codeOf("strategies").s3Key).toBeUndefined();
    expect(codeOf("strategies").code).toBeDefined();
    // The function is the same, and so are its versions.
    expect(versionOf("templates")).toBe("7");
    expect(codeOf("templates").s3Key).toBeUndefined();
    expect(codeOf("templates").code).toBeDefined();
  });

  test("leaves its code to who ships it, and of the alias the weights alone", () => {
    for (const made of ofType(plain, "aws:lambda/function:Function")) {
      expect(made.ignoreChanges).toEqual(["code", "s3Bucket", "s3Key", "s3ObjectVersion"]);
    }
    for (const alias of ofType(plain, "aws:lambda/alias:Alias")) {
      expect(alias.ignoreChanges).toEqual(["routingConfig"]);
    }
  });

  test("gets another epoch when secrets were put, if it reads any", () => {
    const epochOf = (graph: Graph, name: string) =>
      at(only(graph, "aws:lambda/function:Function", name).inputs, "environment.variables.SECRETS_EPOCH");
    expect(epochOf(plain, "market-data")).toBe("0");
    expect(epochOf(otherwise, "market-data")).toBe("e2");
    expect(epochOf(otherwise, "audit")).toBeUndefined();
  });

  test.each([
    ["plain", () => plain, { cache: false, timeSeries: "none" }],
    ["full", () => full, { cache: true, timeSeries: "influxdb" }],
    ["other", () => otherwise, { cache: false, timeSeries: "liveanalytics" }],
  ] as const)("has the variables of the contract, in a %s stack", (_, graph, has) => {
    for (const category of FUNCTION_CATEGORIES) {
      const { inputs } = only(graph(), "aws:lambda/function:Function", category);
      const { variables } = inputs.environment as { variables: Record<string, unknown> };
      expect(Object.keys(variables).sort()).toEqual(variablesOf(category, has));
      expect(graph().manifest?.functions[category]?.environment).toEqual(variablesOf(category, has));
    }
  });

  test("is called by the API through its alias alone", () => {
    for (const category of FUNCTION_CATEGORIES) {
      expect(only(plain, "aws:lambda/permission:Permission", category).inputs.qualifier).toBe("live");
      const { integrationUri } = only(plain, "aws:apigatewayv2/integration:Integration", category).inputs;
      expect(integrationUri).toMatch(/:live\/invocations$/);
    }
  });

  test("may do what its specification names: no table of another, no deleting of audit entries", () => {
    const statements = statementsOf("templates");
    expect(actionsOn(statements, "table/strategy-desk-test-templates")).toContain("dynamodb:DeleteItem");
    expect(actionsOn(statements, "table/strategy-desk-test-strategies")).toEqual([]);
    expect(actionsOn(statements, "table/strategy-desk-test-audit").sort()).toEqual([
      "dynamodb:DescribeTable",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
    ]);
    expect(statements.find(({ Sid }) => Sid === "CountAudit")?.Condition).toEqual({
      "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["counter"] },
    });
    expect(statements.some(({ Sid }) => Sid === "ReadSecrets")).toBe(false);
    expect(actionsOn(statementsOf("market-data"), "secret:strategy-desk-test-secret/binance")).toEqual([
      "secretsmanager:GetSecretValue",
      "secretsmanager:DescribeSecret",
    ]);
  });

  test("reads the token of the time series where there is one, and makes no call of AWS for its prices", () => {
    const readers = FUNCTION_CATEGORIES.filter((category) =>
      statementsOf(category, full).some(
        ({ Sid, Resource }) =>
          Sid === "ReadSecrets" && [Resource].flat().some((arn) => arn.endsWith("/influxdb")),
      ),
    );
    expect(readers).toEqual(["market-data", "health"]);
    const actions = FUNCTION_CATEGORIES.flatMap((category) =>
      statementsOf(category, full).flatMap(({ Action }) => Action),
    );
    expect(actions.filter((action) => action.startsWith("timestream"))).toEqual([]);
    const { inputs } = only(full, "aws:lambda/function:Function", "market-data");
    expect(at(inputs, "environment.variables")).toMatchObject({
      TIME_SERIES_ENDPOINT: "influx.internal:8086",
      TIME_SERIES_ORGANIZATION: "strategy-desk",
      TIME_SERIES_BUCKET: "ticks",
    });
    const [instance] = ofType(full, "aws:timestreaminfluxdb/dbInstance:DbInstance");
    expect(instance?.inputs).toMatchObject({ organization: "strategy-desk", bucket: "ticks" });
  });

  test("is inside of the network only when it asks something that is there", () => {
    const inside = (graph: Graph) =>
      ofType(graph, "aws:lambda/function:Function")
        .filter(({ inputs }) => inputs.vpcConfig !== undefined)
        .map(({ name }) => name)
        .sort();
    expect(inside(plain)).toEqual([]);
    expect(inside(full)).toEqual(["health", "market-data"]);
    expect(ofType(plain, "aws:ec2/vpc:Vpc")).toEqual([]);
  });
});

interface Statement {
  Sid: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: unknown;
}

function statementsOf(category: string, graph: Graph = plain): Statement[] {
  const { policy } = only(graph, "aws:iam/rolePolicy:RolePolicy", category).inputs;
  return (JSON.parse(String(policy)) as { Statement: Statement[] }).Statement;
}

const actionsOn = (statements: readonly Statement[], resource: string): string[] =>
  statements
    .filter(({ Resource }) => [Resource].flat().some((arn) => arn.endsWith(`:${resource}`)))
    .flatMap(({ Action }) => Action);

describe("the manifest", () => {
  test("names what a stack without a domain has", () => {
    expect(plain.manifest).toMatchObject({
      target: "aws",
      environment: "test",
      api: { url: "https://api1.execute-api.eu-central-1.amazonaws.com", domain: null, stage: "$default" },
      site: {
        url: "https://d1.cloudfront.net",
        domain: null,
        flags: { backtests: true, marketStream: true },
      },
      dns: null,
      certificates: { site: null, api: null },
      dataStores: {
        cache: null,
        timeSeries: { kind: "none" },
        tables: {
          backtests: { name: "strategy-desk-test-backtests", indexes: ["by-position", "by-strategy"] },
        },
        backupPlans: ["strategy-desk-test-daily"],
      },
    });
    const slotsIn = (graph: Graph) => Object.keys(graph.manifest?.secrets ?? {});
    expect(slotsIn(full)).toEqual(SECRET_SLOTS.map(({ name }) => name));
    // Nobody is asked for the token of a data store that is not there.
    expect(slotsIn(plain)).toEqual(slotsIn(full).filter((name) => name !== "influxdb"));
    expect(Object.keys(plain.manifest?.functions ?? {})).toEqual([...FUNCTION_CATEGORIES]);
  });

  test("names domain, certificates, cache and time series where there are some", () => {
    expect(full.manifest).toMatchObject({
      api: { url: "https://api.strategy-desk.example", domain: "api.strategy-desk.example" },
      site: { url: "https://strategy-desk.example" },
      dns: { zoneId: "ZMADE", zone: "strategy-desk.example" },
      certificates: {
        site: expect.stringContaining(":us-east-1:") as string,
        api: expect.stringContaining(":eu-central-1:") as string,
      },
      dataStores: {
        cache: { id: "strategy-desk-production-cache", endpoint: "cache.internal", port: 6379 },
        timeSeries: { kind: "influxdb", endpoint: "influx.internal:8086" },
      },
    });
    expect(production.manifest?.dns?.zoneId).toBe("ZFOUND");
    expect(otherwise.manifest?.dataStores).toMatchObject({
      backupPlans: [],
      timeSeries: { kind: "liveanalytics", database: "strategy-desk-test-market-data", table: "ticks" },
    });
  });

  test("that lacks a field fails the program, which names the field", () => {
    const { monitoring, ...rest } = plain.manifest ?? {};
    expect(() =>
      checkedManifest({ ...rest, monitoring: { ...monitoring, probeQueueUrl: undefined } }),
    ).toThrow(/incomplete:\n {2}monitoring\.probeQueueUrl: /);
    expect(checkedManifest(plain.manifest)).toEqual(plain.manifest);
  });

  test("is not looked at in a preview, where it is not known yet", {
    timeout: DECLARING_TIMEOUT_MS,
  }, async () => {
    const { manifest, resources } = await declare(await configOf("test"), { preview: true });
    expect(manifest).toBeUndefined();
    expect(resources.length).toBe(plain.resources.length);
  });
});

describe("a stack", () => {
  test("keeps its data, and gives it up only when it is being taken down", () => {
    const stateful = ["aws:dynamodb/table:Table", "aws:s3/bucket:Bucket", "aws:secretsmanager/secret:Secret"];
    const kept = plain.resources.filter(({ type }) => stateful.includes(type));
    expect(kept.length).toBeGreaterThan(10);
    expect(kept.filter(({ protect }) => !protect)).toEqual([]);
    expect(otherwise.resources.filter(({ protect }) => protect)).toEqual([]);
    expect(only(otherwise, "aws:s3/bucket:Bucket", "site").inputs).toMatchObject({
      forceDestroy: true,
      tags: { retiring: "true" },
    });
    expect(only(otherwise, "aws:dynamodb/table:Table", "audit").inputs.deletionProtectionEnabled).toBe(false);
    expect(only(plain, "aws:s3/bucket:Bucket", "site").inputs.forceDestroy).toBe(false);
  });

  test("gives every role the boundary that its config names", () => {
    const roles = ofType(full, "aws:iam/role:Role");
    expect(roles.length).toBe(FUNCTION_CATEGORIES.length + 1);
    for (const { inputs } of roles) {
      expect(inputs.permissionsBoundary).toBe("arn:aws:iam::111122223333:policy/desk-boundary");
    }
  });

  test("is unlike another in every name that an account knows once", () => {
    for (const { type, inputs } of plain.resources) {
      const name = inputs.name ?? inputs.bucket ?? inputs.dashboardName;
      if (typeof name !== "string" || type.includes("Record") || type.endsWith("Alias")) continue;
      if (["ticks", "$default"].includes(name)) continue;
      expect(name).toContain("strategy-desk-test");
    }
  });

  test("puts a secret of its config into an envelope, wherever it goes", () => {
    const all = full.resources.map(({ inputs }) => inputs);
    expect(envelopesWith(CANARY, all)).toBe(1);
    expect(leaksOf(CANARY, all)).toEqual([]);
    expect(leaksOf(CANARY, full.manifest)).toEqual([]);
  });

  test("watches every function, the API and every table, and tells who confirmed it", () => {
    const alarms = plain.manifest?.monitoring.alarms ?? [];
    for (const category of FUNCTION_CATEGORIES) {
      expect(alarms).toContain(`strategy-desk-test-${category}-errors`);
      expect(alarms).toContain(`strategy-desk-test-${category}-throttles`);
    }
    expect(alarms).toEqual(
      expect.arrayContaining(["strategy-desk-test-api-errors", "strategy-desk-test-api-slow"]),
    );
    const mails = ofType(production, "aws:sns/topicSubscription:TopicSubscription");
    expect(mails.map(({ inputs }) => inputs.protocol).sort()).toEqual(["email", "sqs"]);
    const { dashboardBody } = only(plain, "aws:cloudwatch/dashboard:Dashboard", "overview").inputs;
    expect((JSON.parse(String(dashboardBody)) as { widgets: unknown[] }).widgets.length).toBe(8);
  });
});

describe("the site", () => {
  const rewritten = (uri: string): string => {
    const { code } = only(plain, "aws:cloudfront/function:Function", "pages").inputs;
    const handler = runInNewContext(`${String(code)}; handler`) as (event: object) => { uri: string };
    return handler({ request: { uri } }).uri;
  };

  test.each([
    ["/", "/index.html"],
    ["/strategies/42", "/index.html"],
    ["/assets/index-4f3a.js", "/assets/index-4f3a.js"],
    ["/config.json", "/config.json"],
  ])("answers %s with %s", (asked, answered) => {
    expect(rewritten(asked)).toBe(answered);
  });

  test("has a firewall in front of it where the config asks for one, with its limit for each address", () => {
    const [firewall, ...more] = ofType(full, "aws:wafv2/webAcl:WebAcl");
    expect(more).toEqual([]);
    expect(firewall?.inputs).toMatchObject({ scope: "CLOUDFRONT", region: "us-east-1" });
    const rules = (firewall?.inputs.rules ?? []) as Record<string, unknown>[];
    expect(new Set(rules.map(({ priority }) => priority)).size).toBe(rules.length);
    expect(at(rules[0] ?? {}, "statement.rateBasedStatement.limit")).toBe(500);
    expect(rules[0]?.action).toEqual({ block: {} });
    // What only counts turns nobody away.
    for (const rule of rules.slice(1)) expect(rule.overrideAction).toEqual({ none: {} });
    const distribution = (graph: Graph) => only(graph, "aws:cloudfront/distribution:Distribution", "site");
    expect(distribution(full).inputs.webAclId).toBe(
      "arn:aws:wafv2:us-east-1:111122223333:global/webacl/strategy-desk-production-site/1",
    );
    expect(ofType(plain, "aws:wafv2/webAcl:WebAcl")).toEqual([]);
    expect(distribution(plain).inputs.webAclId).toBeUndefined();
  });

  test("is read by its distribution alone", () => {
    const { policy } = only(plain, "aws:s3/bucketPolicy:BucketPolicy", "site").inputs;
    const allowed = (JSON.parse(String(policy)) as { Statement: Record<string, unknown>[] }).Statement.filter(
      ({ Effect }) => Effect === "Allow",
    );
    expect(allowed).toMatchObject([
      {
        Action: "s3:GetObject",
        Condition: { StringEquals: { "AWS:SourceArn": "arn:aws:cloudfront::111122223333:distribution/E1" } },
      },
    ]);
  });
});
