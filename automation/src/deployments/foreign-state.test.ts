import { expect, test } from "vitest";
import { secretsProviderOf } from "./foreign-state.ts";

const state = (deployment: object): string => JSON.stringify({ version: 3, deployment });

test.each([
  ["none", { manifest: {}, resources: [] }, null],
  ["the backend", { secrets_providers: { type: "service", state: {} }, resources: [] }, "service"],
  ["a passphrase", { secrets_providers: { type: "passphrase", state: { salt: "v1:a:b" } } }, "passphrase"],
  [
    "a passphrase, with a resource that looks otherwise",
    {
      resources: [{ inputs: { secrets_providers: { type: "service" } } }],
      secrets_providers: { type: "passphrase" },
    },
    "passphrase",
  ],
  [
    "the backend, with a resource that looks otherwise",
    {
      secrets_providers: { type: "service" },
      resources: [{ inputs: { secrets_providers: { type: "passphrase" } } }],
    },
    "service",
  ],
  [
    "none, with a resource that has one",
    { resources: [{ inputs: { secrets_providers: { type: "cloud" } } }] },
    null,
  ],
  [
    "none, with a text that has one",
    { resources: [{ inputs: { a: '"secrets_providers":{"type":"service"' } }] },
    null,
  ],
])("the secrets provider of a state: %s", (_name, deployment, provider) => {
  expect(secretsProviderOf(state(deployment))).toBe(provider);
});
