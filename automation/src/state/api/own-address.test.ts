import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { addressOf, sealedAt } from "./own-address.ts";

const HERE = "http://127.0.0.1:7420";
const LAPTOP = "https://slipway.example";
const provider = (url: string, type = "service") =>
  `"secrets_providers":{"type":"${type}","state":{"url":"${url}","owner":"o","project":"p","stack":"s"}}`;
const state = (...members: string[]): string =>
  `{"version":3,"deployment":{"manifest":{"n":1.0},${members.join(",")}}}`;

test("a state names the address under which its reader knows the server, and keeps all other bytes", () => {
  const rest = '"resources":[{"urn":"u","inputs":{"n":12345678901234567890}}]';
  expect(sealedAt(state(provider(LAPTOP), rest), HERE)).toBe(state(provider(HERE), rest));
  expect(sealedAt(state(rest, provider(LAPTOP)), HERE)).toBe(state(rest, provider(HERE)));
  const same = state(provider(HERE), rest);
  expect(sealedAt(same, HERE)).toBe(same);
});

test.each([
  ["none", state('"resources":[]')],
  ["an empty state", '{"version":3,"deployment":null}'],
  ["a passphrase", state(provider(LAPTOP, "passphrase"), '"resources":[]')],
  ["nothing for a provider", state('"secrets_providers":null', '"resources":[]')],
  ["a resource that looks like one", state(`"resources":[{"inputs":{${provider(LAPTOP)}}}]`)],
])("a state with %s is not touched", (_name, text) => {
  expect(sealedAt(text, HERE)).toBe(text);
});

test("a server behind a proxy is known under its public address, and under its own to who asks there", () => {
  const hosts = { host: "127.0.0.1", publicUrl: LAPTOP };
  const ask = (host: string) =>
    addressOf({ headers: { host }, protocol: "http" } as unknown as FastifyRequest, hosts);
  expect(ask("Slipway.example")).toBe(LAPTOP);
  expect(ask("127.0.0.1:7420")).toBe(HERE);
});
