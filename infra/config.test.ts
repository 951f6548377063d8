import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const complete = {
  "slipway:target": "local",
  "strategyDesk:environment": "local",
  "strategyDesk:executionMode": "paper",
};

test("every missing and every wrong key is named in one error", () => {
  expect(() => parseConfig({ "strategyDesk:port": "http", "strategyDesk:flags": "{" }, "local")).toThrow(
    /slipway:target: is missing\n {2}strategyDesk:environment: is missing\n {2}strategyDesk:port: .*\n {2}strategyDesk:executionMode: is missing\n {2}strategyDesk:flags: must be JSON\nSet values in Pulumi.local.yaml/,
  );
});

test("the target aws is refused as one that is not there yet", () => {
  expect(() => parseConfig({ ...complete, "slipway:target": "aws" }, "production")).toThrow(
    "slipway:target: the target aws is not there yet; use local",
  );
});

test("flags are read as JSON and the rest has defaults", () => {
  const config = parseConfig({ ...complete, "strategyDesk:flags": '{"backtests":true}' }, "local");
  expect(config["strategyDesk:flags"]).toEqual({ backtests: true });
  expect(config["strategyDesk:logLevel"]).toBe("info");
});
