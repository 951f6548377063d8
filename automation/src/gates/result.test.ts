import { expect, test } from "vitest";
import type { GateVerdict, Measurement } from "../contract/gates.ts";
import { Gate } from "../contract/gates.ts";
import { decideByGates } from "../releases/rules.ts";
import { recordOf } from "./result.ts";

const at = "2026-01-01T00:00:00.000Z";
const seen = (verdict: GateVerdict): Measurement => ({
  at,
  afterSeconds: 0,
  verdict,
  detail: "token-1 seen",
  value: 1,
});
const record = (verdict: GateVerdict, before: GateVerdict | null, gate: Record<string, unknown> = {}) =>
  recordOf(
    {
      gate: Gate.parse({ name: "health", phase: "after", http: { output: "url" }, ...gate }),
      source: "project",
    },
    {
      verdict,
      detail: "token-1 seen",
      measuredAt: at,
      measurements: [seen(verdict)],
      measured: 1,
      output: "token-1\n",
    },
    before === null ? null : seen(before),
    (text) => text.replaceAll("token-1", "[secret]"),
  );

test.each([
  ["fail", null, "bad"],
  ["fail", "pass", "bad"],
  ["fail", "error", "bad"],
  ["fail", "inconclusive", "bad"],
  ["fail", "fail", "undecided"],
  ["pass", "fail", "good"],
  ["inconclusive", "pass", "undecided"],
] as const)("%s after the update and %s before it make the release %s", (verdict, before, kind) => {
  expect(decideByGates([record(verdict, before).result]).kind).toBe(kind);
});

test("one that failed before the update too does not hide one that has begun to fail", () => {
  expect(decideByGates([record("fail", "fail").result, record("fail", "pass").result]).kind).toBe("bad");
});

test("a dry run is kept and shown, and decides nothing", () => {
  const { result } = record("fail", null, { dryRun: true });
  expect(result).toMatchObject({ verdict: "fail", required: false, dryRun: true });
  expect(decideByGates([result]).kind).toBe("good");
});

test("no secret is in what is kept", () => {
  expect(JSON.stringify(record("fail", "pass"))).toContain("[secret]");
  const { result, measurements, output } = record("fail", null);
  expect(JSON.stringify([result, measurements, output])).not.toContain("token-1");
});
