import { expect, test } from "vitest";
import { namedStack } from "./commands/pulumi.ts";
import { failureOf } from "./failure.ts";
import { positive } from "./numbers.ts";
import { parseStack, stackLabel } from "./stack-choice.ts";

test.each([
  ["local", { organisation: null, project: null, stack: "local" }],
  ["desk/local", { organisation: null, project: "desk", stack: "local" }],
  ["acme/desk/local", { organisation: "acme", project: "desk", stack: "local" }],
])("%s names a stack", (given, parsed) => {
  expect(parseStack(given)).toEqual(parsed);
});

test.each([
  "",
  "a/b/c/d",
  "../local",
  "desk/",
  "/local",
  "-h",
  "desk/lo\u0000cal",
  `desk/${"a".repeat(101)}`,
])("%j is refused before any request", (given) => {
  expect(failureOf(thrownBy(() => parseStack(given)))).toMatchObject({ code: "usage", exitCode: 2 });
});

test("the default organisation is left out where a stack is shown", () => {
  expect(stackLabel({ organisation: "default", project: "desk", stack: "local" })).toBe("desk/local");
  expect(stackLabel({ organisation: "acme", project: "desk", stack: "local" })).toBe("acme/desk/local");
});

test("an option that counts takes whole numbers from 1 only", () => {
  expect(positive("--to")("12")).toBe(12);
  for (const given of ["0", "-1", "1.5", "x", "", "1e3", "99999999999"])
    expect(failureOf(thrownBy(() => positive("--to")(given))).exitCode).toBe(2);
});

test.each([
  [["up", "-s", "local"], "local"],
  [["up", "--yes", "--stack=local"], "local"],
  [["preview", "-s=local"], "local"],
  [["up", "-s", "organization/desk/local"], null],
  [["up", "-s"], null],
  [["destroy", "-s", "local"], null],
  [["stack", "ls"], null],
])("pulumi %j starts the stack %j when it is missing", (argv, stack) => {
  expect(namedStack(argv)).toBe(stack);
});

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error("it did not throw");
}
