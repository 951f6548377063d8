import { expect, test } from "vitest";
import { SlipwayError } from "../../errors.ts";
import { checkEntries } from "./check-entries.ts";
import { checkState } from "./check-state.ts";
import { batch, entry, resource, state } from "./testing.ts";

const made = resource("a");

test("a batch is told by its sequences and what it refers to", () => {
  const text = batch(
    entry(8, 1, { operationID: 5, state: made, removeOld: 3 }),
    entry(6, 1, { operationID: 4, deleteNew: 2 }),
    entry(7, 7),
  );
  expect(checkEntries(text)).toEqual({
    firstSequence: 6,
    lastSequence: 8,
    entries: 3,
    highestBaseIndex: 3,
    highestOperation: 5,
    highestReferredOperation: 2,
    replacesBase: true,
  });
});

test.each([
  ["a member of an entry", entry(1, 1, { requiresByteString: true, state: made })],
  ["a member of a resource", entry(1, 1, { state: resource("a", { newer: { deep: [1] } }) })],
  [
    "a member called __proto__ inside of inputs",
    entry(1, 1).replace("}", `,"state":{"urn":"u","type":"t","inputs":{"__proto__":1}}}`),
  ],
  [
    "nesting that programs have",
    entry(1, 1, {
      state: resource("a", { inputs: JSON.parse("[".repeat(500) + "]".repeat(500)) as unknown }),
    }),
  ],
])("%s that this version does not know passes", (_, text) => {
  expect(checkEntries(batch(text)).entries).toBe(1);
});

test.each([
  ["nothing", ""],
  ["no list", "{}"],
  ["an empty list", "[]"],
  ["a list of no entries", "[1]"],
  ["no JSON", "[{]"],
  ["a list that goes on", `${batch(entry(1, 0))} 1`],
  ["a list that does not end", batch(entry(1, 0)).slice(0, -1)],
  ["an entry without a sequence", '[{"version":1,"kind":0}]'],
  ["sequence 0", batch(entry(0, 0))],
  ["a negative sequence", batch(entry(-4, 0))],
  ["a broken sequence", batch(entry(1.5, 0))],
  [
    "a sequence beyond all numbers",
    batch(entry(1, 0).replace('"sequenceID":1', '"sequenceID":99999999999999999999')),
  ],
  ["a sequence in quotes", batch(entry(1, 0).replace('"sequenceID":1', '"sequenceID":"1"'))],
  ["a kind to come", batch(entry(1, 10))],
  ["a negative kind", batch(entry(1, -1))],
  ["an entry without a kind", '[{"version":1,"sequenceID":1}]'],
  ["another version", batch(entry(1, 0, { version: 2 }))],
  ["a negative index", batch(entry(1, 1, { removeOld: -1 }))],
  ["a broken index", batch(entry(1, 1, { deleteOld: 0.5 }))],
  ["a negative operation", batch(entry(1, 1, { operationID: -1 }))],
  ["an operation that is text", batch(entry(1, 1, { removeNew: "1" }))],
  ["a state that is none", batch(entry(1, 1, { state: [] }))],
  ["a state without a URN", batch(entry(1, 1, { state: { type: "t" } }))],
  [
    "a state whose dependencies are none",
    batch(entry(1, 1, { state: resource("a", { dependencies: "b" }) })),
  ],
  ["a state whose parent is a number", batch(entry(1, 1, { state: resource("a", { parent: 1 }) }))],
  [
    "a state whose property dependencies are none",
    batch(entry(1, 1, { state: resource("a", { propertyDependencies: { x: 1 } }) })),
  ],
  ["an operation without a resource", batch(entry(1, 0, { operation: { type: "creating" } }))],
  ["a write without a snapshot", batch(entry(1, 5))],
  ["a snapshot with a resource that is none", batch(entry(1, 5, { newSnapshot: { resources: [1] } }))],
  ["an extension without its name", batch(entry(1, 8, { extension: {} }))],
  ["a member twice", batch(entry(1, 0).replace("{", '{"kind":1,'))],
  ["a member __proto__ of an entry", batch(entry(1, 0).replace("{", '{"__proto__":{"kind":1},'))],
  [
    "a member __proto__ of an entry, escaped",
    batch(entry(1, 0).replace("{", '{"__pr\\u006fto__":{"kind":1},')),
  ],
  ["a member __proto__ of a state", batch(entry(1, 1).replace("}", ',"state":{"urn":"u","__proto__":1}}'))],
  ["a bomb of brackets", `[${"[".repeat(1_000_000)}`],
  [
    "a closed bomb of brackets",
    batch(entry(1, 1).replace("}", `,"x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`)),
  ],
  [
    "a bomb of members",
    batch(entry(1, 1).replace("}", `,"x":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`)),
  ],
  ["brackets that do not fit", batch(entry(1, 1).replace("}", ',"x":[}]}'))],
  ["a string that does not end", '[{"version":1,"kind":0,"x":"\\"}]'],
  ["a value that is none", batch(entry(1, 1).replace("}", ',"x":nil}'))],
  ["an escape that is none", batch(entry(1, 1).replace("}", ',"x":"\\x"}'))],
  ["a grammar that is wrong inside of a value", batch(entry(1, 1).replace("}", ',"x":{"a" 1}}'))],
])("%s is refused with the place", (_, text) => {
  const started = performance.now();
  try {
    checkEntries(text);
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SlipwayError);
    expect(error).toMatchObject({ code: "invalid_journal" });
    expect((error as SlipwayError).message).toMatch(/at character \d+/u);
    expect((error as SlipwayError).message.length).toBeLessThan(300);
  }
  expect(performance.now() - started).toBeLessThan(2_000);
});

test("a state from outside is checked before an update begins with it", () => {
  expect(checkState(state([made, resource("b")]))).toEqual({ version: 3, resourceCount: 2 });
  for (const text of [
    state([resource("a", { dependencies: [1] })]),
    state([], { pending_operations: [{ type: "creating", resource: { urn: "u", parent: 1 } }] }),
    state([made]).replace('"custom"', '"custom" "x"'),
    "null",
  ]) {
    expect(() => checkState(text)).toThrow(SlipwayError);
  }
});
