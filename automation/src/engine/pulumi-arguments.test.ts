import { describe, expect, test } from "vitest";
import { pulumiArguments } from "./pulumi-arguments.ts";
import type { PulumiRequest } from "./runner-protocol.ts";

const files = { configFile: "/c.yaml", eventLog: "/e.jsonl" };

function request(operation: PulumiRequest["operation"], more: Partial<PulumiRequest> = {}): PulumiRequest {
  return {
    type: "pulumi",
    id: "1",
    operation,
    pulumiPath: "/pulumi",
    workDir: "/work",
    stack: "o/p/s",
    config: {},
    options: { refresh: false },
    env: {},
    secrets: [],
    ...more,
  };
}

const everyRun = [
  "--non-interactive",
  "--color=never",
  "--stack=o/p/s",
  "--config-file=/c.yaml",
  "--event-log=/e.jsonl",
  "--parallel=16",
  "--suppress-permalink=true",
];

describe("the CLI's arguments", () => {
  test.each([
    ["preview", {}, ["preview", ...everyRun, "--refresh=false"]],
    ["update", {}, ["up", ...everyRun, "--yes", "--skip-preview", "--refresh=false"]],
    ["refresh", {}, ["refresh", ...everyRun, "--yes", "--skip-preview", "--run-program=false"]],
    [
      "destroy",
      {},
      ["destroy", ...everyRun, "--yes", "--skip-preview", "--refresh=false", "--run-program=false"],
    ],
    [
      "detect-drift",
      { options: { refresh: false, runProgram: true } },
      ["refresh", ...everyRun, "--preview-only", "--run-program=true"],
    ],
    [
      "detect-drift",
      { options: { refresh: false, runProgram: false } },
      ["refresh", ...everyRun, "--preview-only", "--run-program=false"],
    ],
    ["preview", { planPath: "/p" }, ["preview", ...everyRun, "--refresh=false", "--save-plan=/p"]],
    [
      "update",
      { planPath: "/p" },
      ["up", ...everyRun, "--yes", "--skip-preview", "--refresh=false", "--plan=/p"],
    ],
  ] as const)("of %s with %o leave nothing to a default", (operation, more, expected) => {
    expect(pulumiArguments(request(operation, more), files)).toEqual(expected);
  });

  test("carry every option, each as one argument", () => {
    const options = {
      refresh: true,
      targets: ["urn:a", "--yes"],
      targetDependents: true,
      replace: ["urn:b"],
      parallel: 3,
      message: "it's $(fine)",
    };
    const args = pulumiArguments(request("update", { options }), files);
    expect(args).toEqual(
      expect.arrayContaining([
        "--refresh=true",
        "--target=urn:a",
        "--target=--yes",
        "--target-dependents",
        "--replace=urn:b",
        "--parallel=3",
        "--message=it's $(fine)",
      ]),
    );
  });

  test.each([
    ["destroy", { options: { refresh: false, replace: ["urn:a"] } }, "replace"],
    ["refresh", { options: { refresh: true } }, "refresh"],
    ["destroy", { planPath: "/p" }, "plan"],
    ["detect-drift", { options: { refresh: true, runProgram: true } }, "refresh"],
    ["detect-drift", { options: { refresh: false, runProgram: true, replace: ["urn:a"] } }, "replace"],
    ["detect-drift", { options: { refresh: false } }, "runProgram"],
    ["refresh", { options: { refresh: false, runProgram: true } }, "runProgram"],
    ["update", { options: { refresh: false, targetDependents: true } }, "targetDependents"],
  ] as const)("refuse for %s what it cannot do: %o", (operation, more, option) => {
    expect(() =>
      pulumiArguments(request(operation, more as unknown as Partial<PulumiRequest>), files),
    ).toThrow(expect.objectContaining({ code: "invalid_option", message: expect.stringContaining(option) }));
  });
});
