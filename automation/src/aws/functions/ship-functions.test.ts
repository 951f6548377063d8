import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startAws } from "../../../../test/helpers/aws.ts";
import {
  answering,
  answeringHealth,
  makeShippingBed,
  type ShippingBed,
} from "../../../../test/helpers/shipping-bed.ts";
import { failureOf, shipInput, shipped } from "../../../../test/helpers/shipping-runs.ts";
import { CanaryPlan } from "../../contract/aws/ship.ts";
import type { Shipment } from "../../contract/aws/shipment.ts";
import { ship } from "../ship.ts";

const started = await startAws();
const missing = "missing" in started ? started.missing : null;
if (missing !== null && process.env.CI === "true") throw new Error(missing);
if (missing !== null) console.log(`skipped: shipping functions (${missing})`);
const it = test.skipIf(missing !== null);
const SOON = { timeout: 20_000, interval: 50 };

const FIRST = { audit: answering("audit 1"), health: answering("health 1") };
const SECOND = { audit: answering("audit 2"), health: answering("health 2") };
const AT_2 = { audit: { version: "2", weights: {} }, health: { version: "2", weights: {} } };
const AT_3 = { audit: { version: "3", weights: {} }, health: { version: "3", weights: {} } };

const THROTTLED = { action: "lambda:UpdateFunctionCode", code: "TooManyRequestsException", status: 429 };

let bed: ShippingBed;

/** Every function at version 2, for all tests of a group: what fails must leave it so. */
let first: Shipment;

async function makeAnew(): Promise<void> {
  if ("missing" in started) return;
  bed = await makeShippingBed(started);
  first = shipped(await run(FIRST));
}
afterEach(async () => {
  if (missing !== null) return;
  await stand.clearFaults();
  await stand.invalidationReads(0);
});
afterAll(async () => {
  if (!("missing" in started)) await started.stop();
});

async function fault(given: Parameters<typeof stand.fail>[0]): Promise<void> {
  await stand.fail(given);
}
const stand = "missing" in started ? ({} as never) : started;

/** Ships a set of functions after what was shipped. */
async function run(
  code: Readonly<Record<string, string>>,
  previous: Shipment | null = null,
  given: Parameters<typeof shipInput>[1] = {},
  context = bed.context,
) {
  const folder = await bed.writeFunctions(code);
  return ship(shipInput(bed, { functionFolders: [folder], ...given }, previous), context);
}

const versionsOf = (shipment: Shipment) =>
  Object.fromEntries(Object.entries(shipment.functions).map(([name, { version }]) => [name, version]));

/** The calls that change something. */
async function changes(): Promise<string[]> {
  return (await stand.calls()).filter((call) => !/:(Get|List|Head|Describe)/.test(call));
}

describe("a shipment of functions", () => {
  beforeEach(async () => {
    await makeAnew();
    return () => bed.stop();
  });

  it("serves the new version of each behind its alias, and tells each one's version and size", async () => {
    const outcome = await run(SECOND, first);
    const shipment = shipped(outcome);
    expect(versionsOf(shipment)).toEqual({ audit: "3", health: "3" });
    expect(await bed.answers()).toEqual({ audit: "audit 2", health: "health 2" });
    const { sha256, s3Key, s3ObjectVersion } = shipment.functions.audit ?? {};
    expect(s3Key).toBe(`artifacts/audit/${sha256 ?? ""}.zip`);
    expect(s3ObjectVersion).toMatch(/.{8,}/);
    expect(outcome.parts.map(({ part, state }) => `${part}: ${state}`)).toEqual([
      "function audit: succeeded",
      "function health: succeeded",
      "aliases: succeeded",
    ]);
    expect(outcome.parts[0]?.detail).toMatch(/^version 3, 1 KiB, answered in \d+ ms$/);
  });

  it("uploads and publishes nothing of a function that did not change, and keeps its version", async () => {
    await stand.forgetCalls();
    const second = shipped(await run(FIRST, first));
    expect(await changes()).toEqual([]);
    expect(second).toEqual(first);
    await stand.forgetCalls();
    const third = shipped(await run({ ...FIRST, health: answering("health 2") }, second));
    expect(versionsOf(third)).toEqual({ audit: "2", health: "3" });
    expect(await changes()).toEqual([
      "s3:PutObject",
      "lambda:UpdateFunctionCode",
      "lambda:PublishVersion",
      "lambda:Invoke",
      "lambda:UpdateAlias",
    ]);
  });

  it("serves a changed configuration of unchanged code, without an upload of code", async () => {
    await bed.setVariables("audit", { TABLE: "two", EPOCH: "1" });
    expect((await bed.aliasOf("audit")).version).toBe("2");
    const second = shipped(await run(FIRST, first));
    expect(versionsOf(second)).toEqual({ audit: "3", health: "2" });
    expect((await bed.aliasOf("audit")).version).toBe("3");
  });

  it("is done although AWS throttles a call for a moment", async () => {
    await fault({ ...THROTTLED, times: 1 });
    shipped(await run(SECOND, first));
    expect(await bed.aliases()).toEqual(AT_3);
  });

  it("uses a package that another shipment had uploaded", async () => {
    await stand.forgetCalls();
    // Nothing is known of the first: each upload finds its content there.
    const again = shipped(await run(FIRST));
    expect(versionsOf(again)).toEqual({ audit: "2", health: "2" });
    expect((await stand.calls()).filter((call) => call === "s3:GetObject")).toHaveLength(2);
  });

  it("touches nothing when folders and functions do not fit", async () => {
    await stand.forgetCalls();
    const failure = failureOf(await run({ audit: answering("a"), reports: answering("r") }));
    expect(failure.code).toBe("functions_mismatch");
    expect(failure.message).toMatch(/health has no folder.*the folder reports is no function/);
    expect(await stand.calls()).toEqual([]);
  });
});

describe("a shipment of functions that fails moves no alias", () => {
  beforeAll(async () => {
    await makeAnew();
    return () => bed.stop();
  });

  it("when a new version does not work", async () => {
    const outcome = await run({ ...SECOND, health: answeringHealth(503, "health 2") }, first);
    const failure = failureOf(outcome);
    expect(failure.code).toBe("smoke_failed");
    expect(failure.message).toMatch(
      /^Version \d+ of function shop-health-\d+ does not work: it answered 503 to GET \/health\/health\. What served before serves on\.$/,
    );
    expect(failure.remedy).toContain("/aws/lambda/shop-health");
    expect(await bed.answers()).toEqual({ audit: "audit 1", health: "health 1" });
    expect(await bed.aliases()).toEqual(AT_2);
    expect(outcome.parts.find(({ part }) => part === "aliases")?.state).toBe("not-started");
    expect(outcome.parts.find(({ part }) => part === "function health")?.state).toBe("failed");
  });

  it("when a new version throws while it starts", async () => {
    const failure = failureOf(
      await run({ ...SECOND, audit: `throw new TypeError("no such table");` }, first),
    );
    expect([failure.code, failure.message]).toEqual([
      "smoke_failed",
      expect.stringContaining("it threw TypeError: no such table"),
    ]);
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("when a new version hangs", async () => {
    const hanging = `export const handler = (event) => new Promise(() => { setTimeout(() => {}, 60_000); });`;
    const failure = failureOf(
      await run({ ...SECOND, audit: hanging }, first, { limits: { smokeSeconds: 1 } }),
    );
    expect([failure.code, failure.message]).toEqual([
      "smoke_failed",
      expect.stringContaining("no answer within 1 seconds"),
    ]);
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("when a variable is missing, and names it but no value", async () => {
    await bed.setVariables("audit", { EPOCH: "hush" });
    const failure = failureOf(await run(SECOND, first));
    await bed.setVariables("audit", { TABLE: "one", EPOCH: "1" });
    expect(failure.code).toBe("variables_missing");
    expect(failure.message).toMatch(/^Function shop-audit-\d+ lacks the variable TABLE\./);
    expect(JSON.stringify([failure.message, failure.details, bed.told])).not.toContain("hush");
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("when AWS throttles for longer than it is asked again", async () => {
    await fault({ ...THROTTLED, where: "shop-health" });
    const failure = failureOf(await run({ ...SECOND, health: answering("health 3") }, first));
    expect([failure.code, failure.details.operation]).toEqual(["aws_throttled", "lambda:UpdateFunctionCode"]);
    expect(failure.message).toContain("What served before serves on.");
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("when an alias may not be moved after others were: those go back", async () => {
    await fault({
      action: "lambda:UpdateAlias",
      where: "shop-health",
      code: "AccessDeniedException",
      status: 403,
    });
    const outcome = await run(SECOND, first);
    const failure = failureOf(outcome);
    expect([failure.code, failure.details.resource]).toEqual([
      "aws_denied",
      expect.stringMatching(/^alias shop-health-\d+:live$/),
    ]);
    expect(failure.remedy).toContain("lambda:UpdateAlias");
    expect(await bed.aliases()).toEqual(AT_2);
    expect(bed.told).toContain("alias of audit: back at version 2");
  });

  it("and says which one it could not put back", async () => {
    await fault({
      action: "lambda:UpdateAlias",
      where: "shop-health",
      code: "AccessDeniedException",
      status: 403,
    });
    // The alias of audit moves once and never again.
    await fault({
      action: "lambda:UpdateAlias",
      where: "shop-audit",
      skip: 1,
      code: "AccessDeniedException",
      status: 403,
    });
    const failure = failureOf(await run(SECOND, first));
    expect(failure.code).toBe("not_put_back");
    expect(failure.message).toMatch(
      /Not all of it was put back: the alias of audit is not back at version 2/,
    );
    expect(failure.message).not.toContain("What served before serves on");
  });

  it("and puts back what the one before could not, even if it is cancelled at once", async () => {
    expect((await bed.aliasOf("audit")).version).not.toBe("2");
    const { context, stop } = bed.stoppable();
    stop();
    expect(failureOf(await run(SECOND, first, {}, context)).code).toBe("ship_cancelled");
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("when it is cancelled, and the aliases that it had moved go back", async () => {
    const { context, stop } = bed.stoppable();
    await fault({ action: "lambda:UpdateAlias", where: "shop-health", delayMs: 60_000, times: 1 });
    const running = run(SECOND, first, {}, context);
    await expect.poll(async () => (await bed.aliasOf("audit")).version, SOON).not.toBe("2");
    stop();
    expect(failureOf(await running).code).toBe("ship_cancelled");
    await expect.poll(() => bed.aliases(), SOON).toEqual(AT_2);
  });

  it("and takes back what an attempt before it had moved and could not", async () => {
    // As if a process had been killed after it had moved aliases: the record says 2, and they stand elsewhere.
    shipped(await run(SECOND, first));
    expect(await bed.aliases()).not.toEqual(AT_2);
    const failing = { ...SECOND, health: answeringHealth(500, "health 3") };
    failureOf(await run(failing, first));
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("when the package's key holds other bytes", async () => {
    const folder = await bed.writeFunctions({ ...SECOND, audit: answering("audit 4") });
    const { packageFunction } = await import("./package-function.ts");
    const { key } = await packageFunction("audit", `${folder}/audit`);
    const { PutObjectCommand } = await import("@aws-sdk/client-s3");
    await bed.s3.send(
      new PutObjectCommand({
        Bucket: bed.manifest.artifactsBucket,
        Key: key,
        Body: "other",
        ChecksumAlgorithm: "SHA256",
      }),
    );
    const input = shipInput(bed, { functionFolders: [folder] }, first);
    const failure = failureOf(await ship(input, bed.context));
    expect([failure.code, failure.message]).toEqual(["aws_conflict", expect.stringContaining(key)]);
    expect(await bed.aliases()).toEqual(AT_2);
  });
});

describe("a canary", () => {
  beforeAll(async () => {
    await makeAnew();
    return () => bed.stop();
  });
  const plan = (given: object) =>
    CanaryPlan.parse({ steps: [10, 50], holdSeconds: 0.2, everySeconds: 0.1, ...given });

  it("is stopped by a version that gets ill, and all calls go back", async () => {
    // Healthy when it is called first, ill from then on.
    const ill = `let calls = 0; export const handler = async () => ({ statusCode: ++calls > 2 ? 500 : 200, body: "ill" });`;
    const failure = failureOf(
      await run({ ...SECOND, health: ill }, first, { canary: plan({ holdSeconds: 20 }) }),
    );
    expect(failure.code).toBe("canary_stopped");
    expect(failure.message).toMatch(
      /^The canary was stopped at 10 % of the calls: Version \d+ of function shop-health-\d+ does not work.*What served before serves on\.$/,
    );
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("is stopped by the errors that CloudWatch counts of the new version behind the alias", async () => {
    const bad = `export const handler = async (event) => {
      if (event.rawPath?.endsWith("/health")) return { statusCode: 200, body: "fine" };
      throw new Error("no");
    };`;
    const { context } = bed.stoppable();
    const metrics = plan({ steps: [99], holdSeconds: 20, watch: { by: "metrics", maxErrorShare: 0.1 } });
    const running = run({ ...SECOND, audit: bad }, first, { canary: metrics }, context);
    await expect.poll(async () => Object.keys((await bed.aliasOf("audit")).weights), SOON).toHaveLength(1);
    // People call through the alias.
    for (let call = 0; call < 5; call++) await bed.answers();
    const failure = failureOf(await running);
    expect(failure.code).toBe("canary_stopped");
    expect(failure.message).toMatch(/\d of \d calls of version \d+ of function audit failed/);
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("gives back all calls when it is cancelled", async () => {
    const { context, stop } = bed.stoppable();
    const running = run(SECOND, first, { canary: plan({ holdSeconds: 60 }) }, context);
    await expect.poll(async () => (await bed.aliasOf("health")).weights, SOON).not.toEqual({});
    stop();
    expect(failureOf(await running).code).toBe("ship_cancelled");
    expect(await bed.aliases()).toEqual(AT_2);
  });

  it("gives the new versions a rising share, then all calls", async () => {
    await stand.forgetCalls();
    const outcome = await run(SECOND, first, { canary: plan({}) });
    const { functions } = shipped(outcome);
    expect(bed.told.filter((line) => line.endsWith("for 0.2 seconds"))).toEqual([
      "canary: 10 % of the calls for 0.2 seconds",
      "canary: 50 % of the calls for 0.2 seconds",
    ]);
    expect((await stand.calls()).filter((call) => call === "lambda:UpdateAlias")).toHaveLength(6);
    const positions = Object.entries(functions).map(([name, { version }]) => [
      name,
      { version, weights: {} },
    ]);
    expect(await bed.aliases()).toEqual(Object.fromEntries(positions));
  });
});
