import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../automation/src/clock.ts";
import { Gate } from "../automation/src/contract/gates.ts";
import type { Surroundings } from "../automation/src/gates/look.ts";
import { measure } from "../automation/src/gates/measure.ts";
import { runGate } from "../automation/src/gates/run-gate.ts";
import { timingOf } from "../automation/src/gates/timing.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { endedWithin } from "./helpers/deployments.ts";
import { linesOf, register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestPrometheus } from "./helpers/prometheus.ts";
import { hasPrometheus, startPrometheus } from "./helpers/prometheus.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorkerOf } from "./helpers/worker.ts";

const isThere = hasPrometheus();
if (!isThere && process.env.CI === "true") throw new Error("CI needs a prometheus: see .ci/run");
if (!isThere) console.log("skipped: this machine has no prometheus");

/** What is exported. */
let exported = "";
let ledger = "";

describe.skipIf(!isThere)("a metric gate on a real Prometheus", () => {
  let prometheus: TestPrometheus;
  let api: TestApi;
  let worker: TestWorker;
  beforeAll(async () => {
    // Whoever deployed something bad has errors; the rest is what a test says.
    const metrics = () => `${exported}errors ${linesOf(ledger).at(-1)?.includes("bad") === true ? 9 : 0}\n`;
    [prometheus, api] = await Promise.all([startPrometheus(metrics), startTestApi()]);
    ledger = path.join(api.root, "ledger.txt");
    worker = await startWorkerOf(api);
  });
  afterAll(async () => {
    await worker?.stop();
    await Promise.all([prometheus?.stop(), api?.close()]);
  });

  const gate = (metric: Record<string, unknown>, more: Record<string, unknown> = {}): Gate =>
    Gate.parse({ name: "m", phase: "after", metric: { url: prometheus.url, ...metric }, ...more });
  const surroundings = (more: Partial<Surroundings> = {}): Surroundings => ({
    outputs: {},
    names: { organisation: "default", project: "shop", stack: "test", deployment: "d1" },
    folder: "/nowhere",
    updateEndedAtMs: null,
    nowMs: () => Date.now(),
    signal: new AbortController().signal,
    runProgram: () => Promise.reject(new Error("no program is to run")),
    validate: () => Promise.reject(new Error("nothing is to be validated")),
    ...more,
  });
  const look = (
    metric: Record<string, unknown>,
    more?: Record<string, unknown>,
    around?: Partial<Surroundings>,
  ) => measure(gate(metric, more), surroundings(around));
  /** Prometheus has seen what is exported now. */
  const scraped = (query: string) =>
    eventually(`${query} has a value`, 10_000, async () => {
      const { value } = await look({ query, failIf: "> 1e9" });
      return value !== null;
    });

  test("values, several series, ratios without a value, and what is not there", async () => {
    exported = 'speed 0.04\nrequests{path="a"} 3\nrequests{path="b"} 30\nzero 0\n';
    await scraped("speed");
    expect(await look({ query: "speed", successIf: "< 0.05" })).toMatchObject({
      verdict: "pass",
      value: 0.04,
    });
    expect(await look({ query: "speed", failIf: "> 0.01" })).toMatchObject({ verdict: "fail", value: 0.04 });
    const worst = await look({ query: "requests", failIf: "> 20" });
    expect(worst).toMatchObject({ verdict: "fail", value: 30 });
    expect(worst.detail).toContain('path="b"');
    expect(await look({ query: "zero / zero", failIf: "> 1" })).toMatchObject({
      verdict: "inconclusive",
      value: null,
    });
    expect(await look({ query: "zero / zero", failIf: "> 1" }, { noData: "fail" })).toMatchObject({
      verdict: "fail",
    });
    expect(await look({ query: "absent_metric", failIf: "> 1" })).toMatchObject({ verdict: "inconclusive" });
    expect(await look({ query: "scalar(speed)", successIf: "== 0.04" })).toMatchObject({ verdict: "pass" });
    // A rate is of two looks at least.
    await eventually("the rate has a value", 10_000, async () => {
      const { verdict } = await look({ query: "rate(speed[{{ window }}])", failIf: "> 1" });
      return verdict === "pass";
    });
  });

  test("a query that it cannot parse and a range are errors that no further try would mend", async () => {
    const broken = await look({ query: "sum by (", failIf: "> 1" });
    expect(broken).toMatchObject({ verdict: "error", cannotStart: true });
    expect(broken.detail).toContain("parse error");
    expect(await look({ query: "speed[1m]", failIf: "> 1" })).toMatchObject({
      verdict: "error",
      cannotStart: true,
    });
  });

  test("one that does not answer in time, one that is down and one that is no Prometheus are errors, never a verdict on the service", async () => {
    prometheus.freeze();
    const slow = await look({ query: "speed", failIf: "> 1" }, { timeoutSeconds: 0.5 });
    prometheus.thaw();
    expect(slow).toMatchObject({ verdict: "error", value: null });
    expect(slow.detail).toContain("did not answer within 0.5 s");
    expect(await look({ url: "http://127.0.0.1:1", query: "speed", failIf: "> 1" })).toMatchObject({
      verdict: "error",
    });
    // Its own page, as a wrong path gives it: 200 and HTML.
    const page = await look({ url: `${prometheus.url}/graph?x=`, query: "speed", failIf: "> 1" });
    expect(page.verdict, page.detail).toBe("error");
  });

  test("its clock is compared with ours", async () => {
    const ahead = await look({ query: "speed", failIf: "> 1" }, {}, { nowMs: () => Date.now() - 40_000 });
    expect(ahead.verdict).toBe("error");
    expect(ahead.detail).toMatch(/is (39|40|41) s ahead/);
  });

  test("five errors in a row end a bake as an error; it never becomes a pass", async () => {
    const down = gate(
      { url: "http://127.0.0.1:1", query: "speed", failIf: "> 1" },
      { interval: { warmUpSeconds: 0, intervalSeconds: 0.1, bakeSeconds: 30 } },
    );
    const ended = await runGate(
      down,
      timingOf(down),
      () => measure(down, surroundings()),
      systemClock,
      surroundings().signal,
    );
    expect([ended.verdict, ended.measured]).toEqual(["error", 5]);
  });

  test("an update whose errors rise while it bakes is rolled back, with the values that say so", async () => {
    const slipwayYaml = `gates:
  - name: errors
    phase: after
    metric: { url: "${prometheus.url}", query: errors, failIf: "> 5", scrapeDelaySeconds: 2 }
    interval: { warmUpSeconds: 0, intervalSeconds: 0.3, bakeSeconds: 2 }
`;
    const folder = path.join(api.root, "metered");
    const write = (version: string) =>
      writeLedgerProject(folder, "metered", { version, ledger, slipwayYaml });
    write("v1");
    const [stack = ""] = await register(api, "metered", folder);
    const deploy = async () => {
      const { body } = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
      return endedWithin(api, body.id, 90_000);
    };
    const good = await deploy();
    expect(good, worker.output()).toMatchObject({
      status: "succeeded",
      gates: [{ name: "errors", verdict: "pass" }],
    });
    write("v2-bad");
    const bad = await deploy();
    expect(bad, worker.output()).toMatchObject({ status: "rolled_back", failure: { code: "gate_failed" } });
    const { body: seen } = await api.ask("GET", `/v1/deployments/${bad.id}/gates/after/errors`);
    expect(seen).toMatchObject({
      verdict: "fail",
      kind: "metric",
      unhealthyBefore: false,
      baseline: { verdict: "pass", value: 0 },
      thresholds: [{ means: "fail", operator: ">", value: 5 }],
      measurements: [
        { verdict: "fail", value: 9 },
        { verdict: "fail", value: 9 },
        { verdict: "fail", value: 9 },
      ],
    });
  });
});
