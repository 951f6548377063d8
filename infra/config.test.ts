import { describe, expect, test } from "vitest";
import { parseConfig } from "./config.ts";
import { configOf } from "./testing/stack-config.ts";

const complete = {
  "slipway:target": "local",
  "strategyDesk:environment": "local",
  "strategyDesk:executionMode": "paper",
};

test("every missing and every wrong key is named in one error", () => {
  const given = { "slipway:target": "local", "strategyDesk:port": "http", "strategyDesk:flags": "{" };
  expect(() => parseConfig(given, "local")).toThrow(
    /strategyDesk:environment: is missing\n {2}strategyDesk:executionMode: is missing\n {2}strategyDesk:flags: must be JSON\n {2}strategyDesk:port: .*\nSet values in Pulumi.local.yaml/,
  );
});

test("without a target nothing else can be said", () => {
  expect(() => parseConfig({ "strategyDesk:flags": "{" }, "local")).toThrow(
    /:\n {2}slipway:target: is missing\nSet/,
  );
});

test("a target that is not known is refused with those that are", () => {
  expect(() => parseConfig({ ...complete, "slipway:target": "moon" }, "local")).toThrow(
    "slipway:target: must be one of: local, aws",
  );
});

describe("of the target aws", () => {
  const onAws = {
    "slipway:target": "aws",
    "aws:region": "eu-central-1",
    "strategyDesk:environment": "test",
    "strategyDesk:executionMode": "paper",
    "strategyDesk:owner": "desk",
  };

  test("everything that protects and limits has a default", () => {
    expect(parseConfig(onAws, "test")).toMatchObject({
      "strategyDesk:protection": "on",
      "strategyDesk:createZone": false,
      "strategyDesk:egress": "none",
      "strategyDesk:firewall": "none",
      "strategyDesk:logRetentionDays": 90,
      "strategyDesk:alertEmails": [],
    });
  });

  test.each([
    [
      "an environment is too long for its buckets",
      { "strategyDesk:environment": "staging-of-europe" },
      "strategyDesk:environment: is 4 too long: ",
    ],
    ["a region is missing", { "aws:region": undefined }, "aws:region: is missing"],
    [
      "a domain has no zone",
      { "strategyDesk:domain": "desk.example.org" },
      "strategyDesk:domain: needs strategyDesk:zone",
    ],
    [
      "a domain is in another zone",
      { "strategyDesk:apiDomain": "api.other.org", "strategyDesk:zone": "example.org" },
      "strategyDesk:apiDomain: needs strategyDesk:zone",
    ],
    [
      "logs end on a day that CloudWatch does not know",
      { "strategyDesk:logRetentionDays": "42" },
      "must be one of 1, 3, 5",
    ],
    ["a network is public", { "strategyDesk:networkCidr": "8.8.0.0/16" }, "must be a private block"],
    [
      "a function would be inside of a network that hides the time series",
      { "strategyDesk:cache": "redis", "strategyDesk:timeSeries": "liveanalytics" },
      "strategyDesk:egress: ",
    ],
    [
      "a firewall would turn everybody away",
      { "strategyDesk:firewallRequests": "1" },
      "strategyDesk:firewallRequests: ",
    ],
    ["pins have no version", { "slipway:pins": '{"audit":{"s3Key":"k"}}' }, "slipway:pins.audit.version"],
  ])("it is refused when %s", (_, change, message) => {
    expect(() => parseConfig({ ...onAws, ...change }, "test")).toThrow(new RegExp(message));
  });

  test.each(["test", "production"])("the file of the stack %s is complete", async (stack) => {
    expect(parseConfig(await configOf(stack), stack)["slipway:target"]).toBe("aws");
  });
});

test("flags are read as JSON and the rest has defaults", () => {
  const config = parseConfig({ ...complete, "strategyDesk:flags": '{"backtests":true}' }, "local");
  expect(config["strategyDesk:flags"]).toEqual({ backtests: true });
  expect(config["strategyDesk:logLevel"]).toBe("info");
});
