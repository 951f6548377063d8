import { describe, expect, test } from "vitest";
import { collectSteps } from "./planned-steps.ts";

const SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "[secret]",
};
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const URN = "urn:pulumi:dev::p::t:i:T::one";

interface Sides {
  op: string;
  type?: string;
  urn?: string;
  before?: Record<string, unknown> | null;
  after?: Record<string, unknown> | null;
  more?: Record<string, unknown>;
}

function metadata({ op, type = "t:i:T", urn = URN, before = null, after = null, more = {} }: Sides) {
  return { op, urn, type, old: before, new: after, detailedDiff: null, provider: "", ...more };
}

function planned(sides: Sides) {
  return { resourcePreEvent: { metadata: metadata(sides), planning: true } };
}

function changesOf(sides: Sides) {
  const collector = collectSteps("preview");
  collector.add(planned(sides));
  return collector.report().steps[0]?.changes;
}

describe("what a preview's events say", () => {
  test("an update says what each property is changed from and to, leaf by leaf", () => {
    expect(
      changesOf({
        op: "update",
        before: { inputs: { text: "a", tags: { owner: "x", "a.b": 1 }, list: [1, 2], gone: true } },
        after: { inputs: { text: "b", tags: { owner: "y", "a.b": 2 }, list: [1, 3, 4], fresh: UNKNOWN } },
      }),
    ).toMatchObject([
      { path: "text", kind: "update", before: "a", after: "b", known: true },
      { path: "tags.owner", kind: "update", before: "x", after: "y" },
      { path: 'tags["a.b"]', kind: "update", before: 1, after: 2 },
      { path: "list[1]", kind: "update", before: 2, after: 3 },
      { path: "list[2]", kind: "add", before: null, after: 4 },
      { path: "gone", kind: "delete", before: true, after: null },
      { path: "fresh", kind: "add", after: null, known: false },
    ]);
  });

  test("secrets are masked before as after, at any depth, and one that differs is named by the provider", () => {
    const changes = changesOf({
      op: "update",
      before: { inputs: { password: SECRET, deep: { list: [SECRET], n: 1 } } },
      after: { inputs: { password: SECRET, deep: { list: [SECRET, { inner: SECRET }], n: 1 } } },
      more: { detailedDiff: { password: { diffKind: "update-replace", inputDiff: true } } },
    });
    expect(changes).toMatchObject([
      { path: "deep.list[1]", kind: "add", after: { inner: "[secret]" } },
      { path: "password", kind: "update", replaces: true, before: "[secret]", after: "[secret]" },
    ]);
    expect(JSON.stringify(changes)).not.toContain("ciphertext");
  });

  test("a resource that stays the same but for its protection says that this is taken away, and nothing when it is given", () => {
    const sides = (before: boolean, after: boolean) => ({
      before: { inputs: { text: "a" }, protect: before },
      after: { inputs: { text: "a" }, protect: after },
    });
    const lost = { path: "options.protect", kind: "update", before: true, after: false };
    expect(changesOf({ op: "same", ...sides(true, false) })).toMatchObject([lost]);
    expect(changesOf({ op: "update", ...sides(true, false) })).toMatchObject([lost]);
    for (const [before, after] of [
      [false, true],
      [true, true],
      [false, false],
    ] as const)
      expect(changesOf({ op: "same", ...sides(before, after) })).toEqual([]);
    expect(changesOf({ op: "delete", before: { inputs: {}, protect: true } })).toEqual([]);
  });

  test("a replacement's three parts are one step that names the property behind it", () => {
    const collector = collectSteps("preview");
    const before = { inputs: { text: "a" }, protect: true };
    const after = { inputs: { text: "b" } };
    const more = { keys: ["text"] };
    collector.add(planned({ op: "create-replacement", before, after, more }));
    collector.add(planned({ op: "replace", before, after, more }));
    collector.add(planned({ op: "delete-replaced", before }));
    collector.add({ summaryEvent: { resourceChanges: { replace: 1 } } });
    const { steps, counts } = collector.report();
    expect(counts).toEqual({ replace: 1 });
    expect(steps).toMatchObject([
      { operation: "replace", protect: true, changes: [{ path: "text", replaces: true }] },
    ]);
  });

  test("an operation that nobody here knows is a step like any other", () => {
    const collector = collectSteps("preview");
    collector.add(planned({ op: "transmogrify", before: { inputs: {} }, after: { inputs: {} } }));
    expect(collector.report().steps).toMatchObject([{ operation: "transmogrify" }]);
  });

  test("of a refresh the finding counts, with outputs that moved; looking alone is no step of an update", () => {
    const before = { inputs: { a: 1 }, outputs: { a: 1, seen: 1 } };
    const after = { inputs: { a: 1 }, outputs: { a: 1, seen: 2 } };
    const events = [
      planned({ op: "refresh", before, after: before }),
      { resOutputsEvent: { metadata: metadata({ op: "update", before, after }), planning: true } },
    ];
    const refresh = collectSteps("preview-refresh");
    const update = collectSteps("preview");
    for (const event of events) {
      refresh.add(event);
      update.add(event);
    }
    expect(refresh.report().steps).toMatchObject([{ operation: "update", changes: [{ path: "seen" }] }]);
    expect(update.report().steps).toEqual([]);
  });

  test("providers are told with version and secret properties, also those that stay as they are", () => {
    const collector = collectSteps("preview");
    const side = { inputs: { version: "6.1.0", region: "eu", token: SECRET } };
    collector.add(planned({ op: "same", type: "pulumi:providers:aws", before: side, after: side }));
    expect(collector.report().providers).toEqual([
      { urn: URN, name: "aws", version: "6.1.0", secretProperties: ["token"] },
    ]);
  });

  test("a text longer than anybody reads is cut, and two that differ behind the cut still differ", () => {
    const long = "x".repeat(9_000);
    const changes = changesOf({
      op: "update",
      before: { inputs: { text: `${long}1` } },
      after: { inputs: { text: `${long}2` } },
    });
    const [change] = changes ?? [];
    expect(String(change?.after).length).toBeLessThan(4_200);
    expect(change?.after).not.toBe(change?.before);
  });
});
