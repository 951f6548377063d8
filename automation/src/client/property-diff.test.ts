import { expect, test } from "vitest";
import { type PropertyChange, SECRET_VALUE } from "../contract/previews.ts";
import { shownChange } from "./property-diff.ts";

const PULUMI_SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "x",
};
const PULUMI_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function change(more: Partial<PropertyChange>): PropertyChange {
  return { path: "p", kind: "update", replaces: false, before: null, after: null, known: true, ...more };
}

/** Everything of a change that could reach a person. */
function textOf(more: Partial<PropertyChange>): string {
  return JSON.stringify(shownChange(change(more)));
}

test("short values are told apart by their quotes, and keep what replaces", () => {
  expect(shownChange(change({ before: "1", after: 1, replaces: true }))).toEqual({
    path: "p",
    kind: "update",
    replaces: true,
    form: "values",
    before: { kind: "text", text: '"1"' },
    after: { kind: "text", text: "1" },
  });
});

test("what is added has nothing before, what is deleted nothing after", () => {
  expect(shownChange(change({ kind: "add", after: true }))).toMatchObject({
    before: { kind: "absent" },
    after: { kind: "text", text: "true" },
  });
  expect(shownChange(change({ kind: "delete", before: "x" }))).toMatchObject({
    before: { kind: "text", text: '"x"' },
    after: { kind: "absent" },
  });
});

test("a value that only the update knows says so, whether the API or Pulumi itself marks it", () => {
  expect(shownChange(change({ before: "a", after: null, known: false }))).toMatchObject({
    before: { kind: "text", text: '"a"' },
    after: { kind: "unknown" },
  });
  expect(shownChange(change({ before: "a", after: PULUMI_UNKNOWN }))).toMatchObject({
    after: { kind: "unknown" },
  });
  expect(textOf({ before: { a: 1 }, after: { a: PULUMI_UNKNOWN } })).toContain("known during the update");
  expect(textOf({ before: { a: 1 }, after: null, known: false })).toContain('"isUnknown":true');
});

test.each([
  ["both sides", { before: SECRET_VALUE, after: SECRET_VALUE }],
  ["the side after: what becomes a secret", { before: "hunter2", after: SECRET_VALUE }],
  ["the side before", { before: SECRET_VALUE, after: "hunter2" }],
  ["Pulumi's own mark", { before: "hunter2", after: PULUMI_SECRET }],
  ["a key within an object", { before: { a: "hunter2", b: 1 }, after: { a: SECRET_VALUE, b: 2 } }],
  ["an object that was plain", { before: { a: { deep: "hunter2" } }, after: { a: SECRET_VALUE } }],
  ["an item of a list", { before: [1, "hunter2"], after: [1, SECRET_VALUE] }],
  ["an item that has moved", { before: ["x", "hunter2"], after: ["x", "y", SECRET_VALUE] }],
  ["JSON in a text", { before: '{"a":"hunter2"}', after: `{"a":"${SECRET_VALUE}"}` }],
  ["what is only known during the update", { before: SECRET_VALUE, after: "hunter2", known: false }],
])("no value of a secret is shown when it is marked by %s", (_name, sides) => {
  expect(textOf(sides)).not.toContain("hunter2");
  expect(textOf(sides)).toMatch(/secret/);
});

test("objects are compared line by line with their keys in one order, and equal parts are skipped", () => {
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [`k${String(index).padStart(2, "0")}`, index]),
  );
  const shown = shownChange(
    change({ before: { ...many, k10: 10, z: 1 }, after: { z: 1, ...many, k10: 11 } }),
  );
  expect(shown).toMatchObject({ form: "lines", isEmbedded: false });
  const lines = shown.form === "lines" ? shown.lines : [];
  expect(lines.filter(({ mark }) => mark === "removed" || mark === "added")).toEqual([
    { mark: "removed", text: '  "k10": 10,' },
    { mark: "added", text: '  "k10": 11,' },
  ]);
  expect(lines.filter(({ mark }) => mark === "skipped")).toHaveLength(2);
  expect(lines.length).toBeLessThan(12);
});

test("JSON in a text is compared as what it says, not as the text that it is", () => {
  const shown = shownChange(
    change({
      before: '{"Action":["a"],"Effect":"Allow"}',
      after: '{ "Effect": "Allow", "Action": ["a", "b"] }',
    }),
  );
  expect(shown).toMatchObject({ form: "lines", isEmbedded: true });
  const lines = shown.form === "lines" ? shown.lines : [];
  expect(lines).toContainEqual({ mark: "added", text: '    "b"' });
  expect(lines).toContainEqual({ mark: "same", text: '  "Effect": "Allow"' });
});

test("a text of several lines is compared by its lines, and one that only begins like JSON is text", () => {
  expect(shownChange(change({ before: "a\nb\nc", after: "a\nB\nc" }))).toMatchObject({
    form: "lines",
    lines: [
      { mark: "same", text: "a" },
      { mark: "removed", text: "b" },
      { mark: "added", text: "B" },
      { mark: "same", text: "c" },
    ],
  });
  expect(shownChange(change({ before: "[draft", after: "[final" }))).toMatchObject({ form: "values" });
});

test("two long texts with nothing in common are shown one after the other without comparing each line with each", () => {
  const lines = (word: string) => Array.from({ length: 5_000 }, (_, index) => `${word} ${index}`).join("\n");
  const began = performance.now();
  const shown = shownChange(change({ before: lines("a"), after: lines("b") }));
  expect(shown.form === "lines" ? shown.lines.length : 0).toBe(10_000);
  expect(performance.now() - began).toBeLessThan(1_000);
});
