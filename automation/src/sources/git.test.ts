import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { commitAuthors } from "./git.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "slipway-git-"));
  git("init", "-q", "-b", "main");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(...args: string[]): string {
  return execFileSync("git", ["-c", "user.name=nobody", "-c", "user.email=n@b", "-C", folder, ...args], {
    encoding: "utf8",
  }).trim();
}

/** A commit of somebody on the branch that is checked out; answers its name. */
function commit(author: string): string {
  writeFileSync(path.join(folder, `${author}.txt`), author);
  git("add", ".");
  const as = ["-c", `user.name=${author}`, "-c", `user.email=${author}@example.com`];
  execFileSync("git", [...as, "-C", folder, "commit", "-q", "-m", author]);
  return git("rev-parse", "HEAD");
}

const namesOf = async (since: string | null): Promise<string[]> =>
  (await commitAuthors(folder, { commit: git("rev-parse", "HEAD"), since })).map(({ name }) => name).sort();

test("all who wrote since the earlier commit are authors, and of no earlier commit those of the last one", async () => {
  const first = commit("ann");
  commit("bea");
  commit("cem");
  expect(await namesOf(first)).toEqual(["bea", "cem"]);
  expect(await namesOf(null)).toEqual(["cem"]);
  expect(await namesOf("0".repeat(40)), "the clone has no such commit").toEqual(["cem"]);
  expect(await namesOf(git("rev-parse", "HEAD")), "the same once more").toEqual(["cem"]);
});

test("after a change of branch all are authors who wrote what the earlier commit has not, and not only the last of them", async () => {
  commit("ann");
  git("checkout", "-q", "-b", "hotfix");
  const released = commit("dan");
  git("checkout", "-q", "main");
  commit("bea");
  commit("cem");
  expect(await namesOf(released)).toEqual(["bea", "cem"]);
});

test("of an older commit than the released one the last author of what it holds is one", async () => {
  commit("ann");
  const released = commit("bea");
  git("checkout", "-q", "HEAD~1");
  expect(await namesOf(released)).toEqual(["ann"]);
});
