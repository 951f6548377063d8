import { expect, test } from "vitest";
import { checkInputs, diffInputs } from "./lifecycle.ts";
import { endpointKind } from "./resources/endpoint.ts";
import { processKind } from "./resources/process.ts";
import { type Properties, plain, secret, secretStrings, UNKNOWN } from "./values.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const inputs = (more: Properties = {}): Properties => ({
  name: "api",
  bundle: { path: "/a", digest: digest("a") },
  command: ["node", "server.mjs"],
  ...more,
});

test("defaults are filled in, and secret marks survive the check", () => {
  const environment = { TOKEN: secret("x") };
  const { inputs: checked, failures } = checkInputs(processKind, inputs({ environment }));
  expect(failures).toEqual([]);
  expect(checked).toMatchObject({ healthPath: "/healthz", healthTimeoutSeconds: 30, environment });
});

test("what is unknown in a preview is checked later, and counts as a change", () => {
  const environment = { DATABASE_URL: UNKNOWN };
  expect(checkInputs(processKind, inputs({ environment, name: UNKNOWN })).failures).toEqual([]);
  expect(diffInputs(processKind, inputs(), {}, inputs({ environment })).replaces).toEqual(["environment"]);
});

test("unknown inputs and wrong values are all named", () => {
  const { failures } = checkInputs(
    processKind,
    inputs({ name: "A b", healthpath: "/x", environment: { PORT: "1" } }),
  );
  expect(failures.map(({ property }) => property).sort()).toEqual(["environment.PORT", "healthpath", "name"]);
});

test("the same bytes in another folder are no change, other bytes are a replacement", () => {
  const moved = inputs({ bundle: { path: "/b", digest: digest("a") } });
  expect(diffInputs(processKind, inputs(), {}, moved).changed).toEqual([]);
  const rebuilt = inputs({ bundle: { path: "/a", digest: digest("b") } });
  expect(diffInputs(processKind, inputs(), {}, rebuilt).replaces).toEqual(["bundle"]);
});

test("only another port replaces an endpoint; a port that is no longer asked for stays", () => {
  const before = { name: "web", port: 17, routes: [{ path: "/", upstream: "a" }] };
  const { port: _port, ...without } = before;
  expect(diffInputs(endpointKind, before, { port: 17 }, without).changed).toEqual([]);
  expect(diffInputs(endpointKind, without, { port: 17 }, { ...without, port: 18 }).replaces).toEqual([
    "port",
  ]);
  const moved = { ...before, routes: [{ path: "/", upstream: "b" }] };
  expect(diffInputs(endpointKind, before, {}, moved)).toEqual({ changed: ["routes"], replaces: [] });
});

test("a value becoming secret is no change, and secrets are found at every depth", () => {
  const environment = { TOKEN: secret("x") };
  expect(
    diffInputs(processKind, inputs({ environment: { TOKEN: "x" } }), {}, inputs({ environment })).changed,
  ).toEqual([]);
  expect(secretStrings(inputs({ environment, list: [secret({ deep: ["y"] })] }))).toEqual(["x", "y"]);
  expect(plain(environment)).toEqual({ TOKEN: "x" });
});
