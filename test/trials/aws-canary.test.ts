import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerBody } from "../helpers/api.ts";
import { startAws } from "../helpers/aws.ts";
import type { AwsBed } from "../helpers/aws-bed.ts";
import { startAwsBed } from "../helpers/aws-bed.ts";
import { eventually } from "../helpers/waiting.ts";

const STACK = "test";
const BEGINS_WITHIN_MS = 60_000;
const LOOK_MS = 50;
/** Of one version's calls; a healthy one has none. */
const MAX_ERROR_SHARE = 0.2;

const started = await startAws();
if ("missing" in started)
  process.stderr.write(`Skipped: test/trials/aws-canary.test.ts: ${started.missing}\n`);

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

/** slipway.yaml of a canary that the errors of real calls stop. */
const canary = (steps: readonly number[], holdSeconds: number): string => `ship:
  canary:
    steps: [${steps.join(", ")}]
    holdSeconds: ${String(holdSeconds)}
    everySeconds: 0.3
    watch: { by: metrics, maxErrorShare: ${String(MAX_ERROR_SHARE)} }
`;

describe.skipIf("missing" in started)("a canary that slipway.yaml asks for", () => {
  let bed: AwsBed;

  beforeAll(async () => {
    if ("missing" in started) return;
    bed = await startAwsBed(started, [STACK]);
    bed.write({ version: "v1" });
    const first = await bed.deploy(STACK);
    expect(first, bed.told(first)).toMatchObject({ status: "succeeded", release: 1 });
  });
  afterAll(async () => {
    await bed?.stop();
    if (!("missing" in started)) await started.stop();
  });

  const serving = (version: string) => ({
    audit: `${version} of audit on ${STACK}`,
    health: `${version} of health on ${STACK}`,
  });
  /** Every call of many: one that still goes to another version would be among them. */
  async function servesOnly(version: string): Promise<void> {
    const system = bed.system(STACK);
    expect(await system.shares()).toEqual({ audit: {}, health: {} });
    for (let call = 0; call < 10; call++) expect(await system.served()).toEqual(serving(version));
    expect((await system.page("/")).text).toContain(`<title>${version}</title>`);
  }
  /** Calls the functions through their aliases, as people do, until the deployment settles. Answers what was answered at which shares. */
  async function whileCalled(id: string) {
    const system = bed.system(STACK);
    const answered = new Set<string>();
    const shares: string[] = [];
    let isOver = false;
    const calling = (async () => {
      while (!isOver) {
        const { audit = {} } = await system.shares();
        const share = Object.values(audit).join() || "none";
        if (shares.at(-1) !== share) shares.push(share);
        const { audit: text } = await system.served();
        answered.add(text ?? "an error");
        await pause(LOOK_MS);
      }
    })();
    const settled = await bed.settled(id).finally(() => (isOver = true));
    await calling;
    return { settled, shares, answered: [...answered] };
  }
  const shared = (): Promise<unknown> =>
    eventually("the canary begins", BEGINS_WITHIN_MS, async () => {
      const { audit = {}, health = {} } = await bed.system(STACK).shares();
      return Object.keys(audit).length > 0 && Object.keys(health).length > 0;
    });

  test("gives the new version a rising share of the calls, and all of them once nothing went wrong", async () => {
    bed.write({ version: "v2", slipwayYaml: canary([20, 60], 4) });
    const id = await bed.ask(STACK);
    const { settled, shares, answered } = await whileCalled(id);
    expect(settled, bed.told(settled)).toMatchObject({ status: "succeeded", release: 2 });
    expect(shares).toEqual(["none", "0.2", "0.6", "none"]);
    expect(answered.sort()).toEqual([serving("v1").audit, serving("v2").audit]);
    expect(await bed.linesOf(id)).toEqual(
      expect.arrayContaining([
        "canary: 20 % of the calls for 4 seconds",
        "canary: 60 % of the calls for 4 seconds",
      ]),
    );
    await servesOnly("v2");
  });

  test("is stopped by itself when calls of the new version fail: the old one has all calls, the release is bad and rolled back", async () => {
    bed.write({ version: "v3", fails: true, slipwayYaml: canary([50, 90], 60) });
    const before = await bed.system(STACK).aliases();
    const id = await bed.ask(STACK);
    const { settled, shares, answered } = await whileCalled(id);
    expect(settled, bed.told(settled)).toMatchObject({ status: "rolled_back" });
    const { code, detail } = settled.failure as AnswerBody;
    expect(code).toBe("canary_stopped");
    expect(detail).toMatch(
      /^The canary was stopped at 50 % of the calls: \d+ of \d+ calls of version \d+ of function (audit|health) failed\. What served before serves on\. Slipway rolled back to release 2\.$/,
    );
    // The second step was not begun, and some of the calls did meet the new version.
    expect(shares).toEqual(["none", "0.5", "none"]);
    expect(answered.sort()).toEqual(["an error", serving("v2").audit]);
    expect(await bed.system(STACK).aliases()).toEqual(before);
    await servesOnly("v2");
    expect((await bed.api.ask("GET", `${bed.stack(STACK)}/releases/3`)).body).toMatchObject({
      health: "bad",
      quarantined: true,
    });
    const checked = await bed.deploy(STACK, { operation: "detect-drift" });
    expect(checked, bed.told(checked)).toMatchObject({ status: "succeeded" });
    expect((await bed.api.ask("GET", `${bed.stack(STACK)}/drift`)).body.latest).toMatchObject({
      status: "clean",
    });
  });

  test("that is cancelled gives all calls back to the old version", async () => {
    bed.write({ version: "v4", slipwayYaml: canary([50], 60) });
    const id = await bed.ask(STACK);
    await shared();
    await bed.api.ask("POST", `/v1/deployments/${id}/cancel`, { body: {} });
    const settled = await bed.settled(id);
    expect(settled, bed.told(settled)).toMatchObject({ status: "cancelled" });
    await servesOnly("v2");
  });

  test("whose worker dies is done again by another, and leaves no share behind", async () => {
    bed.write({ version: "v5", slipwayYaml: canary([50], 6) });
    const id = await bed.ask(STACK);
    await shared();
    await bed.replaceWorker();
    const settled = await bed.settled(id);
    expect(settled, bed.told(settled)).toMatchObject({ status: "succeeded", attempts: 2 });
    await servesOnly("v5");
  });
});
