import { describe, expect, test } from "vitest";
import type { DriftFacts } from "./drift-facts.ts";
import { cutValues, driftOf } from "./drift-facts.ts";

/** Class, paths that count, and those of them that are sealed. */
function told(facts: DriftFacts | null) {
  const changes = facts?.changes.filter(({ formOnly }) => !formOnly) ?? [];
  return {
    class: facts?.class,
    changed: changes.map(({ path }) => path),
    sealed: changes.flatMap(({ path, sealed: isSealed }) => (isSealed ? [path] : [])),
  };
}

const sealed = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "[secret]",
};

interface Sides {
  op?: string;
  type?: string;
  custom?: boolean;
  old?: { inputs?: unknown; outputs?: unknown };
  now?: { inputs?: unknown; outputs?: unknown } | null;
}

function event({ op = "update", type = "aws:s3:Bucket", custom = true, old = {}, now = {} }: Sides) {
  const metadata = {
    op,
    type,
    urn: "urn:x",
    old: { custom, ...old },
    new: now === null ? null : { custom, ...now },
  };
  return { resOutputsEvent: { metadata, planning: true } };
}

describe("what a refresh that only looks says of a resource", () => {
  test("a resource that its provider has no more is gone", () => {
    expect(driftOf(event({ op: "delete", now: null }))).toMatchObject({ class: "gone" });
  });

  test("another value of an input is named by its path, before what the provider alone reports", () => {
    const facts = driftOf(
      event({
        old: { inputs: { tags: { a: "1" }, list: ["x", "y"] }, outputs: { arn: "a" } },
        now: { inputs: { tags: { a: "2" }, list: ["x"] }, outputs: { arn: "b" } },
      }),
    );
    expect(told(facts)).toEqual({
      class: "input-changed",
      changed: ["tags.a", "list[1]", "arn"],
      sealed: [],
    });
    expect(facts?.changes.map(({ side }) => side)).toEqual(["input", "input", "output"]);
    expect(facts?.changes[0]).toMatchObject({ before: '"1"', after: '"2"' });
    expect(facts?.changes[1]).toMatchObject({ before: '"y"', after: null });
  });

  test("what only the provider reports is output only", () => {
    const sides = {
      old: { inputs: { a: 1 }, outputs: { seen: 1 } },
      now: { inputs: { a: 1 }, outputs: { seen: 2 } },
    };
    expect(told(driftOf(event(sides)))).toEqual({ class: "output-only", changed: ["seen"], sealed: [] });
  });

  test("what the provider itself calls the same is output only, of the form alone when it is one value, and nothing when no text differs", () => {
    const sides = {
      old: { inputs: { policy: "{ }", mode: "a" }, outputs: { seen: 1 } },
      now: { inputs: { policy: "{}", mode: "b" }, outputs: { seen: 1 } },
    };
    expect(told(driftOf(event({ op: "same", ...sides })))).toMatchObject({
      class: "output-only",
      changed: ["mode"],
    });
    const form = { ...sides.old, inputs: { policy: "{}", mode: "a" } };
    expect(driftOf(event({ op: "same", old: sides.old, now: form }))).toMatchObject({
      class: "output-only",
      changes: [{ path: "policy", formOnly: true }],
    });
    expect(driftOf(event({ op: "same", old: sides.old, now: sides.old }))).toEqual({
      class: "same",
      changes: [],
    });
  });

  test("when the engine says that something differs and nothing readable does, a sealed input does", () => {
    const side = { inputs: { a: 1, password: sealed }, outputs: { a: 1, password: sealed } };
    expect(told(driftOf(event({ old: side, now: side })))).toEqual({
      class: "input-changed",
      changed: ["password"],
      sealed: ["password"],
    });
    expect(driftOf(event({ op: "same", old: side, now: side }))).toMatchObject({ class: "same" });
  });

  test("a secret that comes back unsealed is no changed input, and its value is nowhere in the answer", () => {
    const facts = driftOf(
      event({
        old: { inputs: { password: sealed }, outputs: { password: sealed } },
        now: { inputs: { password: "hunter2" }, outputs: { password: "hunter2" } },
      }),
    );
    expect(told(facts)).toEqual({ class: "output-only", changed: ["password"], sealed: ["password"] });
    expect(JSON.stringify(facts)).not.toContain("hunter2");
  });

  test("a sealed input that went away is a changed input", () => {
    const sides = { old: { inputs: { password: sealed } }, now: { inputs: {} } };
    expect(told(driftOf(event(sides)))).toMatchObject({ class: "input-changed", changed: ["password"] });
  });

  test("a value that is sealed on any side is shown on none: mirrored in an output, in a text of JSON, or in another place of a list", () => {
    const cases = [
      {
        old: { inputs: { key: sealed }, outputs: { key: "a" } },
        now: { inputs: { key: sealed }, outputs: { key: "hunter2" } },
      },
      { old: { inputs: { doc: { key: sealed } } }, now: { inputs: { doc: '{"key":"hunter2"}' } } },
      {
        old: { inputs: { list: [{ v: sealed }, { v: "x" }] } },
        now: { inputs: { list: [{ v: sealed }, { v: "hunter2" }] } },
      },
      {
        old: { inputs: {}, outputs: { nested: { a: 1 } } },
        now: { inputs: { nested: { a: sealed } }, outputs: { nested: { a: "hunter2" } } },
      },
    ];
    for (const sides of cases) {
      const facts = driftOf(event(sides));
      expect(facts?.changes.length, JSON.stringify(sides)).toBeGreaterThan(0);
      expect(JSON.stringify(facts)).not.toContain("hunter2");
    }
  });

  test("values that are too long to be kept are cut, and still told apart", () => {
    const of = (text: string) =>
      driftOf(event({ old: { inputs: { text: "a" } }, now: { inputs: { text } } })) ?? {
        class: "same" as const,
        changes: [],
      };
    const [one, other] = [of(`${"x".repeat(9_000)}1`), of(`${"x".repeat(9_000)}2`)].map(cutValues);
    expect(one?.changes[0]?.after?.length).toBeLessThan(4_100);
    expect(one?.changes[0]?.valueDigest).not.toBe(other?.changes[0]?.valueDigest);
  });

  test("the stack, components and providers are bookkeeping of the engine", () => {
    const sides = { old: { inputs: { a: 1 } }, now: { inputs: { a: 2 } } };
    expect(driftOf(event({ ...sides, type: "pulumi:pulumi:Stack" }))).toBeNull();
    expect(driftOf(event({ ...sides, type: "pulumi:providers:aws" }))).toBeNull();
    expect(driftOf(event({ ...sides, custom: false }))).toBeNull();
    expect(driftOf({ summaryEvent: {} })).toBeNull();
  });
});
