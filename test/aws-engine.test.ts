import { rmSync } from "node:fs";
import path from "node:path";
import { CloudWatchClient, DeleteAlarmsCommand, DescribeAlarmsCommand } from "@aws-sdk/client-cloudwatch";
import { GetFunctionConfigurationCommand, LambdaClient } from "@aws-sdk/client-lambda";
import {
  GetBucketPolicyCommand,
  ListBucketsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AwsManifest } from "../automation/src/contract/aws/manifest.ts";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { Aws } from "./helpers/aws.ts";
import { rootClient, startAws } from "./helpers/aws.ts";
import { type Deployer, makeDeployer } from "./helpers/aws-deployer.ts";
import { installAwsProvider } from "./helpers/aws-provider.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { writeInfraProject } from "./helpers/infra-project.ts";
import { register } from "./helpers/ledger-project.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const ENDS_WITHIN_MS = 180_000;
const REGION = "eu-central-1";
const ALARM = "strategy-desk-test-api-errors";
const FUNCTION = "strategy-desk-test-templates";

const started = await startAws();
if ("missing" in started) process.stderr.write(`Skipped: test/aws-engine.test.ts: ${started.missing}\n`);

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

describe.skipIf("missing" in started)(
  "the program of infra on AWS, deployed by a role that may do only what it must",
  () => {
    let aws: Aws;
    let api: TestApi;
    let worker: TestWorker;
    let folder: string;
    let stack: string;
    let made: number;
    let deployer: Deployer;

    beforeAll(async () => {
      if ("missing" in started) return;
      aws = started;
      api = await startTestApi();
      installAwsProvider(path.join(api.dataDir, "pulumi-home"));
      deployer = await makeDeployer(aws, REGION);
      const env = { ...aws.env, ...deployer.env, AWS_REGION: REGION };
      worker = await startWorkerOf(api, { env: { ...env, SLIPWAY_ENGINE_ENV: Object.keys(env).join(",") } });
      folder = path.join(api.root, "desk");
      write({});
      [stack = ""] = await register(api, "slipway", folder);
    });
    afterAll(async () => {
      await worker?.stop();
      await api?.close();
      if (!("missing" in started)) await started.stop();
    });

    function write(config: Record<string, string>): void {
      rmSync(folder, { recursive: true, force: true });
      writeInfraProject(folder, { "strategyDesk:permissionsBoundary": deployer.boundary, ...config });
    }

    const root = <Client>(type: Parameters<typeof rootClient<Client>>[2]): Client =>
      rootClient(aws, REGION, type);

    async function run(operation: string, status = "succeeded"): Promise<AnswerBody> {
      const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation } });
      expect(asked.status, asked.text).toBe(202);
      const deployment = await endedWithin(api, asked.body.id, ENDS_WITHIN_MS);
      expect(deployment.status, JSON.stringify(deployment.failure)).toBe(status);
      return deployment;
    }
    async function manifest(): Promise<AwsManifest> {
      const { body } = await api.ask("GET", `${stack}/outputs`);
      return AwsManifest.parse((body.outputs as AnswerBody).manifest);
    }
    const alarms = async () =>
      (await root(CloudWatchClient).send(new DescribeAlarmsCommand({ AlarmNames: [ALARM] }))).MetricAlarms ??
      [];

    test("a deployment makes everything from nothing, and API and site answer", async () => {
      const { changes } = await run("update");
      expect(changes).toEqual({ create: expect.any(Number) });
      made = (changes as { create: number }).create;
      expect(made).toBeGreaterThan(150);

      const { api: served, site, functions } = await manifest();
      expect(Object.keys(functions)).toContain("health");
      const answer = await fetch(`${served.url}${functions.health?.healthPath ?? ""}`);
      expect([answer.status, await answer.text()]).toEqual([503, "Nothing was released yet."]);
      const page = await fetch(site.url.replace("https:", "http:"), { redirect: "manual" });
      expect([page.status, page.headers.get("location")]).toEqual([301, `${site.url}/`]);
    });

    test("the same once more changes nothing, and a refresh finds what is recorded", async () => {
      expect((await run("update")).changes).toEqual({ same: made });
      await run("detect-drift");
      const { body } = await api.ask("GET", `${stack}/drift`);
      expect(body.latest).toMatchObject({ status: "clean", resources: [] });
    });

    test("another memory size is changed in place, and publishes versions to which the aliases go", async () => {
      write({ "strategyDesk:memoryMiB": "256" });
      const { changes } = await run("update");
      const functions = Object.keys((await manifest()).functions).length;
      expect(changes).toEqual({ same: made - 2 * functions, update: 2 * functions });
      const live = new GetFunctionConfigurationCommand({ FunctionName: FUNCTION, Qualifier: "live" });
      expect(await root(LambdaClient).send(live)).toMatchObject({ MemorySize: 256, Version: "2" });
    });

    test("what is changed by hand is found; without the right nothing is repaired, with it everything", async () => {
      const Bucket = (await manifest()).site.bucket;
      const s3 = root(S3Client);
      const policy = (await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy ?? "";
      const open = {
        Effect: "Allow",
        Principal: "*",
        Action: "s3:GetObject",
        Resource: `arn:aws:s3:::${Bucket}/*`,
      };
      await s3.send(
        new PutBucketPolicyCommand({
          Bucket,
          Policy: JSON.stringify({ Version: "2012-10-17", Statement: [open] }),
        }),
      );
      await root(CloudWatchClient).send(new DeleteAlarmsCommand({ AlarmNames: [ALARM] }));

      await run("detect-drift");
      const { latest } = (await api.ask("GET", `${stack}/drift`)).body;
      expect((latest as AnswerBody).status).toBe("drifted");
      const found = ((latest as AnswerBody).resources as AnswerBody[]).map((one) => [
        one.resourceType,
        one.name,
        one.class,
        one.changedProperties,
      ]);
      expect(found.sort()).toEqual([
        ["aws:cloudwatch/metricAlarm:MetricAlarm", "api-errors", "gone", []],
        ["aws:s3/bucketPolicy:BucketPolicy", "site", "input-changed", ["policy"]],
      ]);

      await deployer.forbid("cloudwatch:PutMetricAlarm");
      const refused = await run("remediate-drift", "failed");
      expect(JSON.stringify(refused.failure)).toMatch(/AccessDenied.*PutMetricAlarm/);
      expect(await alarms()).toEqual([]);

      await deployer.allowAll();
      await run("remediate-drift");
      expect(await alarms()).toHaveLength(1);
      const repaired = (await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy ?? "";
      expect(JSON.parse(repaired)).toEqual(JSON.parse(policy));
    });

    test("what is protected is not destroyed until protection is taken away, then nothing is left", async () => {
      const kept = await run("destroy", "failed");
      expect(JSON.stringify(kept.failure)).toMatch(/protect/);
      write({ "strategyDesk:protection": "retiring" });
      await run("update");
      await run("destroy");
      expect((await root(S3Client).send(new ListBucketsCommand({}))).Buckets).toEqual([]);
      expect(await alarms()).toEqual([]);
    });
  },
);
