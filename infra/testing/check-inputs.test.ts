import { beforeAll, describe, expect, test } from "vitest";
import { RESOURCE_TYPES } from "../components/aws/resource-types.ts";
import { inputProblems } from "./check-inputs.ts";
import { type ProviderSchema, schemaOf } from "./provider-schema.ts";

const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";
const FUNCTION = "aws:lambda/function:Function";
const VERSIONING = "aws:s3/bucketVersioning:BucketVersioning";
const TABLE = "aws:dynamodb/table:Table";

/** Inputs that nothing is wrong with. */
const GOOD: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  [ALARM]: {
    name: "errors",
    comparisonOperator: "GreaterThanThreshold",
    evaluationPeriods: 1,
    threshold: 0,
    dimensions: { FunctionName: "audit" },
    alarmActions: ["arn:aws:sns:eu-central-1:111122223333:alerts"],
  },
  [FUNCTION]: {
    name: "audit",
    role: "arn:aws:iam::111122223333:role/audit",
    runtime: "nodejs24.x",
    architectures: ["arm64"],
    environment: { variables: { STAGE: "test" } },
  },
  [VERSIONING]: { bucket: "site", versioningConfiguration: { status: "Enabled" } },
  [TABLE]: { name: "audit", hashKey: "id", attributes: [{ name: "id", type: "S" }] },
};
/** As the engine gets a secret. */
const envelope = (value: unknown) => ({
  "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
  value,
});

let schema: ProviderSchema;
beforeAll(() => {
  schema = schemaOf(Object.keys(RESOURCE_TYPES));
});

const problemsOf = (type: string, inputs: Readonly<Record<string, unknown>>): string[] =>
  inputProblems(
    { type, name: "one", inputs: { ...inputs }, protect: false, ignoreChanges: [], parent: "" },
    schema,
  );

describe("inputs of a resource", () => {
  test.each(Object.entries(GOOD))("of %s that are right have no problem", (type, inputs) => {
    expect(problemsOf(type, inputs)).toEqual([]);
  });

  test.each<[string, string, Record<string, unknown>, RegExp]>([
    ["a property that there is not", ALARM, { comparison: "x" }, /: comparison: there is no such property$/],
    [
      "a property that the list does not name",
      FUNCTION,
      { layers: ["a"] },
      /: layers: is not in the list of inputs$/,
    ],
    [
      "a property inside of another that there is not",
      VERSIONING,
      { versioningConfiguration: { status: "Enabled", mode: 1 } },
      /: versioningConfiguration\.mode: there is no such property$/,
    ],
    [
      "a property inside of a list that there is not",
      TABLE,
      { attributes: [{ name: "id", type: "S", kind: "x" }] },
      /: attributes\[\]\.kind: there is no such property$/,
    ],
    ["a property that is missing", FUNCTION, { role: undefined }, /: role: is missing$/],
    [
      "a property inside of another that is missing",
      VERSIONING,
      { versioningConfiguration: {} },
      /: versioningConfiguration\.status: is missing$/,
    ],
    [
      "text for a number",
      ALARM,
      { evaluationPeriods: "2" },
      /: evaluationPeriods: must be a number, is "2"$/,
    ],
    [
      "a number for text",
      ALARM,
      { dimensions: { FunctionName: 7 } },
      /: dimensions\.FunctionName: must be a/,
    ],
    ["one for many", ALARM, { alarmActions: "arn:x" }, /: alarmActions: must be a list, is "arn:x"$/],
    ["text for an object", VERSIONING, { versioningConfiguration: "on" }, /must be an object, is "on"$/],
    [
      "a runtime that AWS does not have",
      FUNCTION,
      { runtime: "nodejs9" },
      /: runtime: must be one of .*nodejs/,
    ],
    [
      "a comparison that the types call text and AWS does not know",
      ALARM,
      { comparisonOperator: "Nope" },
      /: comparisonOperator: must be one of .*GreaterThanThreshold.*, is "Nope"$/,
    ],
    [
      "a value inside of a list that AWS does not know",
      TABLE,
      { attributes: [{ name: "id", type: "String" }] },
      /: attributes\[\]\.type: must be one of S, N, B, is "String"$/,
    ],
    [
      "a value inside of a secret that AWS does not know",
      VERSIONING,
      { versioningConfiguration: envelope({ status: "On" }) },
      /: versioningConfiguration\.status: must be one of Enabled, Suspended, is "On"$/,
    ],
  ])("with %s are wrong, and it is named", (_, type, wrong, says) => {
    expect(problemsOf(type, { ...GOOD[type], ...wrong })).toContainEqual(expect.stringMatching(says));
  });

  test("of a type that is not in the list are wrong", () => {
    expect(problemsOf("aws:s3/bucketAcl:BucketAcl", { bucket: "b" })).toEqual([
      "aws:s3/bucketAcl:BucketAcl one: the type is not in the list",
    ]);
  });
});
