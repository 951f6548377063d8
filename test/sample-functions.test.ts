import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createServer } from "node:tls";
import {
  ApiGatewayV2Client,
  CreateApiCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateFunctionCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import {
  CreateSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { zipSync } from "fflate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  FUNCTION_CATEGORIES,
  FUNCTIONS,
  type FunctionCategory,
  INFLUX_SLOT,
  secretVariable,
  TIME_SERIES_VARIABLES,
  tableKeys,
} from "../automation/src/contract/aws/function-environment.ts";
import {
  FunctionAnswer,
  FunctionHealth,
  healthEvent,
} from "../automation/src/contract/aws/function-health.ts";
import { TABLE_ACTIONS, TABLE_PROBE_ACTION } from "../automation/src/contract/aws/tables.ts";
import { buildApp } from "../services/strategy-api/src/app.ts";
import { migrationsFolder } from "../services/strategy-api/src/bundle.ts";
import { openDatabase } from "../services/strategy-api/src/database.ts";
import { cacheProbe } from "../services/strategy-api/src/functions/cache-probe.ts";
import { askStores } from "../services/strategy-api/src/functions/function-health.ts";
import { createLogger } from "../services/strategy-api/src/logger.ts";
import { createStreamRegistry } from "../services/strategy-api/src/market-data/streams.ts";
import { migrate, readMigrations } from "../services/strategy-api/src/migrations.ts";
import { startInfluxServer } from "../services/strategy-api/src/testing/influx-server.ts";
import { startAws } from "./helpers/aws.ts";
import { makeCertificate } from "./helpers/certificate.ts";
import { testPostgres } from "./helpers/postgres.ts";
import { build } from "./helpers/sample.ts";
import { createTables, environmentOf, functionsInProcess, type SampleApi } from "./helpers/sample-stores.ts";

const started = await startAws();
if ("missing" in started)
  process.stderr.write(`Skipped: test/sample-functions.test.ts: ${started.missing}\n`);

it("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

if (!("missing" in started)) Object.assign(process.env, started.env);
const region = "us-east-1";
const dynamo = new DynamoDBClient({ region });

afterAll(async () => {
  dynamo.destroy();
  if (!("missing" in started)) await started.stop();
});

async function onPostgres(): Promise<SampleApi> {
  const logger = createLogger("silent");
  const database = await testPostgres().freshDatabase({ empty: true });
  const db = openDatabase(database.url, logger);
  const migrations = readMigrations(migrationsFolder());
  await migrate(db, migrations);
  const settings = {
    name: "strategy-api",
    version: "1.0.0",
    environment: "test",
    executionMode: "paper" as const,
    corsOrigins: "none",
    marketTickMs: 500,
  };
  const streams = createStreamRegistry(1);
  const app = await buildApp({
    db,
    logger,
    settings,
    migrations,
    streams,
    now: () => new Date(),
    newId: randomUUID,
  });
  return {
    async call(method, url, payload) {
      const response = await app.inject({
        method: method as "GET",
        url,
        headers: { "x-correlation-id": "test-correlation" },
        ...(payload === undefined ? {} : { payload }),
      });
      return { status: response.statusCode, body: response.body === "" ? undefined : response.json() };
    },
    async close() {
      await app.close();
      await db.end();
      await database.drop();
    },
  };
}

async function onDynamo(): Promise<SampleApi> {
  await createTables(dynamo, "stores");
  return functionsInProcess("stores");
}

describe.skipIf("missing" in started)("whatever keeps the data", () => {
  describe.each([
    ["Postgres", onPostgres],
    ["DynamoDB", onDynamo],
  ])("%s", (_, open) => {
    let api: SampleApi;
    beforeAll(async () => {
      api = await open();
    });
    afterAll(() => api.close());

    const made = async (where: string, payload: object) => {
      const { status, body } = await api.call("POST", `/api/${where}`, payload);
      expect(status, JSON.stringify(body)).toBe(201);
      return body;
    };
    const strategy = (name: string, content: object = {}) =>
      made("strategies", { name, templateId: "sma-cross", symbol: "KEEL", ...content });
    const auditOf = async (id: string) =>
      (await api.call("GET", `/api/audit?subjectId=${id}`)).body.items.map(
        (entry: { action: string }) => entry.action,
      );
    const pagesOf = async (where: string) => {
      const ids: string[] = [];
      let cursor = "";
      do {
        const { body } = await api.call("GET", `/api/${where}?limit=2${cursor}`);
        expect(body.items.length).toBeLessThanOrEqual(2);
        ids.push(...body.items.map((item: { id: string; position: string }) => item.id ?? item.position));
        cursor = body.nextCursor === null ? "" : `&cursor=${body.nextCursor}`;
      } while (cursor !== "");
      return ids;
    };

    it("has the templates that come with the service, word for word", async () => {
      const { body } = await api.call("GET", "/api/templates");
      const { BUILT_IN_TEMPLATES } = await import("../services/strategy-api/src/templates/built-in.ts");
      expect(body.items).toEqual(BUILT_IN_TEMPLATES);
      expect((await api.call("GET", "/api/templates/momentum")).body).toEqual(BUILT_IN_TEMPLATES[2]);
      expect((await api.call("GET", "/api/templates/nothing")).status).toBe(404);
    });

    it("takes templates of one's own, and keeps those in use", async () => {
      const own = {
        id: "slow-cross",
        name: "Slow cross",
        algorithm: "sma-cross",
        defaults: { slowDays: 200 },
      };
      const template = await made("templates", own);
      expect(template.parameters[1]).toMatchObject({ name: "slowDays", default: 200, max: 250 });
      expect((await api.call("GET", "/api/templates")).body.items.at(-1)).toEqual(template);
      for (const id of ["slow-cross", "momentum"]) {
        expect((await api.call("POST", "/api/templates", { ...own, id })).body.code).toBe("name_taken");
      }
      const refused = await api.call("POST", "/api/templates", {
        ...own,
        id: "other",
        defaults: { slowDays: 9 },
      });
      expect([refused.status, refused.body.code]).toEqual([422, "parameters_refused"]);
      expect((await api.call("POST", "/api/templates", { ...own, id: "health" })).status).toBe(400);

      const { id, parameters } = await strategy("Made of an own one", { templateId: "slow-cross" });
      expect(parameters).toEqual({ fastDays: 10, slowDays: 200 });
      expect((await api.call("DELETE", "/api/templates/slow-cross")).body.code).toBe("template_in_use");
      expect((await api.call("DELETE", `/api/strategies/${id}`)).status).toBe(204);
      expect((await api.call("DELETE", "/api/templates/slow-cross")).status).toBe(204);
      expect((await api.call("DELETE", "/api/templates/slow-cross")).status).toBe(404);
      expect((await api.call("DELETE", "/api/templates/momentum")).body.code).toBe("template_built_in");
      expect(await auditOf("slow-cross")).toEqual(["template.removed", "template.created"]);
    });

    it("creates, changes and removes strategies, each with its audit entry", async () => {
      const created = await strategy("Harbour");
      expect(created).toMatchObject({ revision: 1, parameters: { fastDays: 10, slowDays: 40 } });
      expect((await api.call("GET", `/api/strategies/${created.id}`)).body).toEqual(created);

      const change = { revision: 1, name: "HARBOUR", parameters: { fastDays: 5 } };
      const changed = await api.call("PATCH", `/api/strategies/${created.id}`, change);
      expect(changed.body).toMatchObject({ revision: 2, name: "HARBOUR", parameters: { fastDays: 5 } });
      const stale = await api.call("PATCH", `/api/strategies/${created.id}`, change);
      expect([stale.status, stale.body.code]).toEqual([409, "revision_conflict"]);

      expect((await api.call("DELETE", `/api/strategies/${created.id}`)).status).toBe(204);
      expect((await api.call("DELETE", `/api/strategies/${created.id}`)).status).toBe(404);
      const gone = `/api/strategies/${created.id}`;
      expect((await api.call("PATCH", gone, { revision: 2, name: "x" })).status).toBe(404);
      expect(await auditOf(created.id)).toEqual(["strategy.removed", "strategy.changed", "strategy.created"]);
      const { body } = await api.call("GET", `/api/audit?subjectId=${created.id}`);
      expect(body.items[1]).toMatchObject({
        correlationId: "test-correlation",
        before: { name: "Harbour", revision: 1 },
        after: { name: "HARBOUR", revision: 2 },
      });
    });

    it("gives a name to one thing of a kind, without regard to case, until it is free again", async () => {
      const first = await made("risk-profiles", { name: "Careful" });
      const second = await made("risk-profiles", { name: "Bold", stopLossPercent: 5 });
      const taken = await api.call("POST", "/api/risk-profiles", { name: "careful" });
      expect([taken.status, taken.body.code]).toEqual([409, "name_taken"]);
      const rename = (revision: number, name: string) =>
        api.call("PATCH", `/api/risk-profiles/${second.id}`, { revision, name });
      expect((await rename(1, "CAREFUL")).body.code).toBe("name_taken");
      expect((await rename(1, "Bolder")).body).toMatchObject({ revision: 2, stopLossPercent: 5 });
      await made("risk-profiles", { name: "bold" });
      expect((await api.call("DELETE", `/api/risk-profiles/${first.id}`)).status).toBe(204);
      await made("risk-profiles", { name: "Careful" });
      // A refused change leaves no entry.
      expect(await auditOf(second.id)).toEqual(["risk_profile.changed", "risk_profile.created"]);
    });

    it("lets one of two changes of the same revision through", async () => {
      const { id } = await made("risk-profiles", { name: "Contested" });
      const change = (maxPositionPercent: number) =>
        api.call("PATCH", `/api/risk-profiles/${id}`, { revision: 1, maxPositionPercent });
      const answers = await Promise.all([10, 20, 30].map(change));
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
      expect((await api.call("GET", `/api/risk-profiles/${id}`)).body.revision).toBe(2);
      expect(await auditOf(id)).toEqual(["risk_profile.changed", "risk_profile.created"]);
    });

    it("lists newest first, page by page, each thing once", async () => {
      const made = [];
      for (const name of ["One", "Two", "Three"]) made.push((await strategy(name)).id);
      const ids = await pagesOf("strategies");
      expect(ids.slice(0, 3)).toEqual(made.reverse());
      expect(new Set(ids).size).toBe(ids.length);
      const positions = (await pagesOf("audit")).map(Number);
      expect(positions).toEqual(positions.toSorted((a, b) => b - a));
    });

    it("runs backtests, which outlive what they were made of", async () => {
      const { id: strategyId } = await strategy("Tested");
      const { id: riskProfileId } = await made("risk-profiles", { name: "Tested under" });
      const request = { strategyId, riskProfileId, days: 2520, seed: 7 };
      const backtest = await made("backtests", request);
      expect(backtest.equity).toHaveLength(2520);
      const other = await made("backtests", request);
      expect(other.resultDigest).toBe(backtest.resultDigest);
      expect((await api.call("GET", `/api/backtests/${backtest.id}`)).body).toEqual(backtest);
      const ofStrategy = async () =>
        (await api.call("GET", `/api/backtests?strategyId=${strategyId}`)).body.items.map(
          (item: { id: string }) => item.id,
        );
      expect(await ofStrategy()).toEqual([other.id, backtest.id]);

      const unknown = await api.call("POST", "/api/backtests", { ...request, strategyId: randomUUID() });
      expect([unknown.status, unknown.body.code]).toEqual([422, "unknown_strategy"]);

      await api.call("DELETE", `/api/strategies/${strategyId}`);
      expect((await api.call("GET", `/api/backtests/${backtest.id}`)).body).toMatchObject({
        strategyId: null,
        riskProfileId,
        resultDigest: backtest.resultDigest,
      });
      expect(await ofStrategy()).toEqual([]);
      const { items } = (await api.call("GET", "/api/backtests?limit=1")).body;
      expect(items[0]).toMatchObject({ id: other.id, strategyId: null, riskProfileId });
      expect(items[0]).not.toHaveProperty("equity");
    });

    it("says that it is ready", async () => {
      const { status, body } = await api.call("GET", "/api/health/detailed");
      expect([status, body.status]).toEqual([200, "ready"]);
    });
  });
});

describe("a cache", () => {
  it.each([
    ["+PONG", "reachable"],
    ["-NOAUTH Authentication required.", "reachable"],
    ["-ERR unknown command", "unreachable"],
  ])("that answers %s over TLS is %s", async (line, state) => {
    const { key, cert } = await makeCertificate("localhost");
    const server = createServer({ key, cert }, (socket) => {
      socket.on("error", () => undefined);
      socket.on("data", () => socket.write(`${line}\r\n`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const probe = cacheProbe(`localhost:${port}`, { ca: cert });
    const [asked] = await askStores([probe], createLogger("silent"));
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    expect(asked).toMatchObject({ name: "cache", used: false, state });
  });
});

describe.skipIf("missing" in started)("the functions as they are built", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "slipway-functions-"));
  const clients = {
    lambda: new LambdaClient({ region }),
    api: new ApiGatewayV2Client({ region }),
    iam: new IAMClient({ region }),
    secrets: new SecretsManagerClient({ region }),
  };
  let url = "";
  let binance = { arn: "", versionId: "" };
  const secretValue = `hush-${randomUUID()}`;

  beforeAll(async () => {
    if ("missing" in started) return;
    await build("services/strategy-api", folder);
    await createTables(dynamo, "built");
    const secret = await clients.secrets.send(
      new CreateSecretCommand({ Name: "binance", SecretString: secretValue }),
    );
    binance = { arn: secret.ARN ?? "", versionId: secret.VersionId ?? "" };
    const { ApiId } = await clients.api.send(
      new CreateApiCommand({
        Name: "sample",
        ProtocolType: "HTTP",
        CorsConfiguration: { AllowOrigins: ["https://desk.example"], AllowMethods: ["*"] },
      }),
    );
    await clients.api.send(new CreateStageCommand({ ApiId, StageName: "$default", AutoDeploy: true }));
    for (const category of FUNCTION_CATEGORIES) {
      const Variables = environmentOf(category, "built", { binance: binance.arn });
      const { FunctionArn } = await clients.lambda.send(
        new CreateFunctionCommand({
          FunctionName: category,
          Role: await roleFor(category, Variables),
          Runtime: "nodejs22.x",
          Handler: "index.handler",
          Timeout: 20,
          Code: { ZipFile: zipOf(category) },
          Environment: { Variables },
        }),
      );
      await clients.lambda.send(
        new AddPermissionCommand({
          FunctionName: category,
          StatementId: "api",
          Action: "lambda:InvokeFunction",
          Principal: "apigateway.amazonaws.com",
          SourceArn: `arn:aws:execute-api:${region}:123456789012:${ApiId ?? ""}/*`,
        }),
      );
      const { IntegrationId } = await clients.api.send(
        new CreateIntegrationCommand({
          ApiId,
          IntegrationType: "AWS_PROXY",
          IntegrationUri: FunctionArn,
          PayloadFormatVersion: "2.0",
        }),
      );
      for (const route of FUNCTIONS[category].paths) {
        const Target = `integrations/${IntegrationId ?? ""}`;
        await clients.api.send(new CreateRouteCommand({ ApiId, RouteKey: `ANY ${route}`, Target }));
      }
    }
    url = started.apiUrl(ApiId ?? "");
  });
  afterAll(() => {
    for (const client of Object.values(clients)) client.destroy();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A role that may do what the contract says that the function needs, and nothing else. */
  async function roleFor(category: FunctionCategory, variables: Record<string, string>): Promise<string> {
    const tables = tableKeys(FUNCTIONS[category].tables).map((table) => ({
      Effect: "Allow",
      Action: [TABLE_PROBE_ACTION, ...TABLE_ACTIONS[FUNCTIONS[category].tables[table] ?? "read"]],
      Resource: ["", "/index/*"].map((part) => `arn:aws:dynamodb:*:*:table/built-${table}${part}`),
    }));
    const arns = FUNCTIONS[category].secrets.map((slot) => variables[secretVariable(slot)]);
    const secrets = { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: arns };
    const Statement = [...tables, ...(arns.length > 0 ? [secrets] : [])];
    const { Role } = await clients.iam.send(
      new CreateRoleCommand({
        RoleName: category,
        AssumeRolePolicyDocument: JSON.stringify({
          Version: "2012-10-17",
          Statement: [
            { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" },
          ],
        }),
      }),
    );
    await clients.iam.send(
      new PutRolePolicyCommand({
        RoleName: category,
        PolicyName: "needs",
        PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement }),
      }),
    );
    return Role?.Arn ?? "";
  }

  function zipOf(category: string): Uint8Array {
    const from = path.join(folder, "functions", category);
    return zipSync(
      Object.fromEntries(readdirSync(from).map((file) => [file, readFileSync(path.join(from, file))])),
    );
  }
  const call = async (method: string, where: string, payload?: object) => {
    const answer = await fetch(`${url}${where}`, {
      method,
      headers: { "content-type": "application/json", origin: "https://desk.example" },
      ...(payload === undefined ? {} : { body: JSON.stringify(payload) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? undefined : JSON.parse(text), answer };
  };

  it("hold no source, test or path of the build, and one entry each", () => {
    expect(readdirSync(path.join(folder, "functions")).sort()).toEqual([...FUNCTION_CATEGORIES].sort());
    for (const category of FUNCTION_CATEGORIES) {
      const from = path.join(folder, "functions", category);
      const files = readdirSync(from);
      expect(files.filter((file) => !/^chunk-[\w-]{8}\.mjs$/.test(file)).sort()).toEqual([
        "index.mjs",
        "version.json",
      ]);
      for (const file of files) {
        const text = readFileSync(path.join(from, file), "utf8");
        expect([file, /node_modules\/|\.test\.ts|pg-pool/.exec(text)?.[0]]).toEqual([file, undefined]);
      }
    }
  });

  it.each(FUNCTION_CATEGORIES)("%s answers the API with its health", async (category) => {
    const { status, body, answer } = await call("GET", FUNCTIONS[category].healthPath);
    expect([status, body.status], JSON.stringify(body)).toEqual([200, "ok"]);
    expect(answer.headers.get("access-control-allow-origin")).toBe("https://desk.example");
    const health = FunctionHealth.parse(body);
    expect(health).toMatchObject({ category, version: "1.0.0", environment: "test", executionMode: "paper" });
    expect(health.dataStores.map((store) => store.name).sort()).toEqual(
      Object.keys(FUNCTIONS[category].tables).sort(),
    );
    expect(health.secrets.map((secret) => secret.slot)).toEqual(FUNCTIONS[category].secrets);
  });

  it("take a template to a backtest, and an audit entry for each step", async () => {
    const template = { id: "fast-cross", name: "Fast", algorithm: "sma-cross", defaults: { fastDays: 3 } };
    expect((await call("POST", "/api/templates", template)).status).toBe(201);
    const strategy = await call("POST", "/api/strategies", {
      name: "Through the API",
      templateId: "fast-cross",
      symbol: "TIDE",
    });
    expect(strategy.status).toBe(201);
    expect(strategy.answer.headers.get("location")).toBe(`/api/strategies/${strategy.body.id}`);
    const profile = await call("POST", "/api/risk-profiles", { name: "Through the API" });
    const backtest = await call("POST", "/api/backtests", {
      strategyId: strategy.body.id,
      riskProfileId: profile.body.id,
    });
    expect(backtest.status).toBe(201);
    const { body } = await call("GET", "/api/audit");
    expect(body.items.map((entry: { action: string }) => entry.action)).toEqual([
      "backtest.completed",
      "risk_profile.created",
      "strategy.created",
      "template.created",
    ]);
  });

  it("hand out quotes to those who poll, and say why there is no stream", async () => {
    expect((await call("GET", "/api/about")).body).toMatchObject({ version: "1.0.0", marketData: "poll" });
    const first = (await call("GET", "/api/market-data/ticks?symbols=KEEL,TIDE")).body;
    expect(first.items).toHaveLength(1);
    const earlier = Number(first.next) - 1_500;
    const missed = (await call("GET", `/api/market-data/ticks?symbols=KEEL,TIDE&after=${earlier}`)).body;
    expect(missed.items.length).toBeGreaterThanOrEqual(3);
    expect(missed.items).toContainEqual(first.items[0]);
    expect((await call("GET", "/api/market-data/stream")).body.code).toBe("stream_not_served");
  });

  it("read a secret when they start, and again with a new epoch, and name its version and never its value", async () => {
    const slots = (health: FunctionHealth) => new Map(health.secrets.map((secret) => [secret.slot, secret]));
    const before = slots((await call("GET", "/api/market-data/health")).body);
    expect(before.get("binance")).toEqual({
      slot: "binance",
      state: "present",
      versionId: binance.versionId,
    });
    expect(before.get("kraken")).toMatchObject({ state: "empty", versionId: null });
    const put = await clients.secrets.send(
      new PutSecretValueCommand({ SecretId: binance.arn, SecretString: `${secretValue}-2` }),
    );
    // What was read is kept for minutes, until a new epoch makes new processes.
    const kept = slots((await call("GET", "/api/market-data/health")).body);
    expect(kept.get("binance")?.versionId).toBe(binance.versionId);
    const Variables = environmentOf("market-data", "built", { binance: binance.arn });
    await clients.lambda.send(
      new UpdateFunctionConfigurationCommand({
        FunctionName: "market-data",
        Environment: { Variables: { ...Variables, SECRETS_EPOCH: "2" } },
      }),
    );
    const { Payload, LogResult } = await clients.lambda.send(
      new InvokeCommand({
        FunctionName: "market-data",
        Payload: Buffer.from(JSON.stringify(healthEvent(FUNCTIONS["market-data"].healthPath))),
        LogType: "Tail",
      }),
    );
    const answer = FunctionAnswer.parse(JSON.parse(Buffer.from(Payload ?? []).toString("utf8")));
    expect(answer.statusCode).toBe(200);
    const health = FunctionHealth.parse(JSON.parse(answer.body));
    expect(health.secretsEpoch).toBe("2");
    const after = slots(health);
    expect(after.get("binance")).toMatchObject({ versionId: put.VersionId });
    expect(put.VersionId).not.toBe(binance.versionId);
    expect(answer.body + Buffer.from(LogResult ?? "", "base64").toString("utf8")).not.toContain(secretValue);
  });

  it("keep the prices that they hand out in InfluxDB, as soon as there is a token for it, and give them back", async () => {
    const tls = await makeCertificate("localhost");
    const authority = path.join(folder, "authority.pem");
    writeFileSync(authority, tls.cert);
    const place = { organization: "desk", bucket: "ticks", token: `t0ken-${randomUUID()}` };
    const series = await startInfluxServer({ ...place, tls });
    try {
      const { ARN } = await clients.secrets.send(new CreateSecretCommand({ Name: INFLUX_SLOT }));
      await allowToRead("market-data", ARN ?? "");
      const reconfigure = (epoch: string) =>
        clients.lambda.send(
          new UpdateFunctionConfigurationCommand({
            FunctionName: "market-data",
            Environment: {
              Variables: {
                ...environmentOf("market-data", "built", { binance: binance.arn }),
                [TIME_SERIES_VARIABLES.kind]: "influxdb",
                [TIME_SERIES_VARIABLES.endpoint]: series.endpoint,
                [TIME_SERIES_VARIABLES.organization]: place.organization,
                [TIME_SERIES_VARIABLES.bucket]: place.bucket,
                [secretVariable(INFLUX_SLOT)]: ARN ?? "",
                NODE_EXTRA_CA_CERTS: authority,
                SECRETS_EPOCH: epoch,
              },
            },
          }),
        );
      const seriesOf = async () =>
        FunctionHealth.parse((await call("GET", "/api/market-data/health")).body).dataStores;

      await reconfigure("series-1");
      expect(await seriesOf()).toMatchObject([{ name: "time-series", state: "reachable", used: false }]);
      expect((await call("GET", "/api/market-data/history?symbol=KEEL")).body.source).toBe("computed");

      const SecretString = JSON.stringify({ apiKey: place.token });
      await clients.secrets.send(new PutSecretValueCommand({ SecretId: ARN, SecretString }));
      await reconfigure("series-2");
      expect(await seriesOf()).toMatchObject([{ name: "time-series", state: "reachable", used: true }]);
      const [tick] = (await call("GET", "/api/market-data/ticks?symbols=KEEL")).body.items;
      const { body } = await call("GET", "/api/market-data/history?symbol=KEEL&points=1");
      expect(body).toMatchObject({ source: "recorded", items: [{ price: tick.quotes[0].price }] });

      series.fail({ status: 503 });
      expect((await call("GET", "/api/market-data/health")).status).toBe(503);
      expect((await call("GET", "/api/market-data/ticks")).status).toBe(200);
      const away = await call("GET", "/api/market-data/history?symbol=KEEL");
      expect([away.status, away.body.code]).toEqual([503, "time_series_unavailable"]);
    } finally {
      await series.close();
    }
  });

  async function allowToRead(category: FunctionCategory, arn: string): Promise<void> {
    const statement = { Effect: "Allow", Action: "secretsmanager:GetSecretValue", Resource: arn };
    await clients.iam.send(
      new PutRolePolicyCommand({
        RoleName: category,
        PolicyName: "token",
        PolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [statement] }),
      }),
    );
  }
});
