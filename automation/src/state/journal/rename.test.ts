import { expect, test } from "vitest";
import { renameState } from "./rename.ts";
import { resource, state, urn } from "./testing.ts";

const FROM = { organisation: "acme", project: "shop", stack: "dev" };
const TO = { organisation: "acme", project: "store", stack: "prod" };
const STACK = {
  ...resource("shop-dev"),
  urn: urn("shop-dev", "pulumi:pulumi:Stack"),
  type: "pulumi:pulumi:Stack",
};

test("every URN names the new stack, the stack's own resource with its name", () => {
  const provider = urn("p", "pulumi:providers:a");
  const all = resource("all", {
    parent: STACK.urn,
    provider: `${provider}::id`,
    dependencies: [urn("x")],
    propertyDependencies: { p: [urn("x")], none: null },
    deletedWith: urn("x"),
    replaceWith: [urn("x")],
    viewOf: urn("x"),
    aliases: [urn("x"), "urn:pulumi:elsewhere::shop::a:b:C::x"],
  });
  const more = {
    pending_operations: [{ type: "creating", resource: all }],
    snippets: [{ uuid: "u", references: { it: urn("x") } }],
  };
  const renamed = renameState(state([STACK, all], more), FROM, TO);
  expect(renamed).not.toContain("urn:pulumi:dev::");
  const now = (text: string) =>
    text.replaceAll("dev::shop", "prod::store").replaceAll("shop-dev", "store-prod");
  expect(JSON.parse(renamed)).toEqual(
    JSON.parse(now(state([{ ...STACK, id: "KEEP" }, all], more)).replaceAll("KEEP", STACK.id)),
  );
});

test.each([
  [
    { owner: "acme", project: "shop", stack: "dev" },
    { owner: "acme", project: "store", stack: "prod" },
  ],
  [
    { owner: "other", project: "shop", stack: "dev" },
    { owner: "other", project: "shop", stack: "dev" },
  ],
  [
    { owner: "acme", project: "shop", stack: "test" },
    { owner: "acme", project: "shop", stack: "test" },
  ],
  [{ salt: "v1:x" }, { salt: "v1:x" }],
])("a secrets provider is renamed when it names the stack: %j", (before, after) => {
  const text = state([], { secrets_providers: { type: "service", state: { url: "http://x", ...before } } });
  const renamed = JSON.parse(renameState(text, FROM, TO)) as { deployment: { secrets_providers: unknown } };
  expect(renamed.deployment.secrets_providers).toEqual({
    type: "service",
    state: { url: "http://x", ...after },
  });
});

test("what names no stack keeps its bytes", () => {
  const text = state([]).replace("}}", '},"newer": { "a":12345678901234567890,"b":"\\u003c" } }');
  expect(renameState(text, FROM, TO)).toBe(text);
});
