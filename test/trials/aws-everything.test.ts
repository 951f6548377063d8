import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ACMClient, ImportCertificateCommand, ListCertificatesCommand } from "@aws-sdk/client-acm";
import { BudgetsClient, DescribeBudgetsCommand } from "@aws-sdk/client-budgets";
import { CloudFrontClient, GetDistributionCommand } from "@aws-sdk/client-cloudfront";
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
import { clientsFor } from "../doubles/aws/provider/clients.ts";
import { callJson } from "../doubles/aws/provider/json-call.ts";
import { recordOf, recordsOf, type Values } from "../doubles/aws/provider/kind.ts";
import { WAF } from "../doubles/aws/provider/services/firewall.ts";
import { INFLUX } from "../doubles/aws/provider/services/influx.ts";
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
import { everythingIn, wordsIn } from "../helpers/traces.ts";
import type { TestWorker } from "../helpers/worker.ts";
import { startWorkerOf } from "../helpers/worker.ts";

const ENDS_WITHIN_MS = 300_000;
const REGION = "eu-central-1";
const EDGE_REGION = "us-east-1";
const ACCOUNT = "123456789012";
const ZONE = "desk.example";
const API = `api.${ZONE}`;
/** No other text in the world holds it. */
const FIRST_PASSWORD = "C4n4ryOfTheFirstPasswordOfInflux";
/** Everything that a stack can have beside what every one has. */
const WITH_EVERYTHING = {
  "strategyDesk:zone": ZONE,
  "strategyDesk:domain": ZONE,
  "strategyDesk:apiDomain": API,
  "strategyDesk:cache": "redis",
  "strategyDesk:timeSeries": "liveanalytics",
  "strategyDesk:egress": "nat",
  "strategyDesk:firewall": "managed",
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
  "a stack with domain, network, firewall, cache, time series, trail and budget, deployed by its deployer",
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

    /** Clients with the rights of the account itself, for services that have none of their own here. */
    const rootIn = (region: string) =>
      clientsFor({
        region,
        endpoint: aws.url,
        credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
        accountId: ACCOUNT,
        partition: "aws",
        defaultTags: {},
      });
    const askFirewall = (operation: string, input: Values) =>
      callJson(rootIn(EDGE_REGION), WAF, operation, { Scope: "CLOUDFRONT", ...input });
    const firewalls = async () => recordsOf(await askFirewall("ListWebACLs", {}), "WebACLs");
    /** The one firewall that there is. */
    async function firewall(): Promise<Values> {
      const [{ Id, Name } = {}, ...more] = await firewalls();
      expect(more).toEqual([]);
      return askFirewall("GetWebACL", { Id, Name });
    }
    const databases = async () =>
      recordsOf(await callJson(rootIn(REGION), INFLUX, "ListDbInstances", {}), "items");

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
      const { WebACL: acl } = await firewall();
      expect(acl).toMatchObject({ DefaultAction: { Allow: {} }, Rules: [{ Priority: 0 }, {}, {}] });
      const { Distribution: site } = await root(CloudFrontClient).send(
        new GetDistributionCommand({ Id: found.site.distributionId }),
      );
      expect(site?.DistributionConfig?.WebACLId).toBe((acl as Values).ARN);
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

    test("a record that leads elsewhere is found, in the zone and by whoever asks for the name; so is a firewall that lets everybody in", async () => {
      const before = await firewall();
      const { Id, Name, DefaultAction, VisibilityConfig } = recordOf(before, "WebACL");
      const { LockToken } = before;
      const open = { Id, Name, LockToken, DefaultAction, VisibilityConfig, Rules: [] };
      await askFirewall("UpdateWebACL", open);

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
      await run("detect-drift");
      const { latest } = (await api.ask("GET", `${stack}/drift`)).body;
      const found = ((latest as AnswerBody).resources as AnswerBody[])
        .filter((one) => one.class !== "output-only")
        .map((one) => [one.resourceType, one.class, String(one.changedProperties)]);
      expect(found.sort()).toEqual([
        ["aws:route53/record:Record", "input-changed", "aliases[0].name"],
        ["aws:wafv2/webAcl:WebAcl", "input-changed", expect.stringMatching(/^rules/)],
      ]);
      await run("remediate-drift");
      expect(notPassed(await looked(["dns"]))).toEqual([]);
      expect(recordOf(await firewall(), "WebACL").Rules).toEqual(recordOf(before, "WebACL").Rules);
    });

    test("its protection is taken away", async () => {
      write({ "strategyDesk:protection": "retiring" });
      const { changes } = await run("update");
      expect(changes).toMatchObject({ update: expect.any(Number) });
      expect(Object.keys(changes as object).sort()).toEqual(["same", "update"]);
    });

    test("its time series becomes an InfluxDB in its network, whose first password is nowhere to be read", async () => {
      const key = "strategyDesk:influxFirstPassword";
      const body = { value: FIRST_PASSWORD, secret: true };
      const set = await api.ask("PUT", `${stack}/config/${key}`, { body });
      expect(set.status, set.text).toBe(200);
      const influx = { "strategyDesk:protection": "retiring", "strategyDesk:timeSeries": "influxdb" };
      write(influx);
      const { changes } = await run("update");
      expect(changes).toMatchObject({ create: expect.any(Number), delete: 2 });
      const [there, ...more] = await databases();
      expect(more).toEqual([]);
      expect(there).toMatchObject({ name: "strategy-desk-test-market-data", status: "AVAILABLE" });
      const found = await manifest();
      expect(found.dataStores.timeSeries).toEqual({
        kind: "influxdb",
        id: there?.id,
        endpoint: `${String(there?.endpoint)}:8086`,
      });
      expect(found.secrets.influxdb).toContain(":secret:strategy-desk-test-secret/influxdb");
      const everything = await everythingIn(api.db);
      expect(everything).toContain("strategy-desk-test-market-data");
      expect(wordsIn(`${everything}\n${worker.output()}`, [FIRST_PASSWORD])).toEqual([]);

      write({
        ...influx,
        "strategyDesk:influxInstanceType": "db.influx.large",
        "strategyDesk:influxStorageGiB": "40",
        "strategyDesk:firewallRequests": "500",
      });
      const changed = await run("update");
      expect(changed.changes).toMatchObject({ update: 2 });
      expect(Object.keys(changed.changes as object).sort()).toEqual(["same", "update"]);
      expect(await databases()).toMatchObject([{ id: there?.id, dbInstanceType: "db.influx.large" }]);
      const [tooOften] = recordsOf(recordOf(await firewall(), "WebACL"), "Rules");
      expect(tooOften).toMatchObject({ Statement: { RateBasedStatement: { Limit: 500 } } });
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
      expect(await firewalls()).toEqual([]);
      expect(await databases()).toEqual([]);
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
