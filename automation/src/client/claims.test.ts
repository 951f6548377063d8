import { expect, test } from "vitest";
import { describeClaims, describeClient, readClaims } from "./claims.ts";

const LAPTOP = { "git.head": "0123456789abcdef0123", "git.headName": "refs/heads/main", "git.dirty": "true" };

test.each([
  [{}, null],
  [{ "exec.kind": "cli" }, null],
  [LAPTOP, "commit 0123456789 of main with uncommitted changes"],
  [
    { ...LAPTOP, "git.dirty": "false", "ci.system": "GitHub Actions" },
    "commit 0123456789 of main, in GitHub Actions",
  ],
  [{ "git.dirty": "true" }, "with uncommitted changes"],
  [
    { "git.headName": "topic", "vcs.owner": "acme", "vcs.repo": "shop", "ci.pr.number": "12" },
    "branch topic of acme/shop, for pull request 12",
  ],
])("%j reads as %s", (claimed, text) => {
  expect(describeClaims(claimed)).toBe(text);
});

test("whether a tree had changes is unknown when the client did not say, and no address becomes a link that is none", () => {
  expect(readClaims({}).dirty).toBeNull();
  expect(readClaims({ "ci.build.url": "javascript:alert(1)" }).ciUrl).toBeNull();
  expect(readClaims({ "ci.build.url": "https://ci.example/1" }).ciUrl).toBe("https://ci.example/1");
});

test("a client is named by its version, an unknown one by what it sent", () => {
  expect(describeClient("pulumi-cli/1 (v3.250.0; linux; cmd=up)")).toBe("Pulumi 3.250.0");
  expect(describeClient("curl/8")).toBe("curl/8");
});
