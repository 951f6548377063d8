import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { releaseAnswer } from "../../../../test/helpers/release-answer.ts";
import { runSlipway } from "../../../../test/helpers/run-cli.ts";
import { ReleaseShipment } from "../../contract/release-shipment.ts";

const file = { sha256: "f".repeat(64), contentType: "text/html", cacheControl: "no-cache" };
function shipment(number: number, given: Partial<ReleaseShipment>): ReleaseShipment {
  const packed = { s3Key: "artifacts/a.zip", s3ObjectVersion: "1", sha256: "a".repeat(64) };
  return ReleaseShipment.parse({
    release: number,
    deploymentId: releaseAnswer(number).deploymentId,
    restoredFrom: null,
    serves: false,
    shippedAt: new Date(Date.now() - 90_000).toISOString(),
    functions: { templates: { ...packed, version: "9" }, audit: { ...packed, version: String(number) } },
    site: {
      "index.html": { ...file, versionId: `page-${number}` },
      "app-AbCd1234.js": { ...file, versionId: "old-asset", retiredAt: "2026-11-21T12:00:00.000Z" },
    },
    parts: [],
    ...given,
  });
}

/** Release 2 failed before it shipped. */
const SHIPMENTS = [shipment(3, { serves: true, restoredFrom: 1 }), shipment(1, {})];
let folder: string;
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://server");
  const number = /\/releases\/(\d+)\/shipment$/.exec(url.pathname)?.[1];
  const found = SHIPMENTS.find((one) => one.release === Number(number));
  const isList = url.pathname === "/v1/stacks/default/shop/test/releases";
  const body = isList ? { items: [3, 2, 1].map((number) => releaseAnswer(number)), next: null } : found;
  const missing = { type: "about:blank", title: "not found", status: 404, code: "release_not_found" };
  response.statusCode = body === undefined ? 404 : 200;
  response.setHeader("content-type", body === undefined ? "application/problem+json" : "application/json");
  response.end(JSON.stringify(body ?? { ...missing, detail: "nothing was put in place", remedy: "list" }));
});

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-versions-"));
  await writeFile(path.join(folder, "token"), "slp_test");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

function slipway(...words: string[]) {
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const argv = ["releases", ...words, "--server", base, "--token-file", "token"];
  return runSlipway(argv, { env: { HOME: folder, XDG_CONFIG_HOME: folder }, cwd: folder });
}

test("lists the versions of each release that shipped, newest first, and says which serve", async () => {
  const { stdout, stderr, code } = await slipway("versions", "shop/test");
  expect([stderr, code]).toEqual(["", 0]);
  const rows = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  expect(rows.map((row) => row.slice(0, 5))).toEqual([
    ["RELEASE", "FUNCTION", "VERSION", "PACKAGE", "FILES"],
    ["3 (serves, as release 1)", "audit", "3", "aaaaaaaaaa", "1"],
    ["3 (serves, as release 1)", "templates", "9", "aaaaaaaaaa", "1"],
    ["1", "audit", "1", "aaaaaaaaaa", "1"],
    ["1", "templates", "9", "aaaaaaaaaa", "1"],
  ]);
});

test("lists the versions of a release's objects too, those of earlier releases marked", async () => {
  const { stdout, code } = await slipway("versions", "--stack", "shop/test", "--release", "1");
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nindex\.html +page-1 +no-cache +ffffffffff\n/);
  expect(stdout).toMatch(/\napp-AbCd1234\.js \(of an earlier release\) +old-asset /);
  expect(stdout).not.toContain("page-3");
});

test("prints the record as JSON, and ends with the server's answer for a release that shipped nothing", async () => {
  const { stdout } = await slipway("versions", "shop/test", "--json");
  expect(JSON.parse(stdout)).toEqual(SHIPMENTS);
  const { stderr, code } = await slipway("versions", "shop/test", "--release", "2");
  expect(code).not.toBe(0);
  expect(stderr).toContain("nothing was put in place");
});
