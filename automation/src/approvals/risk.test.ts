import { describe, expect, test } from "vitest";
import type { PlannedStep } from "../contract/previews.ts";
import { automaticVote } from "./matching.ts";
import type { RiskTier } from "./risk.ts";
import { riskOf } from "./risk.ts";
import { isStateful, matchesType } from "./stateful-types.ts";

const AWS = "urn:pulumi:s::p::pulumi:providers:aws::default::1";

function step(operation: string, type: string, more: Partial<PlannedStep> = {}): PlannedStep {
  const name = more.name ?? "it";
  return {
    urn: `urn:pulumi:s::p::${type}::${name}`,
    type,
    name,
    operation,
    provider: AWS,
    parent: null,
    dependencies: [],
    protect: false,
    changes: [],
    ...more,
  };
}

const FUNCTION = "aws:lambda/function:Function";
const DATABASE = "aws:rds/instance:Instance";
const COMPONENT = { provider: null };
const MOVED = [{ path: "size", kind: "update", replaces: false, before: 1, after: 2, known: true }] as const;

test("what is shipped beside an empty plan is a change of medium risk, and lowers nothing that is worse", () => {
  expect(riskOf([step("same", FUNCTION)], "update", { ships: true })).toEqual({
    tier: "medium",
    reasons: ["Other functions or another site are put in place, of which the preview tells nothing."],
    counts: { ship: 1 },
  });
  expect(riskOf([step("create", FUNCTION)], "update", { ships: true }).tier).toBe("medium");
  const worse = riskOf([step("delete", DATABASE)], "update", { ships: true });
  expect(worse).toMatchObject({ tier: "highest", counts: { delete: 1, ship: 1 } });
});

test("what is dropped from the state beside an empty preview is a change that people decide about", () => {
  expect(riskOf([step("refresh", FUNCTION)], "refresh", { clears: 2 })).toEqual({
    tier: "medium",
    reasons: ["Creates that were begun and may have taken effect are dropped from the state: 2."],
    counts: { "clear-pending-create": 2 },
  });
  expect(riskOf([step("delete", DATABASE)], "refresh", { clears: 1 }).tier).toBe("highest");
});

test("other outputs alone are a change of low risk, which readers of the stack get; beside others they follow from those", () => {
  const outputs = riskOf([step("same", DATABASE)], "update", { outputs: ["manifest", "url"] });
  expect(outputs).toEqual({
    tier: "low",
    reasons: ["Other outputs of the stack: manifest, url."],
    counts: { outputs: 2 },
  });
  const change = {
    operation: "update",
    risk: { ...outputs, reasons: [...outputs.reasons], counts: { ...outputs.counts } },
    types: [],
  };
  expect(automaticVote("adds-only", change).votes).toBe(false);
  expect(automaticVote("in-place-only", change).votes).toBe(true);
  expect(riskOf([step("create", DATABASE)], "update", { outputs: ["url"] }).counts).toEqual({ create: 1 });
});

test("what is protected no more is of the highest risk, although the engine calls it the same, and no rule votes for it", () => {
  const changes = [
    { path: "options.protect", kind: "update", replaces: false, before: true, after: false, known: true },
  ] as const;
  const same = riskOf([step("same", FUNCTION, { protect: true, changes: [...changes] })], "update");
  expect(same).toEqual({
    tier: "highest",
    reasons: ["Protection taken away: it."],
    counts: { unprotect: 1 },
  });
  expect(riskOf([step("update", FUNCTION, { changes: [...changes] })], "update").tier).toBe("highest");
  expect(
    automaticVote("in-place-only", {
      operation: "update",
      risk: { ...same, reasons: [...same.reasons], counts: { ...same.counts } },
      types: [FUNCTION],
    }).votes,
  ).toBe(false);
});

describe("the tier of a change is that of its worst step", () => {
  const shapes: [string, string, PlannedStep[], RiskTier][] = [
    ["nothing at all", "update", [], "none"],
    ["only what stays", "update", [step("same", DATABASE), step("read", FUNCTION)], "none"],
    ["a destroy of nothing", "destroy", [], "none"],
    ["a refresh that read the same", "refresh", [step("refresh", DATABASE)], "none"],
    ["adds only", "update", [step("create", FUNCTION), step("same", DATABASE)], "low"],
    ["an added database", "update", [step("create", DATABASE)], "low"],
    ["an import", "update", [step("import", DATABASE)], "low"],
    ["a change in place", "update", [step("update", FUNCTION), step("create", FUNCTION)], "medium"],
    ["a database changed in place", "update", [step("update", DATABASE)], "medium"],
    [
      "a refresh that read something else",
      "refresh",
      [step("refresh", DATABASE, { changes: [...MOVED] })],
      "medium",
    ],
    ["a component that goes", "update", [step("delete", "app:index:Web", COMPONENT)], "medium"],
    ["a replaced function", "update", [step("replace", FUNCTION)], "high"],
    ["a deleted function", "update", [step("delete", FUNCTION), step("create", FUNCTION)], "high"],
    ["a provider that goes", "update", [step("delete", "pulumi:providers:aws", COMPONENT)], "high"],
    ["a destroy of a function", "destroy", [step("delete", FUNCTION)], "high"],
    ["a destroy of components only", "destroy", [step("delete", "app:index:Web", COMPONENT)], "high"],
    ["a replaced database", "update", [step("replace", DATABASE)], "highest"],
    ["the engine's long word for it", "update", [step("create-replacement", DATABASE)], "highest"],
    ["a deleted database", "update", [step("delete", DATABASE)], "highest"],
    ["a destroy of a database", "destroy", [step("delete", FUNCTION), step("delete", DATABASE)], "highest"],
    ["a database that a refresh does not find", "refresh", [step("delete", DATABASE)], "highest"],
    ["a protected function that goes", "update", [step("delete", FUNCTION, { protect: true })], "highest"],
    ["a protected function replaced", "update", [step("replace", FUNCTION, { protect: true })], "highest"],
    [
      "a protected component",
      "update",
      [step("delete", "app:index:Web", { ...COMPONENT, protect: true })],
      "highest",
    ],
    ["what nobody here knows", "update", [step("transmogrify", FUNCTION), step("same", DATABASE)], "highest"],
    [
      "what nobody here knows, of a component",
      "update",
      [step("transmogrify", "app:index:Web", COMPONENT)],
      "highest",
    ],
  ];
  test.each(shapes)("%s", (_, operation, steps, tier) => {
    expect(riskOf(steps, operation).tier).toBe(tier);
  });
});

test("a stack's own types are as stateful as the known ones", () => {
  const steps = [step("delete", "acme:index:Ledger")];
  expect(riskOf(steps, "update").tier).toBe("high");
  expect(riskOf(steps, "update", { statefulTypes: ["acme:*:ledger"] }).tier).toBe("highest");
});

test("the reasons name what is lost, worst first, and no more than five of a kind", () => {
  const many = ["a", "b", "c", "d", "e", "f", "g"].map((name) => step("delete", DATABASE, { name }));
  const risk = riskOf([step("create", FUNCTION), ...many, step("transmogrify", FUNCTION)], "update");
  expect(risk.reasons).toEqual([
    "Delete of what holds data: a, b, c, d, e and 2 more.",
    "'transmogrify', a kind of step that nobody here knows: it.",
    "Create: 1 resource.",
  ]);
  expect(risk.counts).toEqual({ create: 1, delete: 7, transmogrify: 1 });
});

describe("types that hold data", () => {
  test.each([
    "aws:rds/instance:Instance",
    "aws:s3/bucketV2:BucketV2",
    "aws:ebs/volume:Volume",
    "aws:sqs/queue:Queue",
    "aws:kms/key:Key",
    "aws:efs/fileSystem:FileSystem",
    "aws-native:dynamodb:Table",
    "azure-native:sql:Database",
    "azure-native:sql/v20211101:Database",
    "azure:mssql/database:Database",
    "azure-native:storage:StorageAccount",
    "azure-native:keyvault:Key",
    "gcp:sql/databaseInstance:DatabaseInstance",
    "gcp:storage/bucket:Bucket",
    "gcp:kms/cryptoKey:CryptoKey",
    "kubernetes:core/v1:PersistentVolumeClaim",
    "kubernetes:apps/v1:StatefulSet",
    "postgresql:index/database:Database",
    "slipway-local:index:Database",
  ])("%s", (type) => {
    expect(isStateful(type)).toBe(true);
  });

  test.each([
    "aws:lambda/function:Function",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:rds/parameterGroup:ParameterGroup",
    "aws:sqs/queuePolicy:QueuePolicy",
    "azure-native:web:WebApp",
    "gcp:cloudrunv2/service:Service",
    "kubernetes:apps/v1:Deployment",
    "slipway-local:index:Process",
    "pulumi:pulumi:Stack",
  ])("not %s", (type) => {
    expect(isStateful(type)).toBe(false);
  });

  test("a glob's signs other than the star stand for themselves", () => {
    expect(matchesType("a.b:c", "a.b:*")).toBe(true);
    expect(matchesType("axb:c", "a.b:*")).toBe(false);
    expect(matchesType("a(b", "a(b")).toBe(true);
  });
});
