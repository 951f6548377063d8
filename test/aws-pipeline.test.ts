import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { group, person, setRules, vote } from "./helpers/approvals.ts";
import type { Aws } from "./helpers/aws.ts";
import { startAws } from "./helpers/aws.ts";
import type { AwsVersion } from "./helpers/aws-project.ts";
import { writeAwsProject } from "./helpers/aws-project.ts";
import { installAwsProvider } from "./helpers/aws-provider.ts";
import type { AwsSystem } from "./helpers/aws-system.ts";
import { makeAwsSystem } from "./helpers/aws-system.ts";
import { register } from "./helpers/ledger-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

/** Any other than the stand-in's own is as good to it. */
const SECRET = "canary-of-the-secret-key";
const ENDS_WITHIN_MS = 60_000;
/** How an invalidation that never ends is given up in this test; in life after a quarter of an hour. */
const LIMITS = "ship:\n  limits: { invalidationSeconds: 1, invalidationPollSeconds: 0.1, attempts: 4 }\n";

const started = await startAws();
if ("missing" in started) process.stderr.write(`Skipped: test/aws-pipeline.test.ts: ${started.missing}\n`);

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

describe.skipIf("missing" in started)("a stack on AWS", () => {
  let aws: Aws;
  let api: TestApi;
  let worker: TestWorker;
  let system: AwsSystem;
  let folder: string;
  let stack: string;
  let production: string;
  let productionSystem: AwsSystem;

  const passedOn = () => ({
    ...aws.env,
    AWS_SECRET_ACCESS_KEY: SECRET,
    SLIPWAY_ENGINE_ENV: Object.keys(aws.env).join(","),
  });
  beforeAll(async () => {
    if ("missing" in started) return;
    aws = started;
    api = await startTestApi();
    installAwsProvider(path.join(api.dataDir, "pulumi-home"));
    worker = await startWorkerOf(api, { env: passedOn() });
    system = await makeAwsSystem(aws, "shop");
    productionSystem = await makeAwsSystem(aws, "shop-production");
    folder = path.join(api.root, "shop");
    write({ version: "v1" });
    [stack = "", production = ""] = await register(api, "shop", folder, ["test", "production"]);
  });
  afterAll(async () => {
    await worker?.stop();
    await api?.close();
    if (!("missing" in started)) await started.stop();
  });

  function write(built: Pick<AwsVersion, "version" | "statusCode" | "manifest">): void {
    const systems = { test: system, production: productionSystem };
    writeAwsProject(folder, "shop", { systems, slipwayYaml: LIMITS, ...built });
  }
  async function deploy(body: Record<string, unknown> = {}, to = stack): Promise<AnswerBody> {
    const asked = await api.ask("POST", `${to}/deployments`, { body: { operation: "update", ...body } });
    expect(asked.status, asked.text).toBe(202);
    return settled(asked.body.id);
  }
  /** A deployment that has ended, or that waits for a person. */
  const settled = (id: string): Promise<AnswerBody> =>
    eventually(`deployment ${id} settles`, ENDS_WITHIN_MS, async () => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}`);
      return (body.finishedAt === null && body.verification !== "held") ||
        body.verification === "rolling_back"
        ? undefined
        : body;
    });
  const told = (body: AnswerBody): string => `${JSON.stringify(body.failure)} ${worker.output()}`;
  const stepOf = (body: AnswerBody, name: string) =>
    (body.steps as AnswerBody[]).find((one) => one.name === name);
  const shipmentOf = async (release: number, of = stack) =>
    (await api.ask("GET", `${of}/releases/${release}/shipment`)).body;
  const serves = async (version: string): Promise<void> => {
    expect(await system.served()).toEqual({
      audit: `${version} of audit on test`,
      health: `${version} of health on test`,
    });
    expect((await system.page("/")).text).toContain(`<title>${version}</title>`);
  };

  test("ships functions and site after the update, records what serves, and serves it", async () => {
    const body = await deploy();
    expect(body, told(body)).toMatchObject({ status: "succeeded", release: 1 });
    expect(stepOf(body, "ship")).toMatchObject({
      state: "succeeded",
      detail: "serves audit 2, health 2; 3 files",
    });
    await serves("v1");
    expect(JSON.parse((await system.page("/config.json")).text)).toMatchObject({
      version: expect.any(String),
    });
    expect(await shipmentOf(1)).toMatchObject({
      release: 1,
      serves: true,
      restoredFrom: null,
      functions: { audit: { version: "2" }, health: { version: "2" } },
    });
    const audit = await api.ask("GET", "/v1/audit?project=shop&limit=200");
    expect(audit.body.items).toContainEqual(
      expect.objectContaining({
        action: "release.shipped",
        details: expect.objectContaining({ release: 1, functions: { audit: "2", health: "2" }, files: 3 }),
      }),
    );
  });

  test("tells the program what serves; calls that are throttled are made again; a second version takes over", async () => {
    write({ version: "v2" });
    await aws.fail({
      action: "lambda:UpdateFunctionCode",
      times: 2,
      code: "TooManyRequestsException",
      status: 429,
    });
    const body = await deploy();
    expect(body, told(body)).toMatchObject({ status: "succeeded", release: 2 });
    await serves("v2");
    const { outputs } = (await api.ask("GET", `${stack}/releases/2`)).body;
    // Read when the engine ran: what served then.
    expect(outputs).toMatchObject({ pins: (await shipmentOf(1)).functions });
    expect(await shipmentOf(1)).toMatchObject({ serves: false });
  });

  test("an unchanged release uploads nothing, makes no version and moves nothing", async () => {
    await aws.forgetCalls();
    const body = await deploy();
    expect(body, told(body)).toMatchObject({ status: "succeeded", release: 3 });
    const changing = (await aws.calls()).filter((call) =>
      /:(Put|Copy|Delete|Update|Publish|Create)/.test(call),
    );
    expect(changing).toEqual([]);
    expect((await shipmentOf(3)).functions).toEqual((await shipmentOf(2)).functions);
  });

  test("a manifest with a missing field fails before anything is uploaded, and is rolled back; the old version serves on", async () => {
    const { artifactsBucket: _, ...incomplete } = system.manifest;
    write({ version: "v4", manifest: incomplete });
    await aws.forgetCalls();
    const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    const failed = await eventually("the manifest is refused", ENDS_WITHIN_MS, async () => {
      const { body } = await api.ask("GET", `/v1/deployments/${asked.body.id}`);
      return body.verification === "rolling_back" ? body : undefined;
    });
    expect(stepOf(failed, "ship")).toMatchObject({ state: "failed" });
    expect(failed.failure).toMatchObject({ code: "manifest_invalid" });
    expect(String((failed.failure as AnswerBody).detail)).toMatch(/artifactsBucket.*Nothing was uploaded/);
    const body = await settled(asked.body.id);
    expect(body, told(body)).toMatchObject({ status: "rolled_back" });
    await serves("v2");
    expect((await api.ask("GET", `${stack}/releases/4`)).body).toMatchObject({
      health: "bad",
      quarantined: true,
    });
    expect(await shipmentOf(5)).toMatchObject({ restoredFrom: 3, serves: true });
    expect((await aws.calls()).filter((call) => call.startsWith("lambda:Publish"))).toEqual([]);
  });

  test.each([
    {
      what: "a function that fails its smoke call",
      built: { version: "v5", statusCode: 500 },
      fault: null,
      says: /Version \d+ of function shop-health does not work: it answered 500.*What served before serves on/,
      code: "smoke_failed",
    },
    {
      what: "a site that may not be written, after the aliases were moved,",
      built: { version: "v6" },
      fault: { action: "s3:PutObject", where: "shop-site", code: "AccessDenied", status: 403 },
      says: /AccessDenied.*What served before serves on/,
      code: "aws_denied",
    },
    {
      what: "an invalidation that never ends",
      built: { version: "v7" },
      fault: "invalidation",
      says: /invalidation.*What served before serves on/i,
      code: "invalidation_unfinished",
    },
  ] as const)(
    "$what leaves the old version serving, and says so; beyond the limit of rollbacks a person decides",
    async ({ built, fault, says, code }) => {
      const before = await system.aliases();
      write(built);
      if (fault === "invalidation") await aws.invalidationReads(null);
      else if (fault !== null) await aws.fail(fault);
      const body = await deploy();
      await aws.clearFaults();
      await aws.invalidationReads(0);
      expect(body, told(body)).toMatchObject({ status: "running", verification: "held" });
      expect(body.failure).toMatchObject({ code });
      expect(String((body.failure as AnswerBody).detail)).toMatch(says);
      expect(await system.aliases()).toEqual(before);
      await serves("v2");
      const kept = await api.ask("POST", `/v1/deployments/${body.id}/hold`, {
        body: { decision: "keep", reason: "looked at it" },
      });
      // Nobody can vouch for what does not serve.
      expect(kept.body).toMatchObject({ status: "failed" });
      const release = (await api.ask("GET", `${stack}/releases?limit=1`)).body.items[0];
      expect(release).toMatchObject({ health: "bad", deploymentId: body.id });
    },
  );

  test("a worker that dies while it ships is followed by one that ships all of it, once", async () => {
    write({ version: "v8" });
    await aws.fail({ action: "lambda:PublishVersion", delayMs: 2_000, times: 1 });
    await aws.forgetCalls();
    const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    await eventually("a version is being published", ENDS_WITHIN_MS, async () =>
      (await aws.calls()).includes("lambda:PublishVersion"),
    );
    await worker.kill();
    await aws.clearFaults();
    worker = await startWorkerOf(api, { env: passedOn() });
    const body = await settled(asked.body.id);
    expect(body, told(body)).toMatchObject({ status: "succeeded", attempts: 2 });
    expect(stepOf(body, "ship")).toMatchObject({ state: "succeeded" });
    await serves("v8");
  });

  test("a cancel while it ships ends at a point at which the old version serves", async () => {
    write({ version: "v9" });
    await aws.fail({ action: "lambda:PublishVersion", delayMs: 1_500, times: 1 });
    await aws.forgetCalls();
    const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    await eventually("a version is being published", ENDS_WITHIN_MS, async () =>
      (await aws.calls()).includes("lambda:PublishVersion"),
    );
    await api.ask("POST", `/v1/deployments/${asked.body.id}/cancel`, { body: {} });
    const body = await settled(asked.body.id);
    await aws.clearFaults();
    expect(body, told(body)).toMatchObject({ status: "cancelled" });
    await serves("v8");
  });

  test("a rollback has the very versions and objects of its release serve again; a refresh finds nothing after it", async () => {
    const body = await deploy({ operation: "rollback", release: 1 });
    expect(body, told(body)).toMatchObject({ status: "succeeded" });
    await serves("v1");
    const [first, again] = [await shipmentOf(1), await shipmentOf(body.release as number)];
    expect(again).toMatchObject({ restoredFrom: 1, serves: true, functions: first.functions });
    expect(Object.keys(again.site as object).filter((key) => key.includes("v1"))).toHaveLength(1);
    expect((await deploy({ operation: "refresh" })).changes).toEqual({ same: 5 });
  });

  test("a promotion ships the very packages of the release that it takes", async () => {
    const body = await deploy({ promote: { stack: "test" } }, production);
    expect(body, told(body)).toMatchObject({ status: "succeeded", release: 1 });
    const digests = (shipped: AnswerBody) =>
      Object.values(shipped.functions as Record<string, AnswerBody>).map(({ sha256 }) => sha256);
    expect(digests(await shipmentOf(1, production))).toEqual(digests(await shipmentOf(1)));
    expect(await productionSystem.served()).toMatchObject({ audit: "v1 of audit on production" });
  });

  test("other code alone asks for votes, also by a rollback, and nothing serves before; what serves already asks nobody", async () => {
    const ann = await person(api, "ann");
    await group(api, "deciders", ["ann"]);
    // Of low risk are the outputs alone, among which the program shows what serves.
    const rule = { name: "deciders", need: 1, from: ["deciders"], minRisk: "medium" };
    await setRules(api, stack, { rules: [rule] });
    const asksFor = async (body: Record<string, unknown>): Promise<string> => {
      const { body: asked } = await api.ask("POST", `${stack}/deployments`, { body });
      const waiting = await eventually("it waits for votes", ENDS_WITHIN_MS, async () => {
        const { body: now } = await api.ask("GET", `/v1/deployments/${asked.id}`);
        return (now.status === "waiting_approval" || now.finishedAt !== null) && now;
      });
      expect(waiting, told(waiting)).toMatchObject({ status: "waiting_approval" });
      const approval = await api.ask("GET", `/v1/deployments/${asked.id}/approval`);
      expect(approval.body).toMatchObject({ risk: { tier: "medium", counts: { ship: 1 } }, missing: 1 });
      return asked.id;
    };
    write({ version: "v10" });
    const id = await asksFor({ operation: "update" });
    await serves("v1");
    expect((await vote(api, id, ann)).status).toBe(200);
    const body = await settled(id);
    expect(body, told(body)).toMatchObject({ status: "succeeded" });
    await serves("v10");
    const same = await deploy();
    expect(same, told(same)).toMatchObject({ status: "succeeded", attempts: 1 });
    const back = await asksFor({ operation: "rollback", release: 1 });
    await serves("v10");
    await api.ask("POST", `/v1/deployments/${back}/cancel`, { body: {} });
    expect(await settled(back)).toMatchObject({ status: "cancelled" });
  });

  test("no credential that the worker passes on is in an event", async () => {
    const { rows } = await sql<{ found: number }>`
      select count(*)::int as found from deployment_events where body::text like ${`%${SECRET}%`}
    `.execute(api.db);
    expect(rows).toEqual([{ found: 0 }]);
  });
});
