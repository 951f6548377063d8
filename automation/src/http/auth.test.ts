import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { ensureOwnerToken } from "../access/owner-token.ts";
import { makeToken } from "../access/token.ts";
import { buildApp } from "../app.ts";
import { endpoints } from "../contract/endpoints.ts";

let api: TestApi;
let consoleDir: string;
beforeAll(async () => {
  consoleDir = await mkdtemp(path.join(tmpdir(), "slipway-console-"));
  await writeFile(path.join(consoleDir, "index.html"), "<!doctype html><title>console</title>");
  await writeFile(path.join(consoleDir, "favicon.svg"), "<svg/>");
  api = await startTestApi({ consoleDir });
});
afterAll(async () => {
  await api.close();
  await rm(consoleDir, { recursive: true, force: true });
});

const bare = (method: string, url: string, headers: Record<string, string> = {}) =>
  api.app.inject({ method: method as "GET", url, headers: { host: "127.0.0.1", ...headers } });

describe("H11: a caller without a token", () => {
  const addresses = [
    ...Object.values(endpoints).map(({ method, path: url }) => [method, url] as const),
    ["GET", "/metrics"],
    ["GET", "/v1/nothing"],
    ["POST", "/nothing"],
    ["DELETE", "/v1/projects"],
    ["GET", "/nothing"],
    ["GET", "/v1/projects/%d/x"],
    ["POST", "/v1/projects/%ff/x"],
    ["OPTIONS", "/v1/projects"],
  ] as const;
  test.each(addresses)("gets 401 from %s %s", async (method, url) => {
    const answer = await bare(method, url);
    expect(answer.statusCode).toBe(401);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.headers["www-authenticate"]).toContain("Bearer");
    expect(answer.json()).toMatchObject({
      code: "unauthenticated",
      type: "urn:slipway:problem:unauthenticated",
    });
  });

  test.each(["/livez", "/readyz", "/docs/", "/favicon.svg"])(
    "gets %s, which holds nothing of the installation",
    async (url) => {
      expect((await bare("GET", url)).statusCode).toBe(200);
    },
  );

  test("gets the console on a navigation, but never in place of an address of programs", async () => {
    const html = { accept: "text/html,*/*" };
    const page = await bare("GET", "/stacks/default/shop/test", html);
    expect([page.statusCode, page.body]).toEqual([200, "<!doctype html><title>console</title>"]);
    expect(page.headers["cache-control"]).toBe("no-cache");
    expect((await bare("GET", "/v1/nothing", html)).statusCode).toBe(401);
    for (const url of [
      "/../package.json",
      "/%2e%2e/package.json",
      "/..%2fpackage.json",
      "/.env",
      "/%00.svg",
    ]) {
      const answer = await bare("GET", url);
      expect([401, 422], url).toContain(answer.statusCode);
    }
  });
});

test.each([
  ["Bearer nonsense", "not a whole token"],
  [`Bearer ${makeToken("owner")}`, "not known here"],
  ["Basic b3duZXI6eA==", "no token"],
  ["Bearer ", "no token"],
])("the authorization %s is refused", async (authorization, detail) => {
  const answer = await bare("GET", "/v1/whoami", { authorization });
  expect(answer.statusCode).toBe(401);
  expect(answer.json<{ detail: string }>().detail).toContain(detail);
});

test("the owner's token names the owner", async () => {
  const answer = await api.ask("GET", "/v1/whoami");
  expect([answer.status, answer.body.kind]).toEqual([200, "owner"]);
});

test("a worker's token reads and changes nothing", async () => {
  const token = makeToken("worker");
  const { hashToken } = await import("../access/token.ts");
  await api.db
    .insertInto("tokens")
    .values({ id: randomUUID(), principal: "worker:1", kind: "worker", hash: hashToken(token) })
    .execute();
  const headers = { authorization: `Bearer ${token}` };
  expect((await api.ask("GET", "/v1/projects", { headers })).status).toBe(200);
  const refused = await api.ask("POST", "/v1/projects", { headers, body: { name: "a", folder: "/" } });
  expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
  const { stackId } = await insertStack(api.db, { project: "of-worker", stack: "test" });
  const id = await insertDeployment(api.db, stackId);
  const deployment = await api.ask("POST", `/v1/deployments/${id}/cancel`, { headers });
  expect(deployment.status).toBe(403);
});

test("the owner's token is in a file of its own, only its hash in the database; deleting the file replaces it", async () => {
  const file = path.join(api.dataDir, "owner-token");
  const token = (await readFile(file, "utf8")).trim();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const headers = { authorization: `Bearer ${token}` };
  expect((await api.ask("GET", "/v1/whoami", { headers })).status).toBe(200);
  const { rows } = await import("kysely").then(({ sql }) =>
    sql`select tokens::text as row from tokens`.execute(api.db),
  );
  expect(JSON.stringify(rows)).not.toContain(token);

  const replacing = await startTestApi();
  try {
    const own = path.join(replacing.dataDir, "owner-token");
    const before = (await readFile(own, "utf8")).trim();
    await rm(own);
    await ensureOwnerToken(replacing.db, own, new Date());
    const after = (await readFile(own, "utf8")).trim();
    const status = async (value: string) =>
      (await replacing.ask("GET", "/v1/whoami", { headers: { authorization: `Bearer ${value}` } })).status;
    expect([await status(before), await status(after)]).toEqual([401, 200]);
  } finally {
    await replacing.close();
  }
});

test("another Host is answered with the right URL, for a browser as a page", async () => {
  const program = await bare("GET", "/v1/whoami", { host: "evil.example" });
  expect([program.statusCode, program.json<{ code: string }>().code]).toEqual([421, "host_not_allowed"]);
  const browser = await bare("GET", "/", { host: "evil.example", accept: "text/html" });
  expect(browser.statusCode).toBe(421);
  expect(browser.body).toContain('<a href="http://127.0.0.1">');
  expect(browser.body).not.toContain("evil.example");
});

test("a page of another site is refused even with a token, whatever the method", async () => {
  for (const method of ["GET", "POST"] as const) {
    const answer = await api.ask(method, "/v1/projects", { headers: { origin: "http://evil.example" } });
    expect([answer.status, answer.body.code]).toEqual([403, "origin_not_allowed"]);
  }
  expect((await api.ask("GET", "/v1/projects", { headers: { origin: "http://127.0.0.1" } })).status).toBe(
    200,
  );
});

test("the server does not come up with a route that states no permission", async () => {
  const app = await buildApp(api.dependencies);
  app.get("/v1/forgotten", () => "x");
  await expect(app.ready()).rejects.toThrow("the route GET /v1/forgotten does not state its permission");
  await app.close().catch(() => {
    // It never became ready.
  });
});
