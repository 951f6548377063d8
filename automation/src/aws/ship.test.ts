import { DeleteObjectCommand, DeleteObjectsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { startAws } from "../../../test/helpers/aws.ts";
import {
  answering,
  answeringHealth,
  makeShippingBed,
  type ShippingBed,
} from "../../../test/helpers/shipping-bed.ts";
import { failureOf, shipInput, shipped } from "../../../test/helpers/shipping-runs.ts";
import { RestoreInput, type ShipLimits } from "../contract/aws/ship.ts";
import type { Shipment } from "../contract/aws/shipment.ts";
import { restore } from "./restore.ts";
import { ship } from "./ship.ts";
import type { AwsContext } from "./task.ts";

const started = await startAws();
const missing = "missing" in started ? started.missing : null;
if (missing !== null && process.env.CI === "true") throw new Error(missing);
if (missing !== null) console.log(`skipped: shipments of functions and site (${missing})`);
const it = test.skipIf(missing !== null);
const SOON = { timeout: 20_000, interval: 50 };
const stand = "missing" in started ? ({} as never) : started;

const FIRST_SITE = {
  "index.html": "<p>1",
  "assets/index-AbCd1234.js": "one();",
  "robots.txt": "all",
  "old.txt": "leaves",
};
const SECOND_SITE = { "index.html": "<p>2", "assets/index-EfGh5678.js": "two();", "robots.txt": "all" };

let bed: ShippingBed;
let first: Shipment;

beforeEach(async () => {
  if (missing !== null) return;
  bed = await makeShippingBed(stand, ["audit"]);
  first = shipped(await run("audit 1", FIRST_SITE));
  return () => bed.stop();
});
afterEach(async () => {
  if (missing !== null) return;
  await stand.clearFaults();
  await stand.invalidationReads(0);
});
afterAll(async () => {
  if (!("missing" in started)) await started.stop();
});

async function run(
  code: string,
  files: Readonly<Record<string, string>>,
  previous: Shipment | null = null,
  context: AwsContext = bed.context,
) {
  const functions = await bed.writeFunctions({ audit: code.includes("export") ? code : answering(code) });
  const folder = await bed.writeSite(files);
  const site = { folder, configFile: "config.json" };
  return ship(shipInput(bed, { functionFolders: [functions], site }, previous), context);
}

async function goBack(target: Shipment, previous: Shipment | null, limits: Partial<ShipLimits> = {}) {
  const { reference, limits: short, manifest } = shipInput(bed, {});
  const input = RestoreInput.parse({
    reference,
    manifest,
    target,
    serving: previous?.functions ?? {},
    previous,
    limits: { ...short, ...limits },
  });
  return restore(input, bed.context);
}

/** What people get: the function's answer behind its alias, and the site. */
async function served() {
  const site = await bed.site();
  return {
    audit: (await bed.answers()).audit,
    site: Object.fromEntries(Object.entries(site).map(([key, { text }]) => [key, text])),
  };
}

const puts = async (): Promise<number> =>
  (await stand.calls()).filter((call) => call === "s3:PutObject" || call === "s3:CopyObject").length;

describe("a shipment of functions and a site", () => {
  it("uploads every file with its headers, the configuration of the stack among them", async () => {
    const site = await bed.site();
    expect(site).toEqual({
      "index.html": { text: "<p>1", type: "text/html; charset=utf-8", cache: "no-cache" },
      "assets/index-AbCd1234.js": {
        text: "one();",
        type: "text/javascript; charset=utf-8",
        cache: "public, max-age=31536000, immutable",
      },
      "robots.txt": { text: "all", type: "text/plain; charset=utf-8", cache: "public, max-age=300" },
      "old.txt": { text: "leaves", type: "text/plain; charset=utf-8", cache: "public, max-age=300" },
      "config.json": {
        text: expect.any(String) as string,
        type: "application/json; charset=utf-8",
        cache: "no-cache",
      },
    });
    expect(JSON.parse(site["config.json"]?.text ?? "")).toEqual({
      apiUrl: "https://api.example",
      environment: "test",
      version: "c0ffee",
      flags: { backtests: true },
    });
    expect(await bed.invalidations()).toBe(1);
  });

  it("uploads what changed, keeps hashed assets of open pages, removes other files, and invalidates once", async () => {
    await stand.forgetCalls();
    const second = shipped(await run("audit 2", SECOND_SITE, first));
    // The function's package, the new asset and the page.
    expect(await puts()).toBe(3);
    const { site } = await served();
    expect(Object.keys(site).sort()).toEqual([
      "assets/index-AbCd1234.js",
      "assets/index-EfGh5678.js",
      "config.json",
      "index.html",
      "robots.txt",
    ]);
    expect(second.site["assets/index-AbCd1234.js"]?.retiredAt).toBeDefined();
    expect(await bed.invalidations()).toBe(2);
    await stand.forgetCalls();
    const third = shipped(await run("audit 2", SECOND_SITE, second));
    expect([await puts(), await bed.invalidations(), third]).toEqual([0, 2, second]);
  });

  it("uploads pages after everything that they refer to", async () => {
    await stand.forgetCalls();
    await stand.fail({ action: "s3:PutObject", where: "EfGh5678.js", code: "AccessDenied", status: 403 });
    failureOf(await run("audit 1", SECOND_SITE, first));
    expect((await bed.site())["index.html"]?.text).toBe("<p>1");
    // Nothing of the turns after the asset's was begun.
    expect(await puts()).toBe(1);
  });

  it("uploads anew what somebody wrote over or deleted", async () => {
    const { bucket: Bucket } = bed.manifest.site;
    await bed.s3.send(new PutObjectCommand({ Bucket, Key: "index.html", Body: "defaced" }));
    await bed.s3.send(new DeleteObjectCommand({ Bucket, Key: "robots.txt" }));
    await bed.s3.send(new PutObjectCommand({ Bucket, Key: "verification.txt", Body: "somebody's" }));
    const second = shipped(await run("audit 1", FIRST_SITE, first));
    const { site } = await served();
    expect([site["index.html"], site["robots.txt"]]).toEqual(["<p>1", "all"]);
    // Not one of the shipment's keys: nobody here knows what it is for.
    expect([site["verification.txt"], second.site["verification.txt"]]).toEqual(["somebody's", undefined]);
  });
});

describe("a shipment that fails leaves what served", () => {
  const asFirst = async () => expect(await served()).toEqual(before);
  let before: Awaited<ReturnType<typeof served>>;
  beforeEach(async () => {
    if (missing === null) before = await served();
  });

  it("when its function does not work: the site is not begun", async () => {
    await stand.forgetCalls();
    const outcome = await run(answeringHealth(500, "audit 2"), SECOND_SITE, first);
    expect(failureOf(outcome).code).toBe("smoke_failed");
    expect(outcome.parts.map(({ part, state }) => `${part}: ${state}`)).toEqual([
      "function audit: failed",
      "aliases: not-started",
      "site files: not-started",
      "site caches: not-started",
    ]);
    expect((await stand.calls()).filter((call) => call.startsWith("cloudfront"))).toEqual([]);
    await asFirst();
  });

  it("when an upload is denied half-way: objects and aliases go back", async () => {
    await stand.fail({ action: "s3:PutObject", where: "/index.html", code: "AccessDenied", status: 403 });
    const failure = failureOf(await run("audit 2", SECOND_SITE, first));
    expect([failure.code, failure.details]).toEqual([
      "aws_denied",
      {
        operation: "s3:PutObject",
        resource: `s3://${bed.manifest.site.bucket}/index.html`,
        name: "AccessDenied",
      },
    ]);
    expect(failure.message).toMatch(/What served before serves on\.$/);
    await asFirst();
    await stand.clearFaults();
    // The next one is not confused by what the failed one left behind.
    shipped(await run("audit 2", SECOND_SITE, first));
    expect((await served()).site["index.html"]).toBe("<p>2");
  });

  it("when the invalidation never ends", async () => {
    await stand.invalidationReads(null);
    const outcome = await run("audit 2", SECOND_SITE, first);
    const failure = failureOf(outcome);
    expect(failure.code).toBe("invalidation_unfinished");
    expect(failure.message).toMatch(
      /^The invalidation \w+ of distribution \w+ was not done within 0\.5 seconds\. What served before serves on\.$/,
    );
    expect(outcome.parts.at(-1)).toMatchObject({ part: "site caches", state: "failed" });
    await asFirst();
    // Of the first, of the second, and of what was put back.
    expect(await bed.invalidations()).toBe(3);
  });

  it("when the removal of keys is denied", async () => {
    await stand.fail({ action: "s3:DeleteObject*", where: "old.txt", code: "AccessDenied", status: 403 });
    expect(failureOf(await run("audit 2", SECOND_SITE, first)).code).toBe("aws_denied");
    await asFirst();
  });

  it("as far as it may, and says what it could not put back", async () => {
    await stand.fail({ action: "s3:DeleteObject*", code: "AccessDenied", status: 403 });
    const failure = failureOf(await run("audit 2", SECOND_SITE, first));
    expect(failure.code).toBe("not_put_back");
    expect(failure.message).toContain("Not all of it was put back: objects of the site");
    const { audit, site } = await served();
    // What is left is an asset that no page asks for.
    expect([audit, site["index.html"], site["assets/index-EfGh5678.js"]]).toEqual([
      "audit 1",
      "<p>1",
      "two();",
    ]);
  });

  it("when it is cancelled while it uploads", async () => {
    const { context, stop } = bed.stoppable();
    await stand.fail({ action: "s3:PutObject", where: "/index.html", delayMs: 60_000, times: 1 });
    const running = run("audit 2", SECOND_SITE, first, context);
    await expect.poll(async () => (await bed.site())["assets/index-EfGh5678.js"]?.text, SOON).toBe("two();");
    stop();
    expect(failureOf(await running).code).toBe("ship_cancelled");
    await asFirst();
  });

  it("when the built site has no page: nothing is asked of AWS", async () => {
    await stand.forgetCalls();
    const failure = failureOf(await run("audit 2", { "main.html": "no index" }, first));
    expect([failure.code, await stand.calls()]).toEqual(["package_invalid", []]);
  });
});

describe("going back", () => {
  it("serves the recorded versions of functions and objects, with the headers that they had", async () => {
    const before = { answers: await bed.answers(), site: await bed.site() };
    const second = shipped(await run("audit 2", SECOND_SITE, first));
    await stand.forgetCalls();
    const outcome = await goBack(first, second);
    const third = shipped(outcome);
    expect(third.functions).toEqual(first.functions);
    expect(await bed.answers()).toEqual(before.answers);
    const { "assets/index-EfGh5678.js": retired, ...site } = await bed.site();
    expect(site).toEqual(before.site);
    expect([retired?.text, third.site["assets/index-EfGh5678.js"]?.retiredAt]).toEqual([
      "two();",
      expect.any(String),
    ]);
    // No package is uploaded, no version published, and a version is called before it serves.
    const calls = (await stand.calls()).filter((call) => call.startsWith("lambda:") && !call.includes("Get"));
    expect(calls.slice(0, 2)).toEqual(["lambda:Invoke", "lambda:UpdateAlias"]);
    await stand.forgetCalls();
    expect(shipped(await run("audit 1", FIRST_SITE, third)).functions).toEqual(first.functions);
    expect(await puts()).toBe(0);
  });

  it("copies back objects whose names have to be written in another way in addresses", async () => {
    const odd = "pictures/a b+ü#1%.txt";
    const one = shipped(await run("audit 1", { ...FIRST_SITE, [odd]: "one" }, first));
    const two = shipped(await run("audit 1", { ...FIRST_SITE, [odd]: "two" }, one));
    shipped(await goBack(one, two));
    expect((await served()).site[odd]).toBe("one");
  });

  it("moves nothing when the old version no longer works", async () => {
    const second = shipped(await run("audit 2", SECOND_SITE, first));
    const before = await served();
    await stand.fail({
      action: "lambda:Invoke",
      where: "Qualifier=2",
      code: "ServiceException",
      status: 500,
    });
    const failure = failureOf(await goBack(first, second));
    expect(failure.message).toContain("What served before serves on.");
    await stand.clearFaults();
    expect(await served()).toEqual(before);
  });

  it("publishes a version again whose number stands for other code", async () => {
    const second = shipped(await run("audit 2", SECOND_SITE, first));
    const { audit } = first.functions;
    const { audit: now } = second.functions;
    if (audit === undefined || now === undefined) throw new Error("nothing was shipped");
    // As a record would have it that is of another function by the same name.
    const target = { ...first, functions: { audit: { ...audit, version: now.version } } };
    const third = shipped(await goBack(target, second));
    expect(third.functions.audit).toEqual({ ...audit, version: "4" });
    expect((await bed.answers()).audit).toBe("audit 1");
  });

  it("refuses a release whose objects are gone, before it moves a page", async () => {
    const second = shipped(await run("audit 2", SECOND_SITE, first));
    const before = await served();
    const { bucket: Bucket } = bed.manifest.site;
    const Objects = [{ Key: "index.html", VersionId: first.site["index.html"]?.versionId }];
    await bed.s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    const failure = failureOf(await goBack(first, second));
    expect(failure.code).toBe("release_incomplete");
    expect(failure.message).toMatch(
      /^1 of the site's objects are gone from the bucket, such as index\.html\./,
    );
    expect(await served()).toEqual(before);
  });

  it("takes everything back to the serving release when the invalidation never ends", async () => {
    const second = shipped(await run("audit 2", SECOND_SITE, first));
    const before = await served();
    await stand.invalidationReads(null);
    expect(failureOf(await goBack(first, second)).code).toBe("invalidation_unfinished");
    expect(await served()).toEqual(before);
  });
});
