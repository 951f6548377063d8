import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { earlierStateHints } from "./earlier-state.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "slipway-earlier-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

test("stacks in files of an earlier start are told with the command that brings them over", () => {
  const project = path.join(dataDir, "state", "acme", ".pulumi", "stacks", "shop");
  mkdirSync(project, { recursive: true });
  writeFileSync(path.join(project, "test.json"), "{}");
  expect(earlierStateHints(dataDir)).toEqual([
    expect.stringContaining(
      `npx slipway state import --from file://${dataDir}/state/acme --organisation acme --passphrase-file ${dataDir}/state/passphrase`,
    ),
  ]);
});

test("a data folder without such stacks tells nothing", () => {
  expect(earlierStateHints(dataDir)).toEqual([]);
  mkdirSync(path.join(dataDir, "state", "acme", ".pulumi"), { recursive: true });
  expect(earlierStateHints(dataDir)).toEqual([]);
});
