import { expect, test } from "vitest";
import type { ComparedRelease } from "./compare.ts";
import { compareReleases } from "./compare.ts";

const base: ComparedRelease = {
  sourceDigest: "sha256:1",
  lockfileDigest: "sha256:2",
  config: {
    "shop:size": { secret: false, value: "2" },
    "shop:same": { secret: false, value: "x" },
    "shop:password": { secret: true, ciphertext: "one" },
  },
  artifacts: [
    { name: "api", digest: "sha256:a" },
    { name: "desk", digest: "sha256:d" },
  ],
  pulumiVersion: "3.250.0",
  plugins: [{ name: "aws", version: "7.0.0" }],
};

test("what differs between two releases is named by key, artifact and version, and no value is shown", () => {
  const promoted: ComparedRelease = {
    ...base,
    sourceDigest: "sha256:9",
    config: {
      "shop:size": { secret: false, value: "8" },
      "shop:same": { secret: false, value: "x" },
      "shop:password": { secret: true, ciphertext: "another ciphertext of who knows what" },
      "shop:token": { secret: true, ciphertext: "two" },
    },
    artifacts: [
      { name: "api", digest: "sha256:b" },
      { name: "desk", digest: "sha256:d" },
      { name: "jobs", digest: "sha256:j" },
    ],
    plugins: [{ name: "aws", version: "7.1.0" }],
  };
  const found = compareReleases(promoted, base);
  expect(found).toEqual({
    sameSource: false,
    sameLockfile: true,
    artifacts: [
      { name: "api", change: "changed" },
      { name: "desk", change: "same" },
      { name: "jobs", change: "added" },
    ],
    config: [
      { key: "shop:size", secret: false, change: "changed" },
      { key: "shop:token", secret: true, change: "added" },
    ],
    versions: [{ name: "aws", from: "7.0.0", to: "7.1.0" }],
  });
  expect(JSON.stringify(found)).not.toContain("ciphertext");
});

test("to a stack without a release everything is new", () => {
  expect(compareReleases(base, undefined)).toEqual({
    sameSource: false,
    sameLockfile: false,
    artifacts: [
      { name: "api", change: "added" },
      { name: "desk", change: "added" },
    ],
    config: [],
    versions: [
      { name: "aws", from: null, to: "7.0.0" },
      { name: "pulumi", from: null, to: "3.250.0" },
    ],
  });
});

test("a value that becomes a secret is a change", () => {
  const secret = {
    ...base,
    config: { ...base.config, "shop:size": { secret: true, ciphertext: "x" } as const },
  };
  expect(compareReleases(secret, base).config).toEqual([
    { key: "shop:size", secret: true, change: "changed" },
  ]);
});
