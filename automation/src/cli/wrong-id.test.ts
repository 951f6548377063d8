import { expect, test } from "vitest";
import { COMMANDS } from "./program.ts";
import { withIdExplained } from "./wrong-id.ts";

const refused = {
  code: "invalid_request",
  message: "params.id: Invalid UUID",
  remedy: null,
  issues: [{ path: "params.id", message: "Invalid UUID" }],
  exitCode: 8,
} as const;

test("an id that is none is told in the words of the command, with where ids are printed", () => {
  expect(withIdExplained(refused, ["approve", "7"])).toEqual({
    code: "usage",
    message: "What was given is not an id, and this command takes nothing but a whole one.",
    remedy: "`slipway approvals list` prints it.",
    issues: [],
    exitCode: 2,
  });
});

test("whatever else was refused stays as it is", () => {
  const other = { ...refused, issues: [{ path: "body.name", message: "Invalid UUID" }] };
  expect(withIdExplained(other, ["approve", "7"])).toBe(other);
});

test("the commands that are named exist", () => {
  const { remedy } = withIdExplained(refused, ["deliveries", "show", "7"]);
  const [, command = ""] = /`slipway (\w+) /.exec(remedy ?? "") ?? [];
  expect(COMMANDS).toHaveProperty(command);
});
