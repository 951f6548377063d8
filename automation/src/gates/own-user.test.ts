import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { asOwnUser, isNotStarted } from "./own-user.ts";

const MEANS = { bwrap: "bwrap", setpriv: "setpriv" };
let root: string;
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), "slipway-own-user-"));
  mkdirSync(path.join(root, "data/attempts/a/source"), { recursive: true });
  mkdirSync(path.join(root, "data/dependencies"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test("of a hidden folder only what is wanted is seen, by a way of folders that can be passed", () => {
  const data = path.join(root, "data");
  const source = path.join(data, "attempts/a/source");
  const argv = asOwnUser(
    MEANS,
    { hidden: [data], writable: [source], readable: [path.join(data, "dependencies"), "/usr/bin"] },
    source,
  ).join(" ");
  // The test's own folder is closed to others, and so hidden whole.
  expect(argv).toContain(`--perms 0755 --tmpfs ${root}`);
  expect(argv).not.toContain(`--tmpfs ${data}`);
  expect(argv).toContain(
    `--perms 0755 --dir ${data} --perms 0755 --dir ${data}/attempts --perms 0755 --dir ${data}/attempts/a`,
  );
  expect(argv).toContain(`--ro-bind ${data}/dependencies ${data}/dependencies`);
  expect(argv).toContain(`--bind ${source} ${source}`);
  // What everybody may read stays where it is.
  expect(argv).not.toContain("/usr/bin");
  expect(argv).toContain(`--chdir ${source} -- setpriv --reuid=65534`);
});

test("a program that is not there is told from one that fails", () => {
  expect(isNotStarted(127, ["setpriv: failed to execute nothing: No such file or directory"])).toBe(true);
  expect(isNotStarted(127, ["sh: 1: nothing: not found"])).toBe(false);
  expect(isNotStarted(1, ["setpriv: failed to execute nothing: No such file or directory"])).toBe(false);
});
