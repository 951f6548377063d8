import Fastify from "fastify";
import { expect, test } from "vitest";
import { registerLimits } from "./limits.ts";

test.each([
  ["watches its loop, so that it can refuse in time", {}, true],
  ["answers however late it is when it is to shed nothing", { shedsLoad: false }, false],
])("a server %s", async (_, options, watches) => {
  const app = Fastify();
  await registerLimits(app, { https: false, ...options });
  await app.ready();
  expect(app.hasDecorator("isUnderPressure")).toBe(watches);
  await app.close();
});
