import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SIGNATURE } from "../contract/pulumi-marks.ts";
import { canonical, compareProperties } from "./drift-compare.ts";

/** An archive as Pulumi writes it. */
const archive = (hash: string, assets: Record<string, unknown>) => ({
  [SIGNATURE]: "0def7320c3a5731c473e5ecbe6d01bc7",
  hash,
  assets,
});

const paths = (before: unknown, after: unknown): string[] =>
  compareProperties({ value: before }, { value: after }).changed.map(({ path }) => path);

describe("one value in another form is no difference", () => {
  test.each([
    ["JSON with other spaces and another order of keys", '{"a": 1, "b": [1, 2]}', '{"b":[1,2],"a":1}'],
    ["JSON in JSON", JSON.stringify({ doc: '{"a":1 }' }), JSON.stringify({ doc: '{ "a":1}' })],
    ["a text of JSON and the value", '{"a":1}', { a: 1 }],
    ["null and no items", null, []],
    ["null and no members", null, {}],
    ["null and an empty text", null, ""],
    ["a member that is null and none", { a: 1, b: null }, { a: 1 }],
    ["members that are all empty and none", { a: { b: [] } }, null],
    ["a set in another order", ["b", "a", "a"], ["a", "b", "a"]],
    [
      "tags as a list in another order",
      [
        { Key: "a", Value: "1" },
        { Key: "b", Value: "2" },
      ],
      [
        { Key: "b", Value: "2" },
        { Key: "a", Value: "1" },
      ],
    ],
    ["principals of a policy", '{"Principal":{"AWS":["x","y"]}}', '{"Principal":{"AWS":["y","x"]}}'],
  ])("%s", (_, before, after) => {
    expect(paths(before, after)).toEqual([]);
    expect(compareProperties({ value: before }, { value: after }).form).toHaveLength(1);
  });
});

test("an archive whose files are told is the one of which only the hash is", () => {
  const files = { "index.mjs": { [SIGNATURE]: "c44067f5952c0a294b673a41bacd8c17", hash: "2a", text: "x" } };
  const { changed, form } = compareProperties({ code: archive("1f", files) }, { code: archive("1f", {}) });
  expect({ changed, form }).toEqual({ changed: [], form: [] });
});

describe("another value is a difference, with the path of what differs", () => {
  test.each([
    ["a text", "a", "b", ["value"]],
    ["a number and its text", 1, "1", ["value"]],
    ["false is not nothing", null, false, ["value"]],
    ["nor is zero", null, 0, ["value"]],
    ["an archive of other files", archive("1f", {}), archive("2f", {}), ["value"]],
    ["an element more often", ["a"], ["a", "a"], ["value[+]"]],
    ["an element less", ["x", "y"], ["x"], ["value[1]"]],
    ["one element of a set that was put in another order", ["c", "a", "b"], ["b", "d", "c"], ["value[1]"]],
    [
      "a property of an element that is known by its name",
      [
        { name: "b", port: 1 },
        { name: "a", port: 2 },
      ],
      [
        { name: "a", port: 3 },
        { name: "b", port: 1 },
      ],
      ["value[1].port"],
    ],
    ["two removed and one added", ["a", "b", "c"], ["a", "d"], ["value[1]", "value[2]", "value[+]"]],
    ["another value in a text of JSON", '{"a":1}', '{"a":2}', ["value"]],
    [
      "numbers of more digits than a double holds",
      '{"id":9007199254740993}',
      '{"id":9007199254740992}',
      ["value"],
    ],
    ["a text that only begins like JSON", "{a", "{b", ["value"]],
    ["a name with a dot", { "a.b": 1 }, { "a.b": 2 }, ['value["a.b"]']],
  ])("%s", (_, before, after, expected) => {
    expect(paths(before, after)).toEqual(expected);
  });
});

/** Values as providers answer them. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, "", 0, 1, true, false, "a", "b", "arn:x", "{not json"),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom("a", "b", "Key", "name", "__proto__"), tie("value"), { maxKeys: 4 }),
  ),
}));

/** The same value as another provider would write it. */
function reformed(input: unknown, random: () => number): unknown {
  if (Array.isArray(input)) {
    const items = input.map((item) => reformed(item, random));
    if (items.length === 0) return random() < 0.5 ? null : [];
    return items
      .map((item) => ({ item, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }
  if (typeof input === "object" && input !== null) {
    const members = Object.entries(input).map(([name, item]) => [name, reformed(item, random)] as const);
    const turned = Object.fromEntries([...members].reverse().concat(random() < 0.3 ? [["unset", null]] : []));
    return random() < 0.2 ? JSON.stringify(turned, null, random() < 0.5 ? 2 : 0) : turned;
  }
  return input === null && random() < 0.5 ? "" : input;
}

describe("for whatever values", () => {
  test("a value written in another way has the same canonical text, and differs in nothing", () => {
    fc.assert(
      fc.property(value, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (input, stream) => {
        const other = reformed(input, () => stream.next().value ?? 0);
        expect(canonical(other)).toBe(canonical(input));
        expect(paths(input, other)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test("what differs is told if and only if the canonical texts differ, and the same from both sides", () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        const isSame = canonical(one) === canonical(other);
        expect(paths(one, other).length === 0).toBe(isSame);
        expect(paths(other, one).length === 0).toBe(isSame);
      }),
      { numRuns: 1_000 },
    );
  });

  test("another leaf is another value, wherever it is", () => {
    fc.assert(
      fc.property(value, fc.constantFrom("x", 7, true), (around, leaf) => {
        const before = { around, leaf: { deep: [{ leaf }] } };
        const after = { around, leaf: { deep: [{ leaf: "another" }] } };
        expect(paths(before, after)).toEqual(["value.leaf.deep[0].leaf"]);
      }),
    );
  });
});
