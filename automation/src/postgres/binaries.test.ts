import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { needs } from "../../../test/helpers/machine.ts";
import { locateBinaries } from "./binaries.ts";
import { chooseUser, firstClosedFolder } from "./unprivileged-user.ts";

test("the installed programs run, with their library links", () => {
  const found = locateBinaries(undefined, "/nonexistent");
  expect(execFileSync(found.postgres, ["--version"], { encoding: "utf8" })).toContain(
    `PostgreSQL) ${found.version}`,
  );
});

test("an installation that the user cannot reach is copied once", (context) => {
  needs(context, "root");
  const closed = temporaryFolder("closed");
  const reachable = temporaryFolder("reachable", { reachable: true });
  const user = chooseUser("/nonexistent");
  if (user === undefined) throw new Error("root needs another user");
  expect(firstClosedFolder(path.join(closed, "deeper"), user)).toBe(closed);
  expect(firstClosedFolder(path.join(reachable, "deeper"), user)).toBeUndefined();
  // This clone may itself lie below a closed folder or not: a user that nothing is open to sees the copy made.
  const found = locateBinaries(user, reachable);
  expect(firstClosedFolder(found.postgres, user)).toBeUndefined();
  expect(readdirSync(reachable).filter((name) => name.includes("partial"))).toEqual([]);
});
