import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ACMClient, ImportCertificateCommand, ListCertificatesCommand } from "@aws-sdk/client-acm";
import { BudgetsClient, DescribeBudgetsCommand } from "@aws-sdk/client-budgets";
import { CloudTrailClient, DescribeTrailsCommand } from "@aws-sdk/client-cloudtrail";
import { DescribeVpcEndpointsCommand, DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  DescribeReplicationGroupsCommand,
  DescribeUserGroupsCommand,
  ElastiCacheClient,
} from "@aws-sdk/client-elasticache";
import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ListDatabasesCommand, TimestreamWriteClient } from "@aws-sdk/client-timestream-write";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { validate } from "../../automation/src/aws/validation/validate.ts";
import { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import {
  type ValidationCheck,
  type ValidationGroup,
  ValidationSettings,
} from "../../automation/src/contract/aws/validation.ts";
import type { AnswerBody, TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import type { Aws } from "../helpers/aws.ts";
import { rootClient, startAws } from "../helpers/aws.ts";
import { type Deployer, makeDeployer } from "../helpers/aws-deployer.ts";
import { installAwsProvider } from "../helpers/aws-provider.ts";
import { makeCertificateFor } from "../helpers/certificate.ts";
import { endedWithin } from "../helpers/deployments.ts";
import { writeInfraProject } from "../helpers/infra-project.ts";
import { register } from "../helpers/ledger-project.ts";
import type { TestWorker } from "../helpers/worker.ts";
import { startWorkerOf } from "../helpers/worker.ts";

const ENDS_WITHIN_MS = 300_000;
const REGION = "eu-central-1";
const EDGE_REGION = "us-east-1";
const ACCOUNT = "123456789012";
const ZONE = "desk.example";
const API = `api.${ZONE}`;
/** Everything that a stack can have beside what every one has. */
const WITH_EVERYTHING = {
  "strategyDesk:zone": ZONE,
  "strategyDesk:domain": ZONE,
  "strategyDesk:apiDomain": API,
  "strategyDesk:cache": "redis",
  "strategyDesk:timeSeries": "liveanalytics",
  "strategyDesk:egress": "nat",
  "strategyDesk:trail": "true",
  "strategyDesk:monthlyBudgetUsd": "200",
  "strategyDesk:alertEmails": "'[\"alerts@desk.example\"]'",
};

const started = await startAws();
if ("missing" in started)
  process.stderr.write(`Skipped: test/trials/aws-everything.test.ts: ${started.missing}\n`);

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

describe.skipIf("missing" in started)(
  "a stack with domain, network, cache, time series, trail and budget, deployed by its deployer",
  () => {
    let aws: Aws;
    let api: TestApi;
    let worker: TestWorker;
    let deployer: Deployer;
    let folder: string;
    let stack: string;
    let made: number;

    beforeAll(async () => {
      if ("missing" in started) return;
      aws = started;
      api = await startTestApi();
      installAwsProvider(path.join(api.dataDir, "pulumi-home"));
      deployer = await makeDeployer(aws, REGION, { network: true });
      // A validation looks with the rights of who deploys.
      for (const [name, value] of Object.entries(deployer.env)) vi.stubEnv(name, value);
      await root(Route53Client).send(new CreateHostedZoneCommand({ Name: ZONE, CallerReference: "zone" }));
      const env = { ...aws.env, ...deployer.env, AWS_REGION: REGION };
      worker = await startWorkerOf(api, { env: { ...env, SLIPWAY_ENGINE_ENV: Object.keys(env).join(",") } });
      folder = path.join(api.root, "desk");
      write({});
      [stack = ""] = await register(api, "slipway", folder);
    });
    afterAll(async () => {
      vi.unstubAllEnvs();
      await worker?.stop();
      await api?.close();
      if (!("missing" in started)) await started.stop();
    });

    const root = <Client>(type: Parameters<typeof rootClient<Client>>[2], region = REGION): Client =>
      rootClient(aws, region, type);

    function write(config: Record<string, string>): void {
      rmSync(folder, { recursive: true, force: true });
      writeInfraProject(folder, {
        "strategyDesk:permissionsBoundary": deployer.boundary,
        ...WITH_EVERYTHING,
        ...config,
      });
    }
    async function run(operation: string): Promise<AnswerBody> {
      const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation } });
      expect(asked.status, asked.text).toBe(202);
      const deployment = await endedWithin(api, asked.body.id, ENDS_WITHIN_MS);
      expect(deployment.status, JSON.stringify(deployment.failure)).toBe("succeeded");
      return deployment;
    }
    async function manifest(): Promise<AwsManifest> {
      const { body } = await api.ask("GET", `${stack}/outputs`);
      return AwsManifest.parse((body.outputs as AnswerBody).manifest);
    }
    /** What a validation finds, by check. */
    async function looked(
      only: ValidationGroup[],
      settings: Partial<ValidationSettings> = {},
    ): Promise<Record<string, ValidationCheck>> {
      const to = { [ZONE]: aws.front, [API]: aws.front };
      const outcome = await validate(
        {
          manifest: await manifest(),
          choice: { only },
          settings: ValidationSettings.parse({ resolvers: [aws.resolver], connectTo: to, ...settings }),
          deployedAt: new Date().toISOString(),
        },
        { region: REGION, endpoint: aws.url, tell: () => {}, signal: new AbortController().signal },
      );
      if (outcome.state === "failed") throw outcome.failure;
      return Object.fromEntries(outcome.result.checks.map((one) => [`${one.group} ${one.check}`, one]));
    }
    const notPassed = (checks: Record<string, ValidationCheck>) =>
      Object.entries(checks)
        .filter(([, { state }]) => state !== "passed")
        .map(([name, { state, detail }]) => `${name}: ${state}, ${detail}`);

    test("is made from nothing, and answers by names of its own", async () => {
      const { changes } = await run("update");
      expect(changes).toEqual({ create: expect.any(Number) });
      made = (changes as { create: number }).create;

      const found = await manifest();
      expect(found).toMatchObject({
        api: { url: `https://${API}`, domain: API },
        site: { url: `https://${ZONE}`, domain: ZONE },
        dataStores: { cache: { port: 6379 }, timeSeries: { kind: "liveanalytics" } },
      });
      expect((await root(CloudTrailClient).send(new DescribeTrailsCommand({}))).trailList).toHaveLength(1);
      const budgets = new DescribeBudgetsCommand({ AccountId: ACCOUNT });
      expect((await root(BudgetsClient).send(budgets)).Budgets).toMatchObject([
        { BudgetLimit: { Amount: "200", Unit: "USD" } },
      ]);
    });

    test("its names, certificates and data stores are as a validation wants them", async () => {
      const checks = await looked(["dns", "certificates", "data-stores"]);
      expect(notPassed(checks)).toEqual([]);
      expect(Object.keys(checks)).toEqual(
        expect.arrayContaining([
          "dns delegation",
          `dns record ${ZONE}`,
          `dns resolution ${API}`,
          `dns mapping ${API}`,
          "certificates site certificate in use",
          "certificates API certificate in use",
          "certificates site handshake",
          "data-stores cache answers",
          "data-stores time series",
        ]),
      );
      expect(checks["certificates API handshake"]?.detail).toContain(API);
      expect(checks["data-stores cache answers"]?.detail).toContain("asks for a password");
    });

    test("the same once more changes nothing, and a refresh finds what is recorded", async () => {
      expect((await run("update")).changes).toEqual({ same: made });
      await run("detect-drift");
      const { body } = await api.ask("GET", `${stack}/drift`);
      const { status, resources } = body.latest as { status: string; resources: AnswerBody[] };
      expect(status).toBe("clean");
      // What AWS did meanwhile: certificates were issued, the database got its table.
      expect(resources.map((one) => [one.resourceType, one.class, one.changedProperties]).sort()).toEqual([
        ["aws:acm/certificate:Certificate", "output-only", ["status"]],
        ["aws:acm/certificate:Certificate", "output-only", ["status"]],
        ["aws:timestreamwrite/database:Database", "output-only", ["tableCount"]],
      ]);
    });

    test("a record that leads elsewhere is found, in the zone and by whoever asks for the name", async () => {
      const zoneId = (await manifest()).dns?.zoneId;
      const elsewhere = { DNSName: "elsewhere.cloudfront.net", HostedZoneId: "Z2FDTNDATAQYW2" };
      const change = { Name: ZONE, AliasTarget: { ...elsewhere, EvaluateTargetHealth: false } };
      await root(Route53Client).send(
        new ChangeResourceRecordSetsCommand({
          HostedZoneId: zoneId,
          ChangeBatch: { Changes: [{ Action: "UPSERT", ResourceRecordSet: { ...change, Type: "A" } }] },
        }),
      );
      expect(notPassed(await looked(["dns"]))).toEqual([
        expect.stringContaining(`dns record ${ZONE}: failed, the A record of ${ZONE} leads to elsewhere`),
      ]);
      await run("remediate-drift");
      expect(notPassed(await looked(["dns"]))).toEqual([]);
    });

    test("its protection is taken away", async () => {
      write({ "strategyDesk:protection": "retiring" });
      const { changes } = await run("update");
      expect(changes).toMatchObject({ update: expect.any(Number) });
      expect(Object.keys(changes as object).sort()).toEqual(["same", "update"]);
    });

    test("a certificate with 20 days left is seen where it is kept and where it is shown", async () => {
      const place = mkdtempSync(path.join(tmpdir(), "slipway-everything-"));
      try {
        const { site } = (await manifest()).certificates;
        const old = await makeCertificateFor(20, [ZONE]);
        await root(ACMClient, EDGE_REGION).send(
          new ImportCertificateCommand({
            CertificateArn: site ?? "",
            Certificate: Buffer.from(old.cert),
            PrivateKey: Buffer.from(old.key),
          }),
        );
        const extraCaFile = path.join(place, "old.pem");
        writeFileSync(extraCaFile, old.cert);
        const failed = (checks: Record<string, ValidationCheck>) =>
          Object.values(checks)
            .filter(({ state }) => state === "failed")
            .map(({ check, detail }) => `${check}: ${detail}`);
        expect(failed(await looked(["certificates"], { extraCaFile }))).toEqual([
          expect.stringMatching(/^site certificate: .* in (19|20) days; .* it was imported/),
          expect.stringMatching(/^site handshake: .* in (19|20) days/),
        ]);
        expect(failed(await looked(["certificates"]))).toContainEqual(
          expect.stringMatching(/^site handshake: its certificate is refused/),
        );
      } finally {
        rmSync(place, { recursive: true });
      }
    });

    test("is destroyed, and nothing is left but the zone", async () => {
      await run("destroy");
      const ec2 = root(EC2Client);
      const own = [{ Name: "tag:system", Values: ["strategy-desk"] }];
      expect((await ec2.send(new DescribeVpcsCommand({ Filters: own }))).Vpcs ?? []).toEqual([]);
      const { VpcEndpoints = [] } = await ec2.send(new DescribeVpcEndpointsCommand({}));
      expect(VpcEndpoints.filter(({ State }) => String(State).toLowerCase() !== "deleted")).toEqual([]);
      const cache = root(ElastiCacheClient);
      expect((await cache.send(new DescribeReplicationGroupsCommand({}))).ReplicationGroups ?? []).toEqual(
        [],
      );
      expect((await cache.send(new DescribeUserGroupsCommand({}))).UserGroups ?? []).toEqual([]);
      expect((await root(S3Client).send(new ListBucketsCommand({}))).Buckets).toEqual([]);
      expect((await root(CloudTrailClient).send(new DescribeTrailsCommand({}))).trailList).toEqual([]);
      expect(
        (await root(BudgetsClient).send(new DescribeBudgetsCommand({ AccountId: ACCOUNT }))).Budgets ?? [],
      ).toEqual([]);
      expect((await root(TimestreamWriteClient).send(new ListDatabasesCommand({}))).Databases).toEqual([]);
      for (const region of [REGION, EDGE_REGION])
        expect(
          (await root(ACMClient, region).send(new ListCertificatesCommand({}))).CertificateSummaryList,
        ).toEqual([]);
      const route53 = root(Route53Client);
      const { HostedZones: [zone] = [] } = await route53.send(new ListHostedZonesCommand({}));
      const left = await route53.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone?.Id }));
      expect((left.ResourceRecordSets ?? []).map(({ Type }) => Type).sort()).toEqual(["NS", "SOA"]);
    });
  },
);
