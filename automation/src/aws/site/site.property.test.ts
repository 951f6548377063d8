import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AN_AWS_MANIFEST } from "../../../../test/helpers/aws-manifest.ts";
import { makeModelAws } from "../../../../test/helpers/model-aws.ts";
import { planParts } from "../parts.ts";
import { readSite } from "./files.ts";
import { putShippedSite } from "./ship-site.ts";

const RUNS = 60;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-site-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Types as the standards name them, kept apart from the table of the code. */
const TYPES: Readonly<Record<string, RegExp>> = {
  html: /^text\/html; charset=utf-8$/,
  js: /^text\/javascript; charset=utf-8$/,
  css: /^text\/css; charset=utf-8$/,
  json: /^application\/json/,
  svg: /^image\/svg\+xml$/,
  png: /^image\/png$/,
  woff2: /^font\/woff2$/,
  txt: /^text\/plain/,
  unknown: /^application\/octet-stream$/,
};
const ending = fc.constantFrom(...Object.keys(TYPES));
const word = fc.stringMatching(/^[a-z]{1,7}$/);
const digest = fc.stringMatching(/^[A-Z][0-9][A-Za-z0-9_]{6}$/);
interface Named {
  key: string;
  ending: string;
  isHashed: boolean;
}
const plainFile = fc
  .record({ name: word, ending })
  .map(({ name, ending }): Named => ({ key: `${name}.${ending}`, ending, isHashed: false }));
const hashedFile = fc.record({ name: word, digest, ending }).map(
  ({ name, digest, ending }): Named => ({
    key: `assets/${name}-${digest}.${ending}`,
    ending,
    isHashed: ending !== "html",
  }),
);
const PAGE: Named = { key: "index.html", ending: "html", isHashed: false };
const files = fc
  .array(fc.oneof(plainFile, hashedFile), { maxLength: 12 })
  .map((list) => [...new Map([PAGE, ...list].map((one) => [one.key, one])).values()])
  .map((list) => list.filter(({ key }) => key !== "config.json"));

/** Whatever a build wrote: each file with the type of its ending; what is hashed kept for ever and nothing else; pages asked for each time, and uploaded last. */
function headers(tamper?: (input: PutObjectCommandInput) => PutObjectCommandInput) {
  return fc.asyncProperty(files, async (built) => {
    const parent = await mkdtemp(path.join(folder, "built-"));
    for (const { key } of built) {
      await mkdir(path.dirname(path.join(parent, key)), { recursive: true });
      await writeFile(path.join(parent, key), key);
    }
    const model = makeModelAws(AN_AWS_MANIFEST, {}, tamper);
    const site = await readSite({ folder: parent, configFile: "config.json" }, AN_AWS_MANIFEST, "1");
    const parts = planParts([], () => {});
    const shipment = await putShippedSite(
      model.shipping,
      site,
      { previous: null, reference: "property" },
      parts,
    );
    const puts = new Map(model.puts.map((put) => [put.Key, put]));
    const config: Named = { key: "config.json", ending: "json", isHashed: false };
    expect([...puts.keys()].sort()).toEqual([...built, config].map(({ key }) => key).sort());
    expect(Object.keys(shipment).sort()).toEqual([...puts.keys()].sort());
    for (const { key, ending, isHashed } of [...built, config]) {
      const put = puts.get(key);
      expect(put?.ContentType ?? "").toMatch(TYPES[ending] ?? /^$/);
      const cache = put?.CacheControl ?? "";
      if (isHashed) expect(cache).toBe("public, max-age=31536000, immutable");
      else expect(cache).not.toContain("immutable");
      if (ending === "html" || key === "config.json") expect(cache).toBe("no-cache");
    }
    const order = model.puts.map(({ Key }) => (Key?.endsWith(".html") === true ? "page" : "before"));
    expect(order.lastIndexOf("before")).toBeLessThan(order.indexOf("page"));
  });
}

describe("every file of a site is uploaded with the headers of its kind", () => {
  test("whatever the build wrote", () => fc.assert(headers(), { numRuns: RUNS }));

  const isPage = ({ Key = "" }: PutObjectCommandInput) => Key.endsWith(".html");
  test.each<[string, (input: PutObjectCommandInput) => PutObjectCommandInput]>([
    [
      "keeps pages for ever",
      (put) => (isPage(put) ? { ...put, CacheControl: "public, max-age=31536000, immutable" } : put),
    ],
    [
      "has hashed assets asked for each time",
      (put) => (isPage(put) ? put : { ...put, CacheControl: "no-cache" }),
    ],
    ["gives one type to everything", (put) => ({ ...put, ContentType: "binary/octet-stream" })],
    [
      "forgets the type of styles",
      (put) => (put.Key?.endsWith(".css") === true ? { ...put, ContentType: undefined } : put),
    ],
    [
      "caches the configuration",
      (put) => (put.Key === "config.json" ? { ...put, CacheControl: "public, max-age=300" } : put),
    ],
  ])("and a variant that %s is found", async (_, tamper) => {
    // Found by what was expected, not by a variant that cannot even run.
    expect((await fc.check(headers(tamper), { numRuns: 200 })).errorInstance).toHaveProperty(
      "name",
      "AssertionError",
    );
  });
});
