import { expect, test } from "vitest";
import { describeFailure } from "./command-end.ts";

const OUTCOME = {
  status: "exited",
  exitCode: 1,
  signal: null,
  durationMs: 900,
  errors: [],
} as unknown as Parameters<typeof describeFailure>[1];

test("the line that says what is wrong is told without the colours and the frame that were drawn around it", () => {
  const tail = [
    "\u001b[38;5;240m   │\u001b[0m",
    "\u001b[38;5;240m   │\u001b[0m   ╰───── Module not found. ──╯",
    "────╯",
  ];
  expect(describeFailure(["npm", "run", "build"], OUTCOME, tail)).toBe(
    "'npm run build' exited with 1: Module not found.",
  );
});

test("of a command that names no error the last words are told, and nothing of one that said nothing", () => {
  expect(describeFailure(["make"], OUTCOME, ["first", "second", "────"])).toBe(
    "'make' exited with 1: second",
  );
  expect(describeFailure(["make"], OUTCOME, ["", "───"])).toBe("'make' exited with 1");
});
