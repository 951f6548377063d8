import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { ApiAnswer, ApiRequest } from "./helpers/service-api.ts";
import { askServiceApi, digestOfTables } from "./helpers/service-api.ts";

const MIB = 1024 * 1024;
/** Of names, tags and options. */
const SMALL_LIMIT = 256 * 1024;
const STATE_LIMIT = 256 * MIB;
const STACK = "/api/stacks/default/shop/dev";

let api: TestApi;
let url: string;
let before: Record<string, string>;

beforeAll(async () => {
  api = await startTestApi();
  url = await api.app.listen({ port: 0, host: "127.0.0.1" });
  for (const stack of ["dev", "other"]) {
    const made = await ask("POST", "/api/stacks/default/shop", {
      body: JSON.stringify({ stackName: stack }),
    });
    expect(made).toMatchObject({ status: 200 });
  }
});
afterAll(async () => {
  await api.close();
});
beforeEach(async () => {
  before = await digestOfTables(api.db);
});

function ask(method: string, path: string, options: ApiRequest = {}): Promise<ApiAnswer> {
  return askServiceApi(url, method, path, { authorization: `token ${api.token}`, ...options });
}

/** The answer has the form that the CLI prints, and not a row has changed. */
async function expectRefused(answer: ApiAnswer, status: number, message: RegExp): Promise<void> {
  expect(answer.json, answer.text).toEqual({
    code: status,
    message: expect.stringMatching(message) as string,
  });
  expect(answer.status).toBe(status);
  expect(await digestOfTables(api.db)).toEqual(before);
}

test("a body over the limit of its route is answered 413 and nothing is stored", async () => {
  const tags = JSON.stringify({ big: "x".repeat(SMALL_LIMIT) });
  await expectRefused(await ask("PATCH", `${STACK}/tags`, { body: tags }), 413, /more than 262144 bytes/);
});

test("a gzip bomb is answered 413 as soon as it has grown over the limit, without being unpacked whole", async () => {
  const bomb = gzipSync(Buffer.alloc(2 * STATE_LIMIT, " "));
  expect(bomb.length).toBeLessThan(MIB);
  const held = process.memoryUsage().rss;
  const answer = await ask("PATCH", `${STACK}/tags`, { body: bomb, headers: { "content-encoding": "gzip" } });
  await expectRefused(answer, 413, /more than 262144 bytes/);
  const state = await ask("POST", `${STACK}/import`, { body: bomb, headers: { "content-encoding": "gzip" } });
  await expectRefused(state, 413, /more than 268435456 bytes/);
  expect(process.memoryUsage().rss - held).toBeLessThan(4 * STATE_LIMIT);
});

test("a bomb so small that it is unpacked at once is answered 413 too", async () => {
  const bomb = gzipSync(Buffer.alloc(8 * MIB, " "));
  expect(bomb.length).toBeLessThan(16 * 1024);
  const answer = await ask("PATCH", `${STACK}/tags`, { body: bomb, headers: { "content-encoding": "gzip" } });
  await expectRefused(answer, 413, /more than/);
});

test("requests are answered while a large body comes in", async () => {
  const big = Buffer.from(`{"version":3,"deployment":{"resources":[],"padding":"${"x".repeat(60 * MIB)}"}}`);
  const packed = gzipSync(big, { level: 1 });
  let longest = 0;
  let done = false;
  const import_ = ask("POST", "/api/stacks/default/shop/other/import", {
    body: packed,
    headers: { "content-encoding": "gzip" },
  });
  void import_.finally(() => {
    done = true;
  });
  while (!done) {
    const began = performance.now();
    await ask("GET", "/api/capabilities");
    longest = Math.max(longest, performance.now() - began);
  }
  expect((await import_).status).toBe(200);
  expect(longest).toBeLessThan(1_000);
});

test.each([
  ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]), {}, /not valid UTF-8/],
  ["UTF-8 that breaks off", Buffer.from([0x22, 0xe2, 0x82]), {}, /not valid UTF-8/],
  ["a byte order mark", Buffer.from('\ufeff{"a":"b"}'), {}, /not JSON/],
  ["text that is no JSON", Buffer.from("{tags}"), {}, /not JSON/],
  ["no body", Buffer.from(""), {}, /no body/],
  ["what is not gzip", Buffer.from('{"a":"b"}'), { "content-encoding": "gzip" }, /not what gzip makes/],
  [
    "gzip that is cut off",
    gzipSync('{"a":"b"}').subarray(0, 15),
    { "content-encoding": "gzip" },
    /not what gzip makes/,
  ],
])("%s is refused with 400", async (_what, body, headers, message) => {
  await expectRefused(await ask("PATCH", `${STACK}/tags`, { body, headers }), 400, message);
});

test.each(["br", "deflate", "zstd", "gzip, gzip"])("the content encoding %s is refused", async (encoding) => {
  const answer = await ask("PATCH", `${STACK}/tags`, {
    body: "{}",
    headers: { "content-encoding": encoding },
  });
  await expectRefused(answer, 415, /content encoding/);
});

test.each([
  ["tags", "PATCH", "/tags", '{"__proto__":{"polluted":"yes"}}', /__proto__/],
  ["tags", "PATCH", "/tags", '{"__proto__":"x"}', /__proto__/],
  ["a rename", "POST", "/rename", '{"newName":"x","more":{"\\u005f_proto__":1}}', /__proto__/],
  ["a new stack", "POST", "", '{"stackName":"x","__proto__":{"tags":{}}}', /__proto__/],
  ["an import", "POST", "/import", '{"version":3,"deployment":{"__proto__":{}}}', /__proto__/],
  ["an import", "POST", "/import", '{"version":3,"version":3,"deployment":{}}', /not there before/],
])("a member that is a trap for parsers is refused in %s", async (_what, method, path, body, message) => {
  const address = path === "" ? "/api/stacks/default/shop" : `${STACK}${path}`;
  await expectRefused(await ask(method, address, { body }), 400, message);
  expect(Object.prototype).not.toHaveProperty("polluted");
});

test.each([
  ["PATCH", `${STACK}/tags`, "[]", /body/],
  ["PATCH", `${STACK}/tags`, '{"a":1}', /body\.a/],
  ["PATCH", `${STACK}/tags`, '{"a":"\\u0000"}', /without NUL/],
  ["PATCH", `${STACK}/tags`, '{"a":"\\ud800"}', /broken characters/],
  ["POST", `${STACK}/rename`, '{"newName":7}', /newName/],
  ["POST", `${STACK}/rename`, '{"newName":"../up"}', /newName/],
  ["POST", `${STACK}/rename`, '{"newProject":"a/b"}', /newProject/],
  ["POST", "/api/stacks/default/shop", "null", /object/],
  ["POST", "/api/stacks/default/shop", "{}", /stackName/],
  ["POST", "/api/stacks/default/shop", '{"stackName":"a..b"}', /stackName/],
  ["POST", "/api/stacks/default/shop", '{"stackName":"a/b"}', /stackName/],
  ["POST", "/api/stacks/default/shop", '{"stackName":""}', /stackName/],
  ["POST", "/api/stacks/default/shop", `{"stackName":"${"x".repeat(101)}"}`, /stackName/],
  ["POST", "/api/stacks/default/shop", '{"stackName":"a","tags":{"k":["v"]}}', /tags/],
  ["POST", "/api/stacks/default/shop", '{"stackName":"a","teams":["x"]}', /no teams/],
  ["POST", "/api/stacks/default/shop", '{"stackName":"a","config":{"environment":"e"}}', /ESC/],
  ["PUT", `${STACK}/config`, '{"environment":"e"}', /ESC/],
  ["POST", `${STACK}/import`, "[]", /object/],
  ["POST", `${STACK}/import`, "{}", /version/],
  ["POST", `${STACK}/import`, '{"version":"3","deployment":{}}', /whole number/],
  ["POST", `${STACK}/import`, '{"version":99,"deployment":{}}', /version from 1 to 4/],
  ["POST", `${STACK}/import`, '{"version":3,"deployment":[]}', /deployment/],
  ["POST", `${STACK}/import`, '{"version":3,"deployment":{"resources":{}}}', /resources/],
  ["POST", `${STACK}/import`, '{"version":3,"deployment":{"resources":[{"urn":7}]}}', /string/],
  ["POST", `${STACK}/import`, '{"version":3,"deployment":{"resources":[{}]}}', /urn/],
  ["POST", `${STACK}/import`, '{"version":3,"deployment":{"resources":[]}} trailing', /end of the text/],
  ["POST", `${STACK}/import`, '{"version":3,"deployment":{"resources":[nope]}}', /value|object/],
])("%s %s with %s is refused with 400", async (method, path, body, message) => {
  await expectRefused(await ask(method, path, { body }), 400, message);
});

test.each([
  ["GET", "/api/stacks/default/shop/.."],
  ["GET", "/api/stacks/default/shop/%2e%2e"],
  ["GET", "/api/stacks/default/shop/dev%2fexport"],
  ["GET", "/api/stacks/default/shop/..%2f..%2fsecret.key/export"],
  ["GET", "/api/stacks/default/../default/shop/dev/export"],
  ["GET", "/api/stacks/default/shop/dev%00"],
  ["GET", "/api/stacks/__proto__/shop/dev"],
  ["GET", "/api/stacks/default/shop/constructor"],
  ["DELETE", "/api/stacks/default/shop/dev%2f..%2fother"],
  ["POST", "/api/stacks/default/shop/..%2fother/rename"],
])("%s %s finds nothing", async (method, path) => {
  const answer = await ask(method, path, method === "POST" ? { body: '{"newName":"x"}' } : {});
  await expectRefused(answer, 404, /no such stack|does not offer/);
});

test("a project or an organisation with a name that is none is refused", async () => {
  const body = JSON.stringify({ stackName: "a" });
  await expectRefused(await ask("POST", "/api/stacks/default/..%2fx", { body }), 400, /project name/);
  await expectRefused(await ask("POST", "/api/stacks/%2e%2e/shop", { body }), 400, /organisation name/);
  await expectRefused(await ask("POST", "/api/stacks/nobody/shop", { body }), 404, /no organisation nobody/);
});

test.each([
  ["GET", `${STACK}/updates?page=0`],
  ["GET", `${STACK}/updates?pageSize=-1`],
  ["GET", `${STACK}/export/0`],
  ["GET", `${STACK}/export/abc`],
  ["DELETE", `${STACK}?force=maybe`],
  ["GET", "/api/user/stacks?continuationToken=bogus"],
  ["GET", "/api/user/stacks?project=a%00b"],
  ["GET", "/api/user/stacks?tagName=a&tagName=b"],
])("%s %s is refused with 400", async (method, path) => {
  await expectRefused(await ask(method, path), 400, /./);
});

test.each([
  [undefined],
  ["Bearer x"],
  ["token"],
  ["token slp_owner_0000000000000000000000000000000000000000000000000"],
  ["token ' or 1=1 --"],
  ["update-token abc"],
  [`token ${"x".repeat(600)}`],
])("the authorization %s opens nothing", async (authorization) => {
  const answer = await askServiceApi(url, "GET", STACK, authorization === undefined ? {} : { authorization });
  await expectRefused(answer, 401, /token/);
  expect((await askServiceApi(url, "GET", "/api/nothing", {})).status).toBe(401);
});

test("a request under another host is refused before anything else", async () => {
  const answer = await ask("GET", "/api/user", { headers: { host: "evil.example" } });
  await expectRefused(answer, 421, /This server is/);
});

test("the CLI is never told to slow down, which it would take for the end", async () => {
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask("GET", STACK)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers[0]?.headers).not.toHaveProperty("x-ratelimit-limit");
});
