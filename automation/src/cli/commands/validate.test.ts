import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { AN_AWS_MANIFEST } from "../../../../test/helpers/aws-manifest.ts";
import { makeCertificateFor } from "../../../../test/helpers/certificate.ts";
import { type DeskStandIn, startDesk } from "../../../../test/helpers/desk-stand-in.ts";
import { releaseAnswer } from "../../../../test/helpers/release-answer.ts";
import { runSlipway } from "../../../../test/helpers/run-cli.ts";
import { ValidationReport } from "../../contract/aws/validation.ts";

const API = "api.shop.test";
const functions = Object.fromEntries(
  ["audit", "templates"].map((category) => [
    category,
    { ...AN_AWS_MANIFEST.functions.audit, healthPath: `/api/${category}/health` },
  ]),
);
const MANIFEST = { ...AN_AWS_MANIFEST, functions, api: { ...AN_AWS_MANIFEST.api, url: `https://${API}` } };

const RELEASES = [
  releaseAnswer(3, {
    health: "bad",
    outputs: { manifest: { ...MANIFEST, api: { ...MANIFEST.api, url: "https://broken.test" } } },
  }),
  releaseAnswer(2, { outputs: { manifest: MANIFEST } }),
  releaseAnswer(1, { outputs: { url: "http://127.0.0.1:8080" } }),
];

let folder: string;
let desk: DeskStandIn;
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://server");
  const number = /^\/v1\/stacks\/default\/shop\/test\/releases\/(\d+)$/.exec(url.pathname)?.[1];
  const found =
    number === undefined
      ? { items: RELEASES, next: null }
      : RELEASES.find((one) => one.number === Number(number));
  response.setHeader("content-type", "application/json").end(JSON.stringify(found));
});

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-validate-"));
  const certificate = await makeCertificateFor(90, [API]);
  await writeFile(path.join(folder, "ca.pem"), certificate.cert);
  await writeFile(path.join(folder, "token"), "slp_test");
  desk = await startDesk({ site: "app.shop.test", api: API }, certificate);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await desk.stop();
  await rm(folder, { recursive: true });
});
beforeEach(() => desk.wrong.clear());

function slipway(...words: string[]) {
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const reach = ["--extra-ca", "ca.pem", "--connect-to", `${API}=127.0.0.1:${desk.httpsPort}`];
  const argv = ["validate", "shop/test", "--server", base, "--token-file", "token", ...reach, ...words];
  return runSlipway(argv, { env: { HOME: folder, XDG_CONFIG_HOME: folder }, cwd: folder });
}

test("validates the newest good release, a line a check, and exits with 0", async () => {
  const { stdout, stderr, code } = await slipway("--only", "api");
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Release 2 of shop\/test:\n/);
  expect(stdout).toMatch(/\npassed {10}api: function templates \(\d+ ms\): healthy, version 1\.4\.0\n/);
  expect(stdout).toMatch(/\ntest: 3 checks passed, 0 failed \(api\)\.\n$/);
});

test("exits with 1 when a check failed, prints the report as JSON and keeps it in a file", async () => {
  desk.wrong.set("GET /api/audit/health", { status: 503, body: "no table" });
  const { stdout, code } = await slipway("--only", "api", "--json", "--output", "report.json");
  expect(code).toBe(1);
  const report = ValidationReport.parse(JSON.parse(stdout));
  expect(report).toMatchObject({ state: "failed", counts: { passed: 2, failed: 1, notApplicable: 0 } });
  expect(report.deployedAt).toBe("2026-11-21T12:00:00.000Z");
  expect(JSON.parse(await readFile(path.join(folder, "report.json"), "utf8"))).toEqual(report);
});

test("another release can be named; one that is not on AWS is refused", async () => {
  expect((await slipway("--release", "3", "--only", "api")).stdout).toContain("broken.test");
  const { stderr, code } = await slipway("--release", "1");
  expect(code).toBe(1);
  expect(stderr).toContain("Release 1 of shop/test has no output 'manifest'");
});

test.each([
  [["--only", "dns,tables"], "These groups cannot be chosen"],
  [["--only", "api", "--except", "api"], "leaves no group to check"],
  [["--connect-to", "app.shop.test"], "does not say where to connect"],
  [["--connect-to", "app.shop.test=somewhere"], "must be address:port"],
])("%j is refused before anything is looked at", async (words, message) => {
  desk.requests.length = 0;
  const { stderr, code } = await slipway(...words);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(desk.requests).toEqual([]);
});
