import { expect, test } from "vitest";
import { isAllowedHost, isAllowedOrigin, rightUrl } from "./hosts.ts";

const local = { host: "127.0.0.1", publicUrl: undefined };
const open = { host: "0.0.0.0", publicUrl: undefined };
const named = { host: "10.1.2.3", publicUrl: "https://slipway.example" };

test.each([
  [local, "localhost:7420", true],
  [local, "127.0.0.1:7420", true],
  [local, "[::1]:7420", true],
  [local, "LOCALHOST:7420", true],
  [local, "localhost:7421", false],
  [local, "localhost", false],
  [local, "evil.example:7420", false],
  [local, "localhost.evil.example:7420", false],
  [local, "evil.example@localhost:7420", false],
  [local, "localhost:7420/x", false],
  [local, "", false],
  [local, undefined, false],
  [open, "10.1.2.3:7420", false],
  [open, "localhost:7420", true],
  [named, "10.1.2.3:7420", true],
  [named, "slipway.example", true],
  [named, "slipway.example:7420", false],
  [named, "other.example", false],
])("%j asked for as %s: allowed is %s", (rule, header, allowed) => {
  expect(isAllowedHost(rule, header, 7420)).toBe(allowed);
});

test.each([
  [local, "http://localhost:7420", true],
  [local, "http://localhost:3000", false],
  [local, "https://localhost:7420", false],
  [local, "http://evil.example:7420", false],
  [local, "null", false],
  [local, "file://", false],
  [named, "https://slipway.example", true],
  [named, "http://slipway.example", false],
])("%j asked by a page of %s: allowed is %s", (rule, origin, allowed) => {
  expect(isAllowedOrigin(rule, origin, 7420)).toBe(allowed);
});

test("people are told an address that they can open", () => {
  expect(rightUrl(local, 7420)).toBe("http://127.0.0.1:7420");
  expect(rightUrl(open, 7420)).toBe("http://localhost:7420");
  expect(rightUrl({ host: "::1", publicUrl: undefined }, 7420)).toBe("http://[::1]:7420");
  expect(rightUrl(named, 7420)).toBe("https://slipway.example");
});
