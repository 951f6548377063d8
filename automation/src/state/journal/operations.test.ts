import { expect, test } from "vitest";
import { withoutPendingCreates } from "./clear-creates.ts";
import { factsOf } from "./facts.ts";
import { operationsOf } from "./operations.ts";
import { batch, entry, resource, state, urn } from "./testing.ts";

const begin = (sequence: number, operation: number, type: string, name: string): string =>
  entry(sequence, 0, { operationID: operation, operation: { type, resource: resource(name) } });

test("each operation that could change something is done, failed or unknown, and what only looks is left out", () => {
  const texts = [
    batch(begin(1, 1, "creating", "a"), begin(2, 2, "updating", "b"), begin(3, 3, "reading", "r")),
    batch(
      entry(5, 2, { operationID: 2 }),
      begin(4, 4, "deleting", "c"),
      entry(6, 1, { operationID: 1, state: resource("a") }),
      entry(7, 1, { operationID: 9, state: resource("same") }),
    ),
    // A batch that came twice.
    batch(entry(6, 1, { operationID: 1, state: resource("a") })),
  ];
  expect(operationsOf(texts)).toEqual([
    { urn: urn("a"), operation: "create", end: "succeeded" },
    { urn: urn("b"), operation: "update", end: "failed" },
    { urn: urn("c"), operation: "delete", end: "unknown" },
  ]);
});

test("the stack's own resource and providers are no resources of a person's", () => {
  const texts = [
    batch(
      entry(1, 0, {
        operationID: 1,
        operation: {
          type: "creating",
          resource: { ...resource("p"), urn: urn("default", "pulumi:providers:aws") },
        },
      }),
    ),
  ];
  expect(operationsOf(texts)).toEqual([]);
});

test("exactly the pending creates that are named are dropped, and all else keeps its bytes", () => {
  const text = state([resource("kept")], {
    pending_operations: [
      { type: "creating", resource: resource("one") },
      { type: "creating", resource: resource("two") },
      { type: "updating", resource: resource("one") },
    ],
    metadata: { number: 12345678901234567890n.toString() },
  });
  const cleared = withoutPendingCreates(text, [urn("one")]);
  expect(cleared.dropped).toBe(1);
  expect(
    factsOf(cleared.text).pendingOperations.map(({ operation, name }) => `${operation} ${name}`),
  ).toEqual(["creating two", "updating one"]);
  expect(withoutPendingCreates(text, [])).toEqual({ text, dropped: 0 });
  expect(withoutPendingCreates(cleared.text, [urn("one")])).toEqual({ text: cleared.text, dropped: 0 });
});
