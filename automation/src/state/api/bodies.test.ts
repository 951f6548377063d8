import { request } from "node:http";
import { gzipSync } from "node:zlib";
import type { FastifyInstance } from "fastify";
import Fastify from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "../../../../test/helpers/waiting.ts";
import { bodyText, readBodies } from "./bodies.ts";
import { handleApiError } from "./errors.ts";

const HELD_LIMIT = 100_000;
const WITHIN_MS = 5_000;

let app: FastifyInstance;
let url: URL;
/** Answers that wait until they are told to go. */
let waiting: (() => void)[];

beforeEach(async () => {
  waiting = [];
  app = Fastify({ bodyLimit: HELD_LIMIT, forceCloseConnections: true });
  app.setErrorHandler(handleApiError);
  readBodies(app, { heldLimitBytes: HELD_LIMIT });
  app.post("/slow", async (asked) => {
    await new Promise<void>((go) => waiting.push(go));
    return { length: bodyText(asked).length };
  });
  app.post("/", (asked) => Promise.resolve({ text: bodyText(asked) }));
  url = new URL(await app.listen({ port: 0, host: "127.0.0.1" }));
});
afterEach(async () => {
  for (const go of waiting) go();
  await app.close();
});

function post(path: string, body: Buffer, headers: Record<string, string> = {}) {
  const asked = request({ hostname: url.hostname, port: url.port, path, method: "POST", headers });
  const status = new Promise<number>((resolve, reject) => {
    asked.once("error", reject);
    asked.once("response", (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
  });
  asked.end(body);
  return { status, abort: () => asked.destroy() };
}

test("text of several bytes a character is put together across pieces", async () => {
  const text = "€".repeat(20_000);
  for (const [body, encoding] of [
    [Buffer.from(text), {}],
    [gzipSync(text), { "content-encoding": "gzip" }],
  ] as const) {
    const answer = await app.inject({
      method: "POST",
      url: "/",
      payload: body,
      headers: { "content-type": "text/plain", ...encoding },
    });
    expect(answer.json<{ text: string }>().text).toBe(text);
  }
});

test("while the bodies of others are held, one that is too much is answered 503, and later it is taken", async () => {
  const packed = gzipSync(Buffer.alloc(60_000, "x"));
  const headers = { "content-encoding": "gzip" };
  const first = post("/slow", packed, headers);
  await eventually("the first is held", WITHIN_MS, () => waiting.length === 1);
  expect(await post("/slow", packed, headers).status).toBe(503);
  waiting[0]?.();
  expect(await first.status).toBe(200);
  const again = post("/slow", packed, headers);
  await eventually("it is taken", WITHIN_MS, () => waiting.length === 2);
  waiting[1]?.();
  expect(await again.status).toBe(200);
});

test("a client that goes away gives back what its body held", async () => {
  for (let round = 1; round <= 3; round++) {
    const one = post("/slow", Buffer.alloc(60_000, "x"));
    one.status.catch(() => undefined);
    await eventually("it is held", WITHIN_MS, () => waiting.length === round);
    one.abort();
    await eventually("there is room", WITHIN_MS, async () => {
      return (await post("/", Buffer.alloc(60_000, "x")).status) === 200;
    });
  }
});

test("a body that breaks off is no request", async () => {
  const broken = request({
    hostname: url.hostname,
    port: url.port,
    path: "/",
    method: "POST",
    headers: { "content-length": "1000" },
  });
  broken.once("error", () => undefined);
  broken.write("half");
  broken.destroy();
  expect(await post("/", Buffer.from("whole")).status).toBe(200);
});
