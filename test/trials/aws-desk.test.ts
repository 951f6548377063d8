import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import {
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FUNCTIONS } from "../../automation/src/contract/aws/function-environment.ts";
import { FunctionHealth } from "../../automation/src/contract/aws/function-health.ts";
import { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import type { AnswerBody, TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import type { Aws } from "../helpers/aws.ts";
import { startAws } from "../helpers/aws.ts";
import type { Deployer } from "../helpers/aws-deployer.ts";
import { makeDeployer } from "../helpers/aws-deployer.ts";
import { installAwsProvider } from "../helpers/aws-provider.ts";
import { writeInfraProject } from "../helpers/infra-project.ts";
import { register } from "../helpers/ledger-project.ts";
import { build } from "../helpers/sample.ts";
import { askServiceApi } from "../helpers/service-api.ts";
import { everyFileBelow, everythingIn, wordsIn } from "../helpers/traces.ts";
import { eventually } from "../helpers/waiting.ts";
import type { TestWorker } from "../helpers/worker.ts";
import { listening, startWorkerOf } from "../helpers/worker.ts";

const REGION = "eu-central-1";
const STACK = "slipway/test";
const SETTLES_WITHIN_MS = 150_000;
const CLI = path.resolve(import.meta.dirname, "../../automation/src/cli.ts");
/** No other text in the world holds these; the last is what a slot holds after it was rotated. */
const VALUES = {
  key: "C4n4ryOfTheKeyThatNobodySees",
  secret: "C4n4ryOfTheSecretThatNobodySees",
  model: "sk-C4n4ryOfTheModelThatNobodySees",
  rotated: "sk-C4n4ryOfTheRotatedModelThatNobodySees",
};
/** Packages and pages of a release are told apart by a number that the build puts in. */
const SLIPWAY_YAML = `gates: []
services:
  desk:
    path: .
    build: [node, build.mjs]
    artifact: dist
    functions: functions
    site: site
    siteConfig: config.json
`;

const started = await startAws();
if ("missing" in started) process.stderr.write(`Skipped: test/trials/aws-desk.test.ts: ${started.missing}\n`);

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

describe.skipIf("missing" in started)(
  "the sample on AWS, deployed by a role that may do what it must",
  () => {
    let aws: Aws;
    let api: TestApi;
    let deployer: Deployer;
    let worker: TestWorker;
    let home: string;
    let folder: string;
    let stack: string;
    let manifest: AwsManifest;
    /** Everything that the command printed. */
    const printed: string[] = [];

    beforeAll(async () => {
      if ("missing" in started) return;
      aws = started;
      api = await startTestApi();
      home = mkdtempSync(path.join(tmpdir(), "slipway-desk-"));
      await build("services/strategy-api", path.join(home, "built"));
      installAwsProvider(path.join(api.dataDir, "pulumi-home"));
      deployer = await makeDeployer(aws, REGION);
      const env = { ...aws.env, ...deployer.env, AWS_REGION: REGION };
      worker = await startWorkerOf(api, { env: { ...env, SLIPWAY_ENGINE_ENV: Object.keys(env).join(",") } });
      folder = path.join(api.root, "desk");
      write("1.0.1");
      [stack = ""] = await register(api, "slipway", folder);
    });
    afterAll(async () => {
      await worker?.stop();
      await api?.close();
      if (home !== undefined) rmSync(home, { recursive: true, force: true });
      if (!("missing" in started)) await started.stop();
    });

    /** The repository's own program with the sample's functions, which say `version` of themselves, as the page does. */
    function write(version: string): void {
      rmSync(folder, { recursive: true, force: true });
      writeInfraProject(
        folder,
        { "strategyDesk:permissionsBoundary": deployer.boundary, "strategyDesk:protection": "retiring" },
        SLIPWAY_YAML,
      );
      cpSync(path.join(home, "built/functions"), path.join(folder, "made"), { recursive: true });
      writeFileSync(
        path.join(folder, "build.mjs"),
        `import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
cpSync("made", "dist/functions", { recursive: true });
for (const name of readdirSync("dist/functions"))
  writeFileSync("dist/functions/" + name + "/version.json", JSON.stringify({ name: "strategy-api", version: "${version}" }));
mkdirSync("dist/site", { recursive: true });
writeFileSync("dist/site/index.html", "<!doctype html><title>${version}</title>");
writeFileSync("dist/site/${version}.txt", "of this release alone");
`,
      );
    }
    /** A deployment that has ended, or that waits for a person. */
    async function deploy(body: Record<string, unknown> = {}): Promise<AnswerBody> {
      const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...body } });
      expect(asked.status, asked.text).toBe(202);
      return eventually(`deployment ${asked.body.id} settles`, SETTLES_WITHIN_MS, async () => {
        const { body: now } = await api.ask("GET", `/v1/deployments/${asked.body.id}`);
        return now.finishedAt !== null || now.verification === "held" ? now : undefined;
      });
    }
    const told = ({ failure }: AnswerBody) => `${JSON.stringify(failure)} ${worker.output()}`;
    /** What every function says of itself to whoever asks the API. */
    async function healths(): Promise<Record<string, FunctionHealth>> {
      const asked = Object.entries(manifest.functions).map(async ([name, { healthPath }]) => {
        const answer = await fetch(`${manifest.api.url}${healthPath}`);
        return [name, FunctionHealth.parse(await answer.json())] as const;
      });
      return Object.fromEntries(await Promise.all(asked));
    }
    async function serves(version: string): Promise<void> {
      const seen = Object.values(await healths()).map((one) => [one.status, one.version]);
      expect(seen).toEqual(Object.keys(FUNCTIONS).map(() => ["ok", version]));
      expect(await (await fetch(manifest.site.url)).text()).toContain(`<title>${version}</title>`);
    }
    const versionsOf = async (release: number) => {
      const { functions } = (await api.ask("GET", `${stack}/releases/${String(release)}/shipment`)).body;
      return Object.fromEntries(
        Object.entries(functions as Record<string, { version: string }>).map(([name, one]) => [
          name,
          one.version,
        ]),
      );
    };
    /** The command as people run it, who are signed in as the deployer. */
    async function slipway(args: readonly string[], input = "") {
      const run = await execa(process.execPath, [CLI, ...args], {
        env: {
          ...aws.env,
          ...deployer.env,
          HOME: home,
          XDG_CONFIG_HOME: home,
          SLIPWAY_URL: await listening(api),
          SLIPWAY_TOKEN: api.token,
          NO_COLOR: "1",
        },
        cwd: home,
        input,
        reject: false,
      });
      printed.push(run.stdout, run.stderr, run.escapedCommand);
      return run;
    }
    const settings = () => ({
      endpoint: aws.url,
      region: REGION,
      credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
    });
    /** The version that Secrets Manager gives to readers of a slot, and its value. */
    async function heldBySecretsManager(
      slot: string,
    ): Promise<{ versionId: string | undefined; value: unknown }> {
      const client = new SecretsManagerClient(settings());
      const SecretId = manifest.secrets[slot];
      const { Versions = [] } = await client.send(new ListSecretVersionIdsCommand({ SecretId }));
      const { SecretString = "" } = await client.send(
        new GetSecretValueCommand({ SecretId, VersionStage: "AWSCURRENT" }),
      );
      client.destroy();
      const current = Versions.find(({ VersionStages }) => VersionStages?.includes("AWSCURRENT"));
      return { versionId: current?.VersionId, value: JSON.parse(SecretString) as unknown };
    }
    /** Functions that read a slot, and the version that each of them holds. */
    async function readersOf(slot: string): Promise<Record<string, string | null>> {
      return Object.fromEntries(
        Object.entries(await healths()).flatMap(([name, { secrets }]) =>
          secrets.filter((one) => one.slot === slot).map(({ versionId }) => [name, versionId]),
        ),
      );
    }
    const epochOf = async () => (await api.ask("GET", `${stack}/secrets`)).body.epoch;

    test("every function and the site serve after the first release, with empty slots", async () => {
      const first = await deploy();
      expect(first, told(first)).toMatchObject({ status: "succeeded", release: 1 });
      const { outputs } = (await api.ask("GET", `${stack}/outputs`)).body;
      manifest = AwsManifest.parse((outputs as AnswerBody).manifest);
      await serves("1.0.1");
      expect(await readersOf("bison")).toEqual({ "market-data": null });
    });

    test("secrets of a file reach Secrets Manager and, by another version, the functions that read them", async () => {
      const file = path.join(home, "values.json");
      const given = {
        bison: { apiKey: VALUES.key, apiSecret: VALUES.secret },
        openai: { apiKey: VALUES.model },
      };
      writeFileSync(file, JSON.stringify({ ...given, kraken: null }), { mode: 0o600 });
      const run = await slipway(["secrets", "populate", STACK, "--json", "--file", file]);
      rmSync(file);
      expect([run.exitCode, run.stderr], worker.output()).toEqual([0, ""]);
      const said = JSON.parse(run.stdout) as AnswerBody & { readers: AnswerBody[]; deployment: string };
      expect(said.put).toEqual(["bison", "openai"]);
      expect(said.readers.map(({ slot, function: by, state }) => [slot, by, state]).sort()).toEqual([
        ["bison", "market-data", "right"],
        ["openai", "strategies", "right"],
      ]);

      const [bison, openai] = [await heldBySecretsManager("bison"), await heldBySecretsManager("openai")];
      expect([bison.value, openai.value]).toEqual([given.bison, given.openai]);
      expect(await readersOf("bison")).toEqual({ "market-data": bison.versionId });
      expect(await readersOf("openai")).toEqual({ strategies: openai.versionId });
      expect(await readersOf("kraken")).toEqual({ "market-data": null });
      const epochs = Object.values(await healths()).map(({ secretsEpoch }) => secretsEpoch);
      expect(new Set(epochs)).toEqual(new Set([null, await epochOf()]));

      const { body } = await api.ask("GET", `/v1/deployments/${said.deployment}`);
      expect(body, told(body)).toMatchObject({ operation: "update", status: "succeeded", release: 2 });
      const [before, after] = [await versionsOf(1), await versionsOf(2)];
      const changed = Object.keys(after).filter((name) => after[name] !== before[name]);
      expect(changed.sort()).toEqual(["market-data", "strategies"]);
      await serves("1.0.1");
    });

    test("another value takes the place of the one before, in Secrets Manager and in the function", async () => {
      const [before, epoch] = [await heldBySecretsManager("openai"), await epochOf()];
      const run = await slipway(
        ["secrets", "populate", STACK, "--json", "--only", "openai"],
        JSON.stringify({ openai: { apiKey: VALUES.rotated } }),
      );
      expect([run.exitCode, run.stderr], worker.output()).toEqual([0, ""]);
      const { versionId, value } = await heldBySecretsManager("openai");
      expect(value).toEqual({ apiKey: VALUES.rotated });
      expect(versionId).not.toBe(before.versionId);
      expect(await readersOf("openai")).toEqual({ strategies: versionId });
      expect(await epochOf()).not.toBe(epoch);
      expect((await slipway(["secrets", "verify", STACK])).exitCode).toBe(0);
      const drift = await deploy({ operation: "detect-drift" });
      expect(drift, told(drift)).toMatchObject({ status: "succeeded" });
      expect((await api.ask("GET", `${stack}/drift`)).body.latest).toMatchObject({ status: "clean" });
      const audit = await api.ask("GET", "/v1/audit?project=slipway&action=secret.put");
      expect(audit.body.items.map(({ details }) => (details as { slot: string }).slot).sort()).toEqual([
        "bison",
        "openai",
        "openai",
      ]);
    });

    test("no value of a secret is in state, events, logs, database or files, nor in what the command printed", async () => {
      const url = await listening(api);
      const authorization = `token ${api.token}`;
      const state = await askServiceApi(url, "GET", `/api/stacks/default/${STACK}/export`, { authorization });
      const deployments = (await api.ask("GET", `${stack}/deployments?limit=50`)).body.items;
      const events = await Promise.all(
        deployments.map(
          async ({ id }) => (await api.ask("GET", `/v1/deployments/${id}/events?limit=5000`)).text,
        ),
      );
      const places: Record<string, string> = {
        state: state.text,
        events: events.join("\n"),
        "the server's log": api.log(),
        "the worker's log": worker.output(),
        "the functions' logs": await logsOfFunctions(),
        "the database": await everythingIn(api.db),
        files: `${await everyFileBelow(api.dataDir)}\n${await everyFileBelow(home)}`,
        "the command": printed.join("\n"),
      };
      const { versionId = "" } = await heldBySecretsManager("openai");
      const mark = { state: "SECRETS_EPOCH", "the worker's log": "ready" };
      for (const [place, text] of Object.entries(places)) {
        expect({ place, found: wordsIn(text, Object.values(VALUES)) }).toEqual({ place, found: [] });
        // A search that finds nothing because there is nothing to search would pass as well.
        const there = (mark as Record<string, string | undefined>)[place];
        expect({ place, isRead: there === undefined || text.includes(there) }).toEqual({
          place,
          isRead: true,
        });
      }
      expect(places["the database"]).toContain(versionId);
      expect(places["the command"]).toContain(versionId);
    });

    async function logsOfFunctions(): Promise<string> {
      const client = new CloudWatchLogsClient(settings());
      const all = Object.values(manifest.functions).map(async ({ logGroup: logGroupName }) => {
        const { events = [] } = await client.send(new FilterLogEventsCommand({ logGroupName }));
        return events.map(({ message = "" }) => message).join("\n");
      });
      const texts = await Promise.all(all);
      client.destroy();
      return texts.join("\n");
    }

    test("the role reads no secret that it has put", async () => {
      const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } =
        deployer.env;
      const client = new SecretsManagerClient({
        ...settings(),
        credentials: { accessKeyId, secretAccessKey, sessionToken: deployer.env.AWS_SESSION_TOKEN ?? "" },
      });
      const reading = client.send(new GetSecretValueCommand({ SecretId: manifest.secrets.openai }));
      await expect(reading).rejects.toThrow(/not authorized to perform: secretsmanager:GetSecretValue/);
      client.destroy();
    });

    test.each([
      { right: "s3:PutObject", version: "1.0.2", when: "before anything was uploaded" },
      { right: "lambda:UpdateAlias", version: "1.0.3", when: "with new versions of all functions at hand" },
    ])(
      "without the right to $right a shipment fails $when, names it, and the old version serves on",
      async ({ right, version }) => {
        await api.ask("PUT", `${stack}/rollback-settings`, { body: { automatic: false } });
        write(version);
        await deployer.forbid(right);
        const failed = await deploy();
        await deployer.allowAll();
        expect(failed.failure, told(failed)).toMatchObject({ code: "aws_denied" });
        const { detail, remedy } = failed.failure as AnswerBody;
        expect(detail).toContain(right);
        expect(detail).toMatch(/AccessDenied|not authorized/);
        expect(detail).toContain("What served before serves on.");
        expect(remedy).toContain(right);
        await serves("1.0.1");
        if (failed.verification === "held")
          await api.ask("POST", `/v1/deployments/${failed.id}/hold`, {
            body: { decision: "keep", reason: "a right was missing" },
          });
      },
    );

    test("with all rights it is shipped", async () => {
      write("1.0.4");
      const shipped = await deploy();
      expect(shipped, told(shipped)).toMatchObject({ status: "succeeded" });
      await serves("1.0.4");
      // What left is taken away, by the role too.
      const files = ["1.0.4.txt", "1.0.1.txt"].map((name) => fetch(`${manifest.site.url}/${name}`));
      expect((await Promise.all(files)).map(({ ok }) => ok)).toEqual([true, false]);
    });

    test("a destroy by the role leaves nothing of it, with all that was shipped", async () => {
      const destroyed = await deploy({ operation: "destroy" });
      expect(destroyed, told(destroyed)).toMatchObject({ status: "succeeded" });
      const s3 = new S3Client({ ...settings(), forcePathStyle: true });
      expect((await s3.send(new ListBucketsCommand({}))).Buckets).toEqual([]);
      s3.destroy();
    });
  },
);
