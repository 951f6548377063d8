import { expect, test } from "vitest";
import { providerName } from "./provider-name.ts";

test.each([
  [null, null],
  ["urn:pulumi:dev::shop::pulumi:providers:aws::default_7_48_0::5cf2", "aws default_7_48_0"],
  ["something else", "something else"],
])("%s is shown as %s", (reference, name) => {
  expect(providerName(reference)).toBe(name);
});
