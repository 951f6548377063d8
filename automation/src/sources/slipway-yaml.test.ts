import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { SlipwayError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import { parseManifest } from "./slipway-yaml.ts";

function refusal(text: string): { code: string; issues: { path: string; message: string }[] } {
  try {
    parseManifest(text);
  } catch (error) {
    const { code, details } = error as SlipwayError;
    return { code, issues: details.issues as { path: string; message: string }[] };
  }
  throw new Error("it was accepted");
}

test("an unknown key is refused with its line and the nearest known key, at every depth", () => {
  const text = `services:
  api:
    path: services/api
    biuld: [npm, run, build]
    artifact: dist
gates:
  - name: up
    phase: after
    http:
      url: http://localhost/
      expectstatus: 200
gatez: []
`;
  const { code, issues } = refusal(text);
  expect(code).toBe("slipway_yaml_invalid");
  expect(issues).toEqual([
    { path: "slipway.yaml:4", message: "unknown key 'services.api.biuld'; did you mean 'build'?" },
    {
      path: "slipway.yaml:11",
      message: "unknown key 'gates.0.http.expectstatus'; did you mean 'expectStatus'?",
    },
    { path: "slipway.yaml:12", message: "unknown key 'gatez'; did you mean 'gates'?" },
  ]);
});

test("every other mistake names its line too", () => {
  expect(refusal("services:\n  api:\n    path: ../other\n    artifact: dist\n").issues[0]).toMatchObject({
    path: "slipway.yaml:3",
    message: "services.api.path: must be a path below the project's folder",
  });
  expect(refusal("gates:\n  - name: a\n    phase: sometimes\n    command: [x]\n").issues[0]?.path).toBe(
    "slipway.yaml:3",
  );
  expect(refusal("gates:\n  - name: a\n    phase: after\n").issues[0]?.message).toContain(
    "exactly one of 'http', 'command', 'metric'",
  );
  expect(refusal("services: [\n").issues[0]?.path).toMatch(/^slipway\.yaml:\d$/);
  expect(
    refusal("gates:\n  - { name: a, phase: before, http: { output: url } }\n").issues[0]?.message,
  ).toContain("cannot read an output");
});

test("one command and several commands are both a list of commands", () => {
  const { services } = parseManifest(
    "services:\n  a: { path: ., build: [make, all], test: [[make, lint], [make, test]], artifact: out }\n",
  );
  expect(services.a).toMatchObject({
    build: [["make", "all"]],
    test: [
      ["make", "lint"],
      ["make", "test"],
    ],
  });
});

test("an empty file has no services and no gates, and this repository's own file is valid", () => {
  expect(parseManifest("")).toMatchObject({ services: {}, gates: [], install: { workspaces: [] } });
  const own = readFileSync(path.resolve(import.meta.dirname, "../../../slipway.yaml"), "utf8");
  expect(Object.keys(parseManifest(own).services).length).toBeGreaterThan(0);
});

test("what a rollback must know of the data has a level, and no floor above it", () => {
  expect(parseManifest("release: { schema: contract, level: 4, rollbackFloor: 3 }").release).toEqual({
    schema: "contract",
    level: 4,
    rollbackFloor: 3,
  });
  expect(parseManifest("release: { schema: expand }").release).toEqual({ schema: "expand", level: 0 });
  expect(() => parseManifest("release: { level: 2, rollbackFloor: 3 }")).toThrow("above its own level");
  expect(() => parseManifest("release: { schema: both }")).toThrow("schema");
});

test("the nearest word is found, and none when all are far", () => {
  expect(nearest("tests", ["build", "test", "path"])).toBe("test");
  expect(nearest("xyzzy", ["build", "test", "path"])).toBeUndefined();
});
