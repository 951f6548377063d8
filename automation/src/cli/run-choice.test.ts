import { expect, test } from "vitest";
import { nameOf } from "./run-choice.ts";

test.each([
  ["12", { by: "number", number: 12 }],
  ["#12", { by: "number", number: 12 }],
  ["1234567", { by: "number", number: 1_234_567 }],
  ["#14258109", { by: "number", number: 14_258_109 }],
  ["14258109", { by: "prefix", prefix: "14258109" }],
  ["1a2b3c4d", { by: "prefix", prefix: "1a2b3c4d" }],
  ["v7", { by: "version", number: 7 }],
  ["14258109-0000-4000-8000-000000000000", { by: "id", id: "14258109-0000-4000-8000-000000000000" }],
] as const)("%s names a run", (given, named) => {
  expect(nameOf(given)).toEqual(named);
});

test.each(["", "0", "#", "v", "1a2b", "#1a"])("%j names no run", (given) => {
  expect(() => nameOf(given)).toThrow("neither the id nor the number");
});
