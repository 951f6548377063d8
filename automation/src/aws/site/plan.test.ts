import { expect, test } from "vitest";
import type { Shipment } from "../../contract/aws/shipment.ts";
import { cacheControlOf, contentTypeOf, FOR_EVER, NO_CACHE, SHORT } from "./headers.ts";
import { planRestore, planSite, RETIRED_STAY_DAYS } from "./plan.ts";

const NOW = new Date("2026-05-01T00:00:00Z");
const DAY_MS = 24 * 60 * 60_000;

function recorded(key: string, given: Partial<Shipment["site"][string]> = {}): Shipment["site"][string] {
  return {
    versionId: `v-${key}`,
    sha256: "0".repeat(64),
    contentType: contentTypeOf(key),
    cacheControl: cacheControlOf(key, null),
    ...given,
  };
}
const site = (...keys: string[]): Shipment["site"] =>
  Object.fromEntries(keys.map((key) => [key, recorded(key)]));
const built = (...keys: string[]) => keys.map((key) => ({ key, ...recorded(key) }));
const there = (...keys: string[]) => new Map(keys.map((key) => [key, `v-${key}`]));

test.each([
  ["other content", { sha256: "1".repeat(64) }],
  ["another type", { contentType: "text/plain" }],
  ["another cache-control", { cacheControl: "no-store" }],
])("a file with %s than before is uploaded", (_, given) => {
  const [file] = built("index.html");
  const plan = planSite(
    [{ ...file, key: "index.html", ...given } as never],
    site("index.html"),
    there("index.html"),
    NOW,
  );
  expect([plan.changes.length, Object.keys(plan.kept)]).toEqual([1, []]);
});

test("a file that is recorded but not what the bucket serves is uploaded", () => {
  for (const current of [new Map<string, string>(), new Map([["a.txt", "another version"]])]) {
    expect(planSite(built("a.txt"), site("a.txt"), current, NOW).changes).toHaveLength(1);
  }
  expect(planSite(built("a.txt"), site("a.txt"), there("a.txt"), NOW).changes).toHaveLength(0);
});

test("what leaves is removed, a hashed asset only after its stay", () => {
  const asset = "assets/app-AbCd1234.js";
  const long = { retiredAt: new Date(NOW.getTime() - RETIRED_STAY_DAYS * DAY_MS).toISOString() };
  const short = { retiredAt: new Date(NOW.getTime() - RETIRED_STAY_DAYS * DAY_MS + 1).toISOString() };
  const plan = (given: object, current = there(asset, "a.txt")) =>
    planSite([], { [asset]: recorded(asset, given), ...site("a.txt") }, current, NOW);
  expect(plan({})).toMatchObject({
    hidden: ["a.txt"],
    retired: { [asset]: { retiredAt: NOW.toISOString(), versionId: `v-${asset}` } },
  });
  expect(plan(short)).toMatchObject({ hidden: ["a.txt"], retired: { [asset]: short } });
  expect(plan(long)).toMatchObject({ hidden: [asset, "a.txt"], retired: {} });
  expect(plan(long, new Map())).toMatchObject({ hidden: [], retired: {} });
});

test("an asset that comes back is no longer retired", () => {
  const asset = "assets/app-AbCd1234.js";
  const previous = { [asset]: recorded(asset, { retiredAt: NOW.toISOString() }) };
  const plan = planSite(built(asset), previous, there(asset), NOW);
  expect(plan.kept[asset]).toEqual(recorded(asset));
  expect(plan).toMatchObject({ changes: [], retired: {} });
});

test("going back copies what is not served, leaves the rest, and hides what came since", () => {
  const target = {
    ...site("index.html", "a.txt"),
    "b-AbCd1234.js": recorded("b-AbCd1234.js", { retiredAt: NOW.toISOString() }),
  };
  const current = new Map([
    ["index.html", "newer"],
    ["a.txt", "v-a.txt"],
    ["new.txt", "v-new.txt"],
  ]);
  const plan = planRestore(target, site("index.html", "a.txt", "new.txt"), current, NOW);
  expect(plan.changes.map(({ key }) => key)).toEqual(["index.html"]);
  expect(plan).toMatchObject({ kept: site("a.txt"), hidden: ["new.txt"], retired: {} });
});

test.each([
  ["assets/index-BxY12abc.js", FOR_EVER],
  ["fonts/inter.0f3a9c21.woff2", FOR_EVER],
  ["index.html", NO_CACHE],
  ["pages/about-AbCd1234.html", NO_CACHE],
  ["config.json", NO_CACHE],
  ["favicon.svg", SHORT],
  ["site-settings.js", SHORT],
])("%s is cached %s", (key, control) => {
  expect(cacheControlOf(key, "config.json")).toBe(control);
});
