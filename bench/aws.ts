import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
} from "@aws-sdk/client-cloudfront";
import {
  GetAliasCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import { ListObjectVersionsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { clientSettings, objectClientSettings } from "../automation/src/aws/clients.ts";
import { packageFunction } from "../automation/src/aws/functions/package-function.ts";
import { ship } from "../automation/src/aws/ship.ts";
import { readSite } from "../automation/src/aws/site/files.ts";
import { turnOf } from "../automation/src/aws/site/headers.ts";
import { healthEvent } from "../automation/src/contract/aws/function-health.ts";
import { ShipInput } from "../automation/src/contract/aws/ship.ts";
import type { Shipment } from "../automation/src/contract/aws/shipment.ts";
import { type Aws, startAws } from "../test/helpers/aws.ts";
import { makeShippingBed, type ShippingBed } from "../test/helpers/shipping-bed.ts";
import { type Figure, median, printTable } from "./figure.ts";
import type { BenchOptions } from "./options.ts";

const FUNCTIONS = 20;
const ASSETS = 1_000;
const QUICK_FUNCTIONS = 5;
const QUICK_ASSETS = 100;
const PAIRS = 5;
const LIMIT = 1.2;
const ASSET_BYTES = 20_000;
const FUNCTION_BYTES = 100_000;

/** One release's build on disk. */
interface Build {
  functions: string;
  site: string;
}

interface Bench {
  aws: Aws;
  folder: string;
  names: readonly string[];
  assets: number;
}

/**
 * Uploading 1,000 assets and 20 functions through a shipment, beside the same calls made directly by the SDK with the same parallelism, whose packages and digests are made
 * before its time begins; and what an unchanged release uploads. Every measurement begins with a stack that nothing was shipped to.
 */
export async function measureAws({ pairs = PAIRS, quick }: BenchOptions): Promise<Figure[]> {
  const aws = await startAws();
  if ("missing" in aws) throw new Error(aws.missing);
  const names = Array.from(
    { length: quick ? QUICK_FUNCTIONS : FUNCTIONS },
    (_, index) => `function-${index}`,
  );
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-bench-aws-"));
  try {
    return await measure({ aws, folder, names, assets: quick ? QUICK_ASSETS : ASSETS }, pairs);
  } finally {
    await aws.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, pairs: number): Promise<Figure[]> {
  const rows: string[][] = [];
  const ratios: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const build = await writeBuild(bench, `release-${pair}`);
    const took = { slipway: 0, sdk: 0 };
    const sides = pair % 2 === 0 ? (["sdk", "slipway"] as const) : (["slipway", "sdk"] as const);
    for (const side of sides) {
      const bed = await makeShippingBed(bench.aws, bench.names);
      const prepared = side === "sdk" ? await prepare(bed, build) : undefined;
      const startMs = performance.now();
      if (prepared === undefined) await shipBuild(bed, build, null);
      else await callDirectly(bed, build, prepared);
      took[side] = performance.now() - startMs;
      await bed.stop();
    }
    const ratio = took.slipway / took.sdk;
    ratios.push(ratio);
    rows.push([String(pair + 1), `${Math.round(took.sdk)}`, `${Math.round(took.slipway)}`, ratio.toFixed(2)]);
  }
  printTable(["pair", "SDK ms", "shipment ms", "ratio"], rows);
  const ratio = median(ratios);
  const changes = await unchanged(bench);
  return [
    {
      name: "aws-upload-ratio",
      value: ratio,
      limit: LIMIT,
      text: ratio.toFixed(2),
      limitText: String(LIMIT),
    },
    { name: "aws-unchanged-calls", value: changes, limit: 0, text: String(changes), limitText: "0" },
  ];
}

/** How many calls that change something the second shipment of the same build makes. */
async function unchanged(bench: Bench): Promise<number> {
  const build = await writeBuild(bench, "unchanged");
  const bed = await makeShippingBed(bench.aws, bench.names);
  const first = await shipBuild(bed, build, null);
  await bench.aws.forgetCalls();
  const startMs = performance.now();
  await shipBuild(bed, build, first);
  const tookMs = Math.round(performance.now() - startMs);
  const calls = await bench.aws.calls();
  await bed.stop();
  const changes = calls.filter((call) => !/:(Get|List|Head)/.test(call)).length;
  console.log(
    `an unchanged release: ${tookMs} ms, ${calls.length} calls, ${changes} of them change something`,
  );
  return changes;
}

async function writeBuild({ folder, names, assets }: Bench, name: string): Promise<Build> {
  const build = { functions: path.join(folder, name, "functions"), site: path.join(folder, name, "site") };
  for (const one of names) {
    await mkdir(path.join(build.functions, one), { recursive: true });
    const filler = randomBytes(FUNCTION_BYTES / 2).toString("hex");
    const code = `export const handler = async () => ({ statusCode: 200, body: "" });\n// ${filler}\n`;
    await writeFile(path.join(build.functions, one, "index.mjs"), code);
  }
  await mkdir(path.join(build.site, "assets"), { recursive: true });
  await writeFile(path.join(build.site, "index.html"), `<!doctype html><title>${name}</title>`);
  for (let index = 0; index < assets; index++) {
    const body = randomBytes(ASSET_BYTES);
    const digest = createHash("sha256").update(body).digest("hex").slice(0, 12);
    await writeFile(path.join(build.site, "assets", `chunk-${digest}.js`), body);
  }
  return build;
}

function inputOf(bed: ShippingBed, { functions, site }: Build, previous: Shipment | null): ShipInput {
  return ShipInput.parse({
    reference: `bench-${performance.now()}`,
    version: "1",
    manifest: bed.manifest,
    functionFolders: [functions],
    site: { folder: site, configFile: "config.json" },
    serving: previous?.functions ?? {},
    previous,
    limits: { invalidationPollSeconds: 0.05 },
  });
}

async function shipBuild(bed: ShippingBed, build: Build, previous: Shipment | null): Promise<Shipment> {
  const outcome = await ship(inputOf(bed, build, previous), { ...bed.context, tell: () => {} });
  if (outcome.state === "succeeded") return outcome.result;
  throw outcome.failure;
}

/** What the SDK's side is given: it packs, walks and hashes nothing in its time. */
async function prepare(bed: ShippingBed, build: Build) {
  const names = Object.keys(bed.manifest.functions);
  const packages = await Promise.all(
    names.map((name) => packageFunction(name, path.join(build.functions, name))),
  );
  const { files, read } = await readSite(
    { folder: build.site, configFile: "config.json" },
    bed.manifest,
    "1",
  );
  return { packages, files, read };
}

/** The calls of a shipment without its care: no comparison, nothing put back, no error understood. */
async function callDirectly(
  bed: ShippingBed,
  build: Build,
  { packages, files, read }: Awaited<ReturnType<typeof prepare>>,
): Promise<void> {
  const { manifest, context } = bed;
  const { limits } = inputOf(bed, build, null);
  const lambda = new LambdaClient(clientSettings(context));
  const s3 = new S3Client(objectClientSettings(context));
  const cloudFront = new CloudFrontClient(clientSettings(context));
  await together(packages, limits.functionsAtOnce, async (packed) => {
    const declared = manifest.functions[packed.name];
    if (declared === undefined) return;
    const FunctionName = declared.name;
    await lambda.send(new GetAliasCommand({ FunctionName, Name: declared.alias }));
    const checksum = Buffer.from(packed.sha256, "hex").toString("base64");
    const stored = await s3.send(
      new PutObjectCommand({
        Bucket: manifest.artifactsBucket,
        Key: packed.key,
        Body: packed.bytes,
        ContentType: "application/zip",
        ChecksumAlgorithm: "SHA256",
        ChecksumSHA256: checksum,
        IfNoneMatch: "*",
      }),
    );
    await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    await lambda.send(
      new UpdateFunctionCodeCommand({
        FunctionName,
        S3Bucket: manifest.artifactsBucket,
        S3Key: packed.key,
        S3ObjectVersion: stored.VersionId,
      }),
    );
    await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const { Version } = await lambda.send(new PublishVersionCommand({ FunctionName, CodeSha256: checksum }));
    const Payload = Buffer.from(JSON.stringify(healthEvent(declared.healthPath)));
    await lambda.send(new InvokeCommand({ FunctionName, Qualifier: Version, Payload }));
    await lambda.send(
      new UpdateAliasCommand({ FunctionName, Name: declared.alias, FunctionVersion: Version }),
    );
  });
  const { bucket: Bucket, distributionId: DistributionId } = manifest.site;
  await s3.send(new ListObjectVersionsCommand({ Bucket }));
  for (const turn of ["asset", "other", "page"]) {
    const now = files.filter(({ key }) => turnOf(key) === turn);
    await together(now, limits.objectsAtOnce, async ({ key, sha256, contentType, cacheControl }) => {
      await s3.send(
        new PutObjectCommand({
          Bucket,
          Key: key,
          Body: await read(key),
          ContentType: contentType,
          CacheControl: cacheControl,
          ChecksumAlgorithm: "SHA256",
          ChecksumSHA256: Buffer.from(sha256, "hex").toString("base64"),
        }),
      );
    });
  }
  const made = await cloudFront.send(
    new CreateInvalidationCommand({
      DistributionId,
      InvalidationBatch: {
        CallerReference: `direct-${performance.now()}`,
        Paths: { Quantity: 1, Items: ["/*"] },
      },
    }),
  );
  await cloudFront.send(new GetInvalidationCommand({ DistributionId, Id: made.Invalidation?.Id }));
  for (const client of [lambda, s3, cloudFront]) client.destroy();
}

async function together<I>(
  items: readonly I[],
  limit: number,
  work: (item: I) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, lane));
}
