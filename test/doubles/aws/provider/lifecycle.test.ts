import { describe, expect, test } from "vitest";
import { UNKNOWN } from "../../../../infra/providers/local/values.ts";
import { schemaOf } from "../../../../infra/testing/provider-schema.ts";
import { check, diff, inputsAsSeen, stateBeforeUpdate, withAllTags } from "./lifecycle.ts";
import { TRAITS, type Traits } from "./traits.ts";

const BUCKET = "aws:s3/bucket:Bucket";
const ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm";
const FUNCTION = "aws:lambda/function:Function";
const TABLE = "aws:dynamodb/table:Table";

const declarations = { schema: schemaOf([BUCKET, ALARM, FUNCTION, TABLE]), outputs: {} };
const traitsOf = (type: string): Traits => TRAITS[type] ?? { service: "s3", replacedBy: [] };
const checked = (type: string, given: Record<string, unknown>, olds: Record<string, unknown> = {}) =>
  check(type, "one", traitsOf(type), given, olds, declarations);
const differing = (type: string, olds: Record<string, unknown>, news: Record<string, unknown>) =>
  diff(traitsOf(type), olds, news);

describe("a check", () => {
  test("refuses what the type does not have, of whatever depth, and a value that AWS does not know", () => {
    expect(checked(BUCKET, { bucket: "b", colour: "red" }).problems).toEqual([
      expect.stringContaining("colour"),
      expect.stringContaining("colour"),
    ]);
    const attributes = [{ name: "id", type: "S", size: 3 }];
    const table = { name: "t", hashKey: "id", billingMode: "PAY_PER_REQUEST", attributes };
    expect(checked(TABLE, table).problems).toEqual([expect.stringContaining("attributes[].size")]);
    const alarm = { name: "a", evaluationPeriods: 1, comparisonOperator: "IsMore" };
    expect(checked(ALARM, alarm).problems).toEqual([expect.stringContaining("comparisonOperator")]);
  });

  test("refuses what is missing, but not what is only not known yet", () => {
    expect(checked(FUNCTION, { name: "f" }).problems).toEqual([expect.stringContaining("role: is missing")]);
    expect(checked(FUNCTION, { name: "f", role: UNKNOWN }).problems).toEqual([]);
  });

  test("gives a name to what has none, and leaves it that name", () => {
    const { inputs } = checked(BUCKET, {});
    expect(inputs).toEqual({ bucket: expect.stringMatching(/^one-[0-9a-f]{7}$/), forceDestroy: false });
    expect(checked(BUCKET, {}, inputs).inputs).toEqual(inputs);
  });
});

describe("a difference", () => {
  test("is none for another order of a set, or for other blanks in a policy", () => {
    const policy = (text: string) => ({ bucket: "b", policy: text });
    expect(
      differing(BUCKET, policy('{"A": [1, 2], "B": "x"}'), policy('{"B":"x","A":[2,1]}')).changed,
    ).toEqual([]);
    expect(differing(ALARM, { alarmActions: ["x", "y"] }, { alarmActions: ["y", "x"] }).changed).toEqual([]);
  });

  test("is one for another value, for one that is gone or new, and for one that is not known yet", () => {
    const olds = { memorySize: 512, description: "a", tagsAll: { owner: "one" } };
    expect(differing(FUNCTION, olds, { ...olds, memorySize: 256 }).changed).toEqual(["memorySize"]);
    expect(differing(FUNCTION, olds, { ...olds, tagsAll: { owner: "two" } }).changed).toEqual(["tagsAll"]);
    expect(differing(FUNCTION, olds, { memorySize: 512, tagsAll: olds.tagsAll }).changed).toEqual([
      "description",
    ]);
    expect(differing(FUNCTION, olds, { ...olds, timeout: 3 }).changed).toEqual(["timeout"]);
    expect(differing(FUNCTION, olds, { ...olds, role: UNKNOWN }).changed).toEqual(["role"]);
  });

  test("means a new resource where AWS has no way to change it; the old one goes first where both would have one name", () => {
    expect(differing(FUNCTION, { name: "a" }, { name: "b" })).toEqual({
      changed: ["name"],
      replaces: ["name"],
      deleteFirst: false,
    });
    const table = { name: "t", hashKey: "id" };
    expect(differing(TABLE, table, { ...table, hashKey: "key" })).toMatchObject({
      replaces: ["hashKey"],
      deleteFirst: true,
    });
    expect(differing(FUNCTION, { name: "a", timeout: 3 }, { name: "a", timeout: 4 }).replaces).toEqual([]);
  });

  test("of a published function makes its version unknown, and its code only when the code changes", () => {
    const before = { version: "3", codeSha256: "abc", memorySize: 512 };
    const unknownAfter = (...names: string[]) => {
      const state = stateBeforeUpdate(traitsOf(FUNCTION), before, { memorySize: 256 }, new Set(names));
      return [state.version === UNKNOWN, state.codeSha256 === UNKNOWN, state.memorySize];
    };
    expect(unknownAfter("memorySize")).toEqual([true, false, 256]);
    expect(unknownAfter("s3Key")).toEqual([true, true, 256]);
    expect(unknownAfter("tagsAll")).toEqual([false, false, 256]);
  });
});

describe("what was read", () => {
  const NO_TAGS = {};

  test("is told in the program's words, without what AWS adds", () => {
    const set = { name: "a", threshold: 5, dimensions: { FunctionName: "f" } };
    const seen = { ...set, arn: "arn", treatMissingData: "missing" };
    expect(inputsAsSeen(set, seen, NO_TAGS)).toEqual(set);
  });

  test("shows what somebody changed, inside of lists and maps too, and what is gone", () => {
    const set = {
      threshold: 5,
      rules: [
        { id: "old", days: 30 },
        { id: "new", days: 90 },
      ],
      dimensions: { FunctionName: "f" },
    };
    const rules = [{ id: "old", days: 30, status: "on" }];
    const seen = { threshold: 6, rules, dimensions: { FunctionName: "f", Resource: "r" } };
    expect(inputsAsSeen(set, seen, NO_TAGS)).toEqual({
      threshold: 6,
      rules: [{ id: "old", days: 30 }],
      dimensions: { FunctionName: "f", Resource: "r" },
    });
  });

  test("has the tags that the program gave and those that somebody added, not those of the provider", () => {
    const defaults = { team: "desk" };
    const inputs = withAllTags({ tags: { owner: "ann" } }, defaults, true);
    expect(inputs.tagsAll).toEqual({ team: "desk", owner: "ann" });
    const seen = (tagsAll: object) => inputsAsSeen({ tags: { owner: "ann" } }, { tagsAll }, defaults);
    expect(seen({ team: "desk", owner: "ann" })).toEqual({ tags: { owner: "ann" } });
    expect(seen({ team: "desk", owner: "ben", more: "x" })).toEqual({ tags: { owner: "ben", more: "x" } });
  });
});
