import { expect, test } from "vitest";
import { checkImport } from "./check-import.ts";

const STACK = '{"urn":"urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev","type":"pulumi:pulumi:Stack"}';

function stateOf(deployment: string): string {
  return `{"version":3,"deployment":${deployment}}`;
}

test.each([
  ['{"version":3}', 0],
  [stateOf("null"), 0],
  [stateOf("{}"), 0],
  [stateOf('{"resources":null}'), 0],
  [stateOf(`{"resources":[${STACK}]}`), 1],
])("the state %s has %i resources", (text, resourceCount) => {
  expect(checkImport(text)).toEqual({ resourceCount, sealedByService: null });
});

test.each([
  [stateOf('{"resources":[{"urn":"not a urn","type":"a:b:C"}]}'), /is no URN/],
  [stateOf('{"resources":[{"urn":"urn:pulumi:dev::shop::a:b:C::d"}]}'), /type of .* is ""/],
  [stateOf('{"resources":[{"urn":"urn:pulumi:dev::shop::a:b:C::d","type":"a:b:X"}]}'), /is "a:b:X"/],
  [stateOf('{"pending_operations":[{"type":"creating","resource":{"urn":"x","type":"y"}}]}'), /is no URN/],
])("the state %s is refused", (text, message) => {
  expect(() => checkImport(text)).toThrow(message);
});

test("the type of a child is the last of those that its URN names", () => {
  const child = '{"urn":"urn:pulumi:dev::shop::a:b:C$d:e:F::g","type":"d:e:F"}';
  expect(checkImport(stateOf(`{"resources":[${child}]}`)).resourceCount).toBe(1);
});

test("a value that a service has sealed is found, one under a passphrase is none of ours", () => {
  const with_ = (provider: string) =>
    stateOf(
      `{"secrets_providers":{"type":"${provider}"},"resources":[${STACK.replace("}", ',"outputs":{"a":{"ciphertext" : "AgAA"}}}')}]}`,
    );
  expect(checkImport(with_("service")).sealedByService).toBe("AgAA");
  expect(checkImport(with_("passphrase")).sealedByService).toBeNull();
});
