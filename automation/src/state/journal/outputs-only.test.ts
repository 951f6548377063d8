import { expect, test } from "vitest";
import { outputsOnly } from "./outputs-only.ts";

const STACK =
  '{"urn":"urn:pulumi:test::shop::pulumi:pulumi:Stack::shop-test","custom":false,"type":"pulumi:pulumi:Stack","outputs":{"url":"http://x","big":12345678901234567890,"2":1,"1":2}}';
const DATABASE =
  '{"urn":"urn:pulumi:test::shop::db:index:Database::db","custom":true,"type":"db:index:Database","outputs":{"password":"no output of the stack"}}';
const REPLACED = `{"urn":"urn:pulumi:test::shop::pulumi:pulumi:Stack::shop-old","type":"pulumi:pulumi:Stack","delete":true}`;
const document = (resources: string, more = "") =>
  `{"version":4,"features":["refreshBeforeUpdate"],"deployment":{"manifest":{"version":"v3.250.0"},"secrets_providers":{"type":"service"},"resources":${resources}${more}}}`;

test("keeps the stack's own resource byte for byte, and how its secrets are opened", () => {
  const text = document(
    `[${DATABASE},${REPLACED},${STACK}]`,
    ',"pending_operations":[],"metadata":{"x":"y"}',
  );
  expect(outputsOnly(text)).toBe(document(`[${STACK}]`));
});

test("leaves nothing where there is no stack's resource, and a state without a deployment as it is", () => {
  expect(JSON.parse(outputsOnly(document(`[${DATABASE}]`)))).toEqual({
    version: 4,
    features: ["refreshBeforeUpdate"],
    deployment: { manifest: { version: "v3.250.0" }, secrets_providers: { type: "service" } },
  });
  expect(outputsOnly('{"version":3,"deployment":null}')).toBe('{"version":3,"deployment":null}');
});

test("refuses what is no state", () => {
  expect(() => outputsOnly("[]")).toThrow("The state cannot be read");
});
