import { expect, test } from "vitest";
import { handshakeFailure, judgeEnd, judgeStored, judgeUse } from "./certificate-rules.ts";

const NOW = new Date("2026-11-21T12:00:00Z");
const inDays = (days: number) => new Date(NOW.getTime() + days * 86_400_000);

test.each([
  [395, "passed"],
  [30.01, "passed"],
  // More than 30 days are asked for.
  [30, "failed"],
  [20, "failed"],
  [0.5, "failed"],
  [0, "failed"],
  [-3, "failed"],
])("a certificate with %d days left is %s", (days, state) => {
  expect(judgeEnd(inDays(days), NOW).state).toBe(state);
});

test("a certificate with 20 days left says when it ends, how long that is and how much is asked for", () => {
  const verdict = judgeStored({ status: "ISSUED", type: "IMPORTED", notAfter: inDays(20) }, NOW);
  expect(verdict.detail).toBe(
    "the certificate expires on 2026-12-11, in 20 days; more than 30 are asked for; it was imported, and AWS does not renew it",
  );
});

test.each([
  [{ status: "ISSUED", type: "AMAZON_ISSUED", notAfter: inDays(300) }, "passed"],
  [{ status: "PENDING_VALIDATION", type: "AMAZON_ISSUED", notAfter: inDays(300) }, "failed"],
  [{ status: "EXPIRED", type: "AMAZON_ISSUED", notAfter: inDays(-1) }, "failed"],
  [{ status: "ISSUED", type: "AMAZON_ISSUED", notAfter: null }, "failed"],
])("%j is %s", (certificate, state) => {
  expect(judgeStored(certificate, NOW).state).toBe(state);
});

test.each([
  ["arn:1", "passed"],
  ["arn:2", "failed"],
  [null, "failed"],
])("what shows %s instead of arn:1 is %s", (used, state) => {
  expect(judgeUse("the distribution", "arn:1", used).state).toBe(state);
});

test.each([
  ["CERT_HAS_EXPIRED", "untrusted"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "untrusted"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "untrusted"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "untrusted"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "untrusted"],
  ["ENOTFOUND", "unreachable"],
  ["ECONNREFUSED", "unreachable"],
  ["validation_timeout", "unreachable"],
  ["ECONNRESET", "other"],
  [undefined, "other"],
])("a connection that failed by %s was %s", (code, kind) => {
  expect(handshakeFailure(code)).toBe(kind);
});
