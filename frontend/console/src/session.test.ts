import { expect, test } from "vitest";
import { tokenInFragment } from "./session.ts";

test.each([
  ["#token=abc", "abc"],
  ["#token=abc&x=1", "abc"],
  ["#token=a%2Bb", "a+b"],
  ["#token=", null],
  ["#other=1", null],
  ["", null],
])("the fragment %j holds the token %j", (hash, token) => {
  expect(tokenInFragment(hash)).toBe(token);
});
