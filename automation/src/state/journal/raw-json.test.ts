import fc from "fast-check";
import { expect, test } from "vitest";
import {
  editedObject,
  elementsOf,
  encodeString,
  membersOf,
  rawText,
  stringOf,
  wholeValue,
} from "./raw-json.ts";

test("any JSON is gone through to the values that a parser finds", () => {
  const property = fc.property(fc.jsonValue(), fc.constantFrom(0, 1, 2), (value, indent) => {
    const text = JSON.stringify(value, null, indent);
    const read = (raw: ReturnType<typeof wholeValue>): unknown => {
      const [first] = rawText(raw);
      if (first === "[") return elementsOf(raw).map(read);
      if (first === "{")
        return Object.fromEntries([...membersOf(raw)].map(([name, one]) => [name, read(one)]));
      return first === '"' ? stringOf(raw) : JSON.parse(rawText(raw));
    };
    if (!text.includes('"__proto__"')) expect(read(wholeValue(text))).toEqual(JSON.parse(text));
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("members are replaced, removed and added, and the others keep their bytes", () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,3}$/u), { maxLength: 6 });
  const edits = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,3}$/u),
    fc.option(fc.integer(), { nil: undefined }),
    { maxKeys: 4 },
  );
  const property = fc.property(
    names,
    edits,
    fc.constantFrom(0, 1),
    fc.infiniteStream(fc.boolean()),
    (before, more, indent, some) => {
      const object: Record<string, unknown> = Object.fromEntries(
        before.map((name, index) => [name, `value ${index}`]),
      );
      // Some edits are of members that are there.
      const changes = new Map(
        Object.entries(more).map(([name, value]) => [name, value === undefined ? undefined : String(value)]),
      );
      for (const name of before) if (some.next().value) changes.set(name, changes.get(name));
      const text = JSON.stringify(object, null, indent);
      const raw = wholeValue(text);
      const edited = editedObject(raw, membersOf(raw), changes);
      const expected = { ...object };
      for (const [name, value] of changes) {
        if (value === undefined) delete expected[name];
        else expected[name] = Number(value);
      }
      expect(JSON.parse(edited)).toEqual(expected);
      expect(Object.keys(JSON.parse(edited) as object).filter((name) => before.includes(name))).toEqual(
        before.filter((name) => name in expected),
      );
    },
  );
  fc.assert(property, { numRuns: 1_000 });
});

test("strings are written as Go writes them", () => {
  expect(encodeString('<a href="x">&\u2028')).toBe('"\\u003ca href=\\"x\\"\\u003e\\u0026\\u2028"');
});
