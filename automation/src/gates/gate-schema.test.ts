import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { SlipwayError } from "../errors.ts";
import { parseManifest } from "../sources/slipway-yaml.ts";
import { timingOf } from "./timing.ts";

function refusal(gate: string): string {
  try {
    parseManifest(`gates:\n  - ${gate}\n`);
  } catch (error) {
    return (error as SlipwayError).message;
  }
  return "accepted";
}
const first = (gate: string) => {
  const [parsed] = parseManifest(`gates:\n  - ${gate}\n`).gates;
  if (parsed === undefined) throw new Error("there is no gate");
  return parsed;
};
const AFTER = "{ name: a, phase: after,";
const BEFORE = "{ name: a, phase: before,";

describe("a gate that could never be measured, or never pass, is refused with its line", () => {
  test.each([
    [`${AFTER} http: { url: "http://x/{{ nonsense }}" } }`, "unknown template '{{ nonsense }}'"],
    [`${AFTER} http: { url: "http://x/{{ stack" } }`, "a template that does not end"],
    [`${AFTER} http: { url: "ftp://x/" } }`, "must be an http or https address"],
    [`${AFTER} http: { url: "http://me:secret@x/" } }`, "without credentials"],
    [`${AFTER} http: { output: url, path: health } }`, "must start with '/'"],
    [`${AFTER} metric: { url: "http://x" } }`, "query"],
    [`${AFTER} metric: { url: "http://x", query: up } }`, "needs 'successIf', 'failIf' or both"],
    [`${AFTER} metric: { url: "http://x", query: up, successIf: "about 5" } }`, "must compare with a number"],
    [`${AFTER} metric: { query: up, failIf: "> 1" } }`, "exactly one of 'url' and 'output'"],
    [`${BEFORE} metric: { output: url, query: up, failIf: "> 1" } }`, "cannot read an output"],
    [
      `${BEFORE} metric: { url: "http://x", query: "up{a='{{ outputs.b }}'}", failIf: "> 1" } }`,
      "cannot read an output",
    ],
    [
      `${BEFORE} metric: { url: "http://x", query: "rate(a[{{ window }}])", failIf: "> 1" } }`,
      "has no window",
    ],
    [`${AFTER} command: [x], interval: { bakeSeconds: 10 } }`, "no time for 3 measurements"],
    [`${AFTER} command: [x], interval: { bakeSeconds: 60, maxSeconds: 60 } }`, "not for a gate that bakes"],
    [`${AFTER} command: [x], interval: { intervalSeconds: 40 } }`, "no time for 3 measurements"],
    [`${AFTER} command: [x], noData: pass }`, "is for http and metric gates"],
    [`${AFTER} command: [x], baseline: true }`, "is for http and metric gates"],
    [`${BEFORE} http: { url: "http://x" }, baseline: false }`, "is for gates after the update"],
    [`${AFTER} command: [x], coverage: { file: a, lines: 1 } }`, "needs exactly one of"],
    [`${BEFORE} coverage: { file: a } }`, "at least one of 'lines'"],
    [`${BEFORE} coverage: { file: ../a, lines: 1 } }`, "below the project's folder"],
    [`${BEFORE} coverage: { file: a, lines: 1 }, interval: { maxSeconds: 60 } }`, "measured once"],
    [
      `${BEFORE} category: { require: 6/6, checks: [{ name: a, command: [x] }] } }`,
      "says 6 checks, but there are 1",
    ],
    [`${BEFORE} category: { require: 0/1, checks: [{ name: a, command: [x] }] } }`, "must ask for 1 to 1"],
    [
      `${BEFORE} category: { require: 1/2, checks: [{ name: a, command: [x] }, { name: a, command: [y] }] } }`,
      "repeats",
    ],
    [`${BEFORE} category: { require: 1/1, checks: [{ name: a }] } }`, "exactly one of 'command', 'coverage'"],
  ])("%s", (gate, why) => {
    const message = refusal(gate);
    expect(message).toContain(why);
    expect(message).toMatch(/^slipway\.yaml:2: /);
  });
});

test("an unknown key is refused with the nearest known one, however deep", () => {
  expect(refusal(`${AFTER} metric: { url: "http://x", query: up, sucessIf: "> 1" } }`)).toContain(
    "unknown key 'gates.0.metric.sucessIf'; did you mean 'successIf'?",
  );
  expect(refusal(`${BEFORE} category: { require: 1/1, checks: [{ name: a, comand: [x] }] } }`)).toContain(
    "did you mean 'command'?",
  );
});

describe("what a gate leaves unsaid", () => {
  test("an http gate settles: three in a row, a second apart, within a minute", () => {
    expect(timingOf(first(`${AFTER} http: { output: url } }`))).toEqual({
      kind: "settle",
      warmUpSeconds: 0,
      intervalSeconds: 1,
      measurements: 3,
      maxSeconds: 60,
    });
  });

  test("a metric gate after the update bakes for five minutes; before it, it is measured once", () => {
    const metric = 'metric: { url: "http://x", query: up, failIf: "> 1" } }';
    expect(timingOf(first(`${AFTER} ${metric}`))).toEqual({
      kind: "bake",
      warmUpSeconds: 15,
      intervalSeconds: 10,
      bakeSeconds: 300,
    });
    expect(timingOf(first(`${BEFORE} ${metric}`))).toEqual({ kind: "once" });
  });

  test("a command is measured once; one measurement in a row counts as three", () => {
    expect(timingOf(first(`${AFTER} command: [x] }`))).toEqual({ kind: "once" });
    expect(timingOf(first(`${AFTER} command: [x], interval: { measurements: 1 } }`))).toMatchObject({
      kind: "settle",
      measurements: 3,
    });
  });
});

test("the page about gates shows what is accepted", () => {
  const page = readFileSync(path.resolve(import.meta.dirname, "../../../docs/gates.md"), "utf8");
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  expect(parseManifest(yaml).gates.map(({ name }) => name)).toEqual([
    "api-ready",
    "smoke",
    "api-errors",
    "quality",
  ]);
});
