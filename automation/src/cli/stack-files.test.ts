import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keepStackFiles, saysTheSame } from "./stack-files.ts";

const COMMITTED = "config:\n  desk:port: 7430 # the sample's\n  desk:flags:\n    live: true\n";
const REWRITTEN =
  'config:\n  desk:port: "7430"\n  desk:flags:\n    live: true\nencryptionsalt: v1:abc=:v1:x:y==\n';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-stack-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["the salt and the spelling of values", COMMITTED, REWRITTEN, true],
  ["a value", COMMITTED, REWRITTEN.replace("7430", "7431"), false],
  [
    "a new secret",
    COMMITTED,
    `${REWRITTEN}  \n`.replace("  desk:port", "  desk:key:\n    secure: v1:x\n  desk:port"),
    false,
  ],
  ["what is no YAML", COMMITTED, "config: [", false],
])("two stack files that differ in %s", (_what, before, after, same) => {
  expect(saysTheSame(before, after)).toBe(same);
});

test("a committed stack file comes back as it was, and one of salt alone goes away", async () => {
  await writeFile(path.join(folder, "Pulumi.local.yaml"), COMMITTED);
  const restore = await keepStackFiles(folder);
  await writeFile(path.join(folder, "Pulumi.local.yaml"), REWRITTEN);
  await writeFile(path.join(folder, "Pulumi.new.yaml"), "encryptionsalt: v1:abc=:v1:x:y==\n");
  await restore();
  expect(await readdir(folder)).toEqual(["Pulumi.local.yaml"]);
  expect(await readFile(path.join(folder, "Pulumi.local.yaml"), "utf8")).toBe(COMMITTED);
});

test("a stack file in which a person's command set something stays", async () => {
  await writeFile(path.join(folder, "Pulumi.local.yaml"), COMMITTED);
  const restore = await keepStackFiles(folder);
  const set = REWRITTEN.replace("7430", "7431");
  await writeFile(path.join(folder, "Pulumi.local.yaml"), set);
  await restore();
  expect(await readFile(path.join(folder, "Pulumi.local.yaml"), "utf8")).toBe(set);
});
