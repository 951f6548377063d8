import { expect, test } from "vitest";
import { addressesIn, isSecretOutput } from "./outputs.ts";

test("only http and https outputs become links", () => {
  expect(
    addressesIn({
      url: "http://127.0.0.1:8080/",
      docs: "https://example.org",
      trap: "javascript:alert(1)",
      file: "file:///etc/passwd",
      text: "see http://127.0.0.1",
      broken: "http://",
      count: 3,
    }),
  ).toEqual([
    ["url", "http://127.0.0.1:8080/"],
    ["docs", "https://example.org"],
  ]);
});

test("the mark of a secret is told from an object of the program", () => {
  expect(isSecretOutput({ secret: true })).toBe(true);
  expect(isSecretOutput({ secret: "no" })).toBe(false);
  expect(isSecretOutput(null)).toBe(false);
});
