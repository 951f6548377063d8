import { expect, test } from "vitest";
import { Gate } from "../contract/gates.ts";
import { mergeGates } from "./merge.ts";

const gate = (name: string, program: string) => Gate.parse({ name, phase: "after", command: [program] });

test("a source only adds gates: one with the name of a required one stands beside it", () => {
  const merged = mergeGates(
    [gate("health", "stack")],
    [gate("health", "own"), gate("health-of-project", "own"), gate("smoke", "own")],
  );
  expect(merged.map(({ source, gate: { name, command } }) => [source, name, command?.[0]])).toEqual([
    ["stack", "health", "stack"],
    ["project", "health-of-project-2", "own"],
    ["project", "health-of-project", "own"],
    ["project", "smoke", "own"],
  ]);
});
