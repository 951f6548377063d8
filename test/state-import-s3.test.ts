import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { type Moto, startMoto } from "./helpers/moto.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { startTestCli } from "./helpers/pulumi-cli.ts";
import type { DiyProject } from "./state-import-support.ts";
import {
  diyProject,
  importFrom,
  makeDiyStack,
  onlyStack,
  PASSPHRASE,
  passphraseFile,
  slipwayCli,
} from "./state-import-support.ts";

const BUCKET = "state-of-the-company";
const started = await startMoto();
const skipped = "missing" in started ? started.missing : null;
if (skipped !== null && process.env.CI === "true") throw new Error(skipped);
if (skipped !== null) console.log(`skipped: importing from S3 (${skipped})`);

let api: TestApi;
let cli: TestCli;
let shop: DiyProject;
let url: string;
const aws: Record<string, string | undefined> = {};

beforeAll(async () => {
  if ("missing" in started) return;
  api = await startTestApi();
  cli = await startTestCli(api);
  const moto: Moto = started;
  const { AWS_ENDPOINT_URL: _, ...credentials } = moto.env;
  // The SDK reads a person's credentials from its process; the endpoint comes from the URL, as for Pulumi.
  for (const [name, value] of Object.entries(credentials)) {
    aws[name] = process.env[name];
    process.env[name] = value;
  }
  const s3 = new S3Client({ endpoint: moto.url, forcePathStyle: true, region: "us-east-1" });
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  s3.destroy();
  url = `s3://${BUCKET}/teams/shop?region=us-east-1&endpoint=${new URL(moto.url).host}&disableSSL=true&s3ForcePathStyle=true`;
  shop = diyProject(cli, "shop", { env: { PULUMI_BACKEND_URL: url, ...credentials } });
  await makeDiyStack(cli, shop, "dev");
});
afterAll(async () => {
  for (const [name, value] of Object.entries(aws)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  if ("missing" in started) return;
  await cli.close();
  await api.close();
  await started.stop();
});

test.skipIf(skipped !== null)(
  "a backend in a bucket is imported by its own address, and nothing of it is told but its name",
  async () => {
    const passphrase = ["--passphrase-file", passphraseFile(cli, PASSPHRASE)];
    const { report, code } = await importFrom(api, cli, url, passphrase);
    expect(code).toBe(0);
    expect(report.source).toBe(`s3://${BUCKET}/teams/shop`);
    expect(onlyStack(report)).toMatchObject({
      project: "shop",
      stack: "dev",
      outcome: "imported",
      updates: 3,
      states: 3,
      resources: 8,
    });
    const at = { cwd: shop.folder, env: { PULUMI_CONFIG_PASSPHRASE: PASSPHRASE } };
    await cli.succeed(["preview", "--expect-no-changes", "--stack", "dev"], at);
    expect(onlyStack((await importFrom(api, cli, url, passphrase)).report).outcome).toBe("already there");
  },
);

test.skipIf(skipped !== null)("a bucket that is not there is told with what to look at", async () => {
  const { code, stderr } = await slipwayCli(api, cli, [
    "state",
    "import",
    "--from",
    url.replace(BUCKET, "no-such-bucket"),
  ]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("no-such-bucket");
  expect(stderr).toContain("AWS credentials");
});
