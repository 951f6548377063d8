import { expect, test } from "vitest";
import type { PlannedStep } from "../contract/previews.ts";
import { capSteps } from "./cap-steps.ts";

function step(index: number, operation: string, text = ""): PlannedStep {
  const change = {
    path: "text",
    kind: "add" as const,
    replaces: false,
    before: null,
    after: text,
    known: true,
  };
  const name = `r${index}`;
  const urn = `urn:pulumi:dev::p::t:i:T::${name}`;
  return {
    urn,
    type: "t:i:T",
    name,
    operation,
    provider: null,
    parent: null,
    dependencies: [],
    protect: false,
    changes: [change],
  };
}

test("T11: of 10,000 steps those that change something are kept, in their order, with a mark", () => {
  const steps = Array.from({ length: 10_000 }, (_, index) =>
    step(index, index % 4 === 3 ? "update" : "same"),
  );
  const { text, kept, truncated } = capSteps(steps);
  const read = JSON.parse(text) as PlannedStep[];
  expect([kept, truncated, read.length]).toEqual([5_000, true, 5_000]);
  expect(read.filter(({ operation }) => operation === "update")).toHaveLength(2_500);
  const places = read.map(({ name }) => Number(name.slice(1)));
  expect(places).toEqual(places.toSorted((one, other) => one - other));
});

test("what is too much to keep loses its values, never a step", () => {
  const steps = Array.from({ length: 10 }, (_, index) => step(index, "create", "x".repeat(1_000)));
  const { text, kept, truncated } = capSteps(steps, { maxCharacters: 5_000 });
  const read = JSON.parse(text) as PlannedStep[];
  expect([kept, truncated]).toEqual([10, true]);
  expect(read.at(0)?.changes).toHaveLength(1);
  expect(read.at(-1)?.changes).toEqual([]);
});
