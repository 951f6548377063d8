import type { PromotionPreview } from "@slipway/automation/contract";
import { expect, test } from "vitest";
import { differencesOf } from "./differences.ts";

const digest = `sha256:${"a".repeat(64)}`;
const same: PromotionPreview = {
  from: {
    stack: "local",
    release: 4,
    health: "good",
    commit: "0123456789abcdef",
    sourceDigest: digest,
    createdAt: "2026-01-01T00:00:00.000Z",
  },
  refusal: null,
  current: { release: 2, commit: null, sourceDigest: digest },
  sameSource: true,
  sameLockfile: true,
  artifacts: [{ name: "api", change: "same" }],
  config: [],
  versions: [],
};

test("what differs is said in sentences, and that nothing does is said too", () => {
  expect(differencesOf(same, "test")).toEqual(["Nothing: test runs the same already."]);
  expect(differencesOf({ ...same, current: null }, "test")).toEqual([
    "test has no release yet: everything is new there.",
  ]);
  const other: PromotionPreview = {
    ...same,
    sameSource: false,
    sameLockfile: false,
    artifacts: [{ name: "api", change: "changed" }],
    config: [{ key: "shop:token", secret: true, change: "added" }],
    versions: [{ name: "aws", from: "7.0.0", to: "7.1.0" }],
  };
  expect(differencesOf(other, "test")).toEqual([
    "Source 0123456789 in place of aaaaaaaaaa (its release 2).",
    "Other dependencies (the lockfile differs).",
    "Artifact api: changed.",
    "Config shop:token (secret) is not set there; test keeps its own.",
    "aws: 7.0.0 to 7.1.0.",
  ]);
});
