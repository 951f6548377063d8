import { expect, test } from "vitest";
import { SlipwayError } from "../../errors.ts";
import { factsOf } from "./facts.ts";
import { resource, state, urn } from "./testing.ts";

const SECRET = {
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  ciphertext: "v1:sealed",
};

function stack(outputs: unknown) {
  return { urn: urn("shop-dev", "pulumi:pulumi:Stack"), custom: false, type: "pulumi:pulumi:Stack", outputs };
}

function provider(name: string, inputs: unknown) {
  const type = `pulumi:providers:${name}`;
  return { ...resource(name), urn: urn(name, type), type, inputs };
}

test("outputs are the stack's, secrets in them are markers at any depth", () => {
  const { outputs } = factsOf(state([stack({ open: 1, hidden: SECRET, deep: { list: [SECRET, "x"] } })]));
  expect(outputs).toEqual({ open: 1, hidden: { secret: true }, deep: { list: [{ secret: true }, "x"] } });
});

test("an output called __proto__ is an output", () => {
  const text = state([stack("OUTPUTS")]).replace('"OUTPUTS"', '{"__proto__":{"polluted":true},"a":1}');
  const { outputs } = factsOf(text);
  expect(Object.keys(outputs)).toEqual(["__proto__", "a"]);
  expect("polluted" in outputs).toBe(false);
});

test("plugins are those of the providers, with the plugin that serves a parameterised one", () => {
  const parameterised = {
    version: "9.9.9",
    __internal: { name: "terraform-provider", version: "1.0.0", parameterization: {} },
  };
  const resources = [
    provider("random", { version: "4.0.0" }),
    provider("random", { version: "4.0.0" }),
    provider("aws", { version: SECRET }),
    provider("bridged", parameterised),
  ];
  const listed = [
    { name: "random", type: "resource", path: "", version: "3.0.0" },
    { name: "docker", type: "resource", path: "", version: "5.0.0" },
    { name: "nodejs", type: "language", path: "", version: "" },
  ];
  const manifest = { time: "", magic: "", version: "", plugins: listed };
  expect(factsOf(state(resources, { manifest })).plugins).toEqual([
    { name: "aws", version: null },
    { name: "docker", version: "5.0.0" },
    { name: "random", version: "4.0.0" },
    { name: "terraform-provider", version: "1.0.0" },
  ]);
});

test("resources are told without values, and counted with and without what Pulumi adds", () => {
  const marked = resource("a::b", {
    delete: true,
    protect: true,
    external: true,
    parent: urn("g"),
    provider: "p::1",
  });
  const facts = factsOf(
    state([stack({}), provider("random", {}), marked, { ...resource("c"), id: undefined }]),
  );
  expect(facts).toMatchObject({ resourceCount: 4, ownResourceCount: 2 });
  expect(facts.resources[2]).toEqual({
    urn: urn("a::b"),
    type: "a:b:C",
    name: "a::b",
    id: "id-a::b",
    parent: urn("g"),
    provider: "p::1",
    protect: true,
    external: true,
    pendingDeletion: true,
  });
  expect(facts.resources[3]).toMatchObject({
    id: null,
    parent: null,
    provider: null,
    pendingDeletion: false,
  });
});

test("operations that did not end are told", () => {
  const operations = [{ type: "creating", resource: resource("a::b") }];
  expect(factsOf(state([], { pending_operations: operations })).pendingOperations).toEqual([
    { operation: "creating", urn: urn("a::b"), type: "a:b:C", name: "a::b", custom: true },
  ]);
});

test("a stack without a state has no facts but zeros, and no state is refused", () => {
  const none = {
    resourceCount: 0,
    ownResourceCount: 0,
    plugins: [],
    outputs: {},
    resources: [],
    pendingOperations: [],
  };
  expect(factsOf('{"version":3}')).toEqual(none);
  expect(() => factsOf("[]")).toThrow(SlipwayError);
});
