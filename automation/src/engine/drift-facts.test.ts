import { describe, expect, test } from "vitest";
import { driftOf } from "./drift-facts.ts";

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

  test("another value of an input is named by its path, and the value stays behind", () => {
    const facts = driftOf(
      event({
        old: { inputs: { tags: { a: "1" }, list: ["x", "y"] }, outputs: { arn: "a" } },
        now: { inputs: { tags: { a: "2" }, list: ["x"] }, outputs: { arn: "b" } },
      }),
    );
    expect(facts).toEqual({
      class: "input-changed",
      changedProperties: ["tags.a", "list[1]"],
      sealedProperties: [],
    });
  });

  test("what only the provider reports is output only", () => {
    const sides = {
      old: { inputs: { a: 1 }, outputs: { seen: 1 } },
      now: { inputs: { a: 1 }, outputs: { seen: 2 } },
    };
    expect(driftOf(event(sides))).toMatchObject({ class: "output-only", changedProperties: ["seen"] });
  });

  test("what the provider itself calls the same is output only, and nothing when no text differs", () => {
    const sides = {
      old: { inputs: { policy: "{ }" }, outputs: { seen: 1 } },
      now: { inputs: { policy: "{}" }, outputs: { seen: 1 } },
    };
    expect(driftOf(event({ op: "same", ...sides }))).toMatchObject({
      class: "output-only",
      changedProperties: ["policy"],
    });
    expect(driftOf(event({ op: "same", old: sides.old, now: sides.old }))).toBeNull();
  });

  test("when the engine says that something differs and nothing readable does, a sealed input does", () => {
    const side = { inputs: { a: 1, password: sealed }, outputs: { a: 1, password: sealed } };
    expect(driftOf(event({ old: side, now: side }))).toEqual({
      class: "input-changed",
      changedProperties: ["password"],
      sealedProperties: ["password"],
    });
    expect(driftOf(event({ op: "same", old: side, now: side }))).toBeNull();
  });

  test("a secret that comes back unsealed is no changed input, and its value is nowhere in the answer", () => {
    const facts = driftOf(
      event({
        old: { inputs: { password: sealed }, outputs: { password: sealed } },
        now: { inputs: { password: "hunter2" }, outputs: { password: "hunter2" } },
      }),
    );
    expect(facts).toEqual({
      class: "output-only",
      changedProperties: ["password"],
      sealedProperties: ["password"],
    });
    expect(JSON.stringify(facts)).not.toContain("hunter2");
  });

  test("a sealed input that went away is a changed input", () => {
    const sides = { old: { inputs: { password: sealed } }, now: { inputs: {} } };
    expect(driftOf(event(sides))).toMatchObject({ class: "input-changed", changedProperties: ["password"] });
  });

  test("the stack, components and providers are bookkeeping of the engine", () => {
    const sides = { old: { inputs: { a: 1 } }, now: { inputs: { a: 2 } } };
    expect(driftOf(event({ ...sides, type: "pulumi:pulumi:Stack" }))).toBeNull();
    expect(driftOf(event({ ...sides, type: "pulumi:providers:aws" }))).toBeNull();
    expect(driftOf(event({ ...sides, custom: false }))).toBeNull();
    expect(driftOf({ summaryEvent: {} })).toBeNull();
  });
});
