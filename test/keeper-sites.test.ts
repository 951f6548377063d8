import { chmodSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import path from "node:path";
import { expect, test } from "vitest";
import { SiteView } from "../infra/providers/local/contract.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { bundleOf, startKeeperProcess } from "./local-target-support.ts";

const files = {
  "index.html": "<!doctype html><script src=/assets/index-BxY12abc.js></script>",
  "favicon.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
  "assets/index-BxY12abc.js": "console.log(1)",
};

async function setUp() {
  const folder = temporaryFolder("site");
  const dataDir = path.join(folder, "data");
  const keeper = await startKeeperProcess(dataDir);
  const bundle = await bundleOf(path.join(folder, "v1"), files);
  const make = (more: object = {}) =>
    keeper.client.call(
      "POST",
      "/v1/sites",
      {
        owner: "urn:desk",
        name: "desk",
        bundle,
        runtimeConfig: { apiUrl: "/api", flags: { a: true } },
        ...more,
      },
      SiteView,
    );
  return { folder, dataDir, keeper, bundle, make };
}

test("hashed assets are cached for ever, HTML and configuration never, each with its type", async () => {
  const { make } = await setUp();
  const { url } = await make();
  const seen = async (file: string) => {
    const { status, headers } = await fetch(`${url}${file}`);
    return [status, headers.get("cache-control"), headers.get("content-type")];
  };
  expect(await seen("/")).toEqual([200, "no-cache", "text/html; charset=utf-8"]);
  expect(await seen("/favicon.svg")).toEqual([200, "no-cache", "image/svg+xml"]);
  expect(await seen("/assets/index-BxY12abc.js")).toEqual([
    200,
    "public, max-age=31536000, immutable",
    expect.stringMatching(/^(text|application)\/javascript/),
  ]);
  expect(await seen("/config.json")).toEqual([200, "no-cache", "application/json; charset=utf-8"]);
  expect(await (await fetch(`${url}/config.json`)).json()).toEqual({ apiUrl: "/api", flags: { a: true } });
});

test("what a browser has already is answered 304", async () => {
  const { make } = await setUp();
  const { url } = await make();
  for (const file of ["/", "/config.json", "/assets/index-BxY12abc.js"]) {
    const etag = (await fetch(`${url}${file}`)).headers.get("etag") ?? "";
    expect(etag).not.toBe("");
    expect(await statusOf(`${url}${file}`, etag)).toBe(304);
  }
});

test("a browser's navigation to a page gets index.html, a missing file 404, and nothing outside is reachable", async () => {
  const { make } = await setUp();
  const { url } = await make();
  const page = await fetch(`${url}/strategies/7`, { headers: { accept: "text/html,*/*" } });
  expect([page.status, page.headers.get("cache-control")]).toEqual([200, "no-cache"]);
  expect(await page.text()).toBe(files["index.html"]);
  expect((await fetch(`${url}/assets/gone-AAAA1111.js`, { headers: { accept: "text/html" } })).status).toBe(
    404,
  );
  expect((await fetch(`${url}/strategies/7`, { headers: { accept: "application/json" } })).status).toBe(404);
  expect((await fetch(`${url}/%2e%2e/%2e%2e/lock.1`)).status).not.toBe(200);
});

test("pages that are still open get the hashed assets of the site before", async () => {
  const { folder, make, keeper } = await setUp();
  const old = await make();
  const bundle = await bundleOf(path.join(folder, "v2"), {
    "index.html": "v2",
    "assets/index-NEW45678.js": "console.log(2)",
  });
  const fresh = await make({ bundle });
  await keeper.client.remove(`/v1/sites/${old.id}`);
  const asset = await fetch(`${fresh.url}/assets/index-BxY12abc.js`);
  expect([asset.status, await asset.text()]).toEqual([200, "console.log(1)"]);
  expect((await fetch(`${fresh.url}/favicon.svg`)).status).toBe(404);
});

test("an edited file shows as another digest", async () => {
  const { dataDir, make, keeper, bundle } = await setUp();
  const site = await make();
  const copy = path.join(dataDir, "keeper/bundles", bundle.digest.slice("sha256:".length), "index.html");
  chmodSync(copy, 0o644);
  writeFileSync(copy, "defaced");
  const view = await keeper.client.find(`/v1/sites/${site.id}`, SiteView);
  expect(view?.bundleDigest).not.toBe(bundle.digest);
});

test("the next keeper serves the same site on the same port", async () => {
  const { dataDir, make, keeper } = await setUp();
  const site = await make();
  await keeper.end("SIGKILL");
  await startKeeperProcess(dataDir);
  expect(await (await fetch(`${site.url}/config.json`)).json()).toEqual({
    apiUrl: "/api",
    flags: { a: true },
  });
});

/** As a browser asks again; fetch itself would add that it wants no cached answer. */
function statusOf(url: string, etag: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  get(url, { agent: false, headers: { "if-none-match": etag } }, (response) => {
    response.resume();
    resolve(response.statusCode);
  }).once("error", reject);
  return promise;
}
