import { fastify } from "fastify";
import { describe, expect, it } from "vitest";
import { answerEvent, HttpEvent, requestOf } from "./payload.ts";

const event = (content: object = {}, context: object = {}) => ({
  version: "2.0",
  rawPath: "/api/audit",
  headers: { accept: "application/json" },
  requestContext: { stage: "$default", http: { method: "GET" }, ...context },
  ...content,
});
const requestFor = (content: object, context?: object) => requestOf(HttpEvent.parse(event(content, context)));

describe("an event of an HTTP API", () => {
  it("becomes a request with its query and cookies", () => {
    expect(requestFor({ rawQueryString: "limit=2&x=a%20b", cookies: ["a=1", "b=2"] })).toEqual({
      method: "GET",
      url: "/api/audit?limit=2&x=a%20b",
      headers: { accept: "application/json", cookie: "a=1; b=2" },
    });
  });

  it.each([
    ["test", "/test/api/audit", "/api/audit"],
    ["test", "/test", "/"],
    ["test", "/testing/api", "/testing/api"],
    ["$default", "/test/api/audit", "/test/api/audit"],
  ])("loses the name of its stage %s: %s is %s", (stage, rawPath, url) => {
    expect(requestFor({ rawPath }, { stage }).url).toBe(url);
  });

  it("carries its body as it was sent, also when that was packed", () => {
    const text = '{"name":"Hafen – 港"}';
    const packed = Buffer.from(text).toString("base64");
    for (const content of [{ body: text }, { body: packed, isBase64Encoded: true }]) {
      expect(String(requestFor(content).payload)).toBe(text);
    }
  });

  it("of another format is refused", async () => {
    const app = fastify();
    await expect(answerEvent(app, { ...event(), version: "1.0" })).rejects.toThrow("version");
    await app.close();
  });
});

it("an answer keeps its status, and cookies apart from the other headers", async () => {
  const app = fastify();
  app.post("/api/echo", async (request, reply) =>
    reply
      .status(201)
      .header("set-cookie", ["a=1", "b=2"])
      .header("vary", ["origin", "accept"])
      .send(request.body),
  );
  const answer = await answerEvent(
    app,
    event(
      { rawPath: "/api/echo", body: '{"a":1}', headers: { "content-type": "application/json" } },
      { http: { method: "POST" } },
    ),
  );
  expect(answer).toMatchObject({
    statusCode: 201,
    cookies: ["a=1", "b=2"],
    headers: { vary: "origin, accept" },
    body: '{"a":1}',
    isBase64Encoded: false,
  });
  expect(answer.headers).not.toHaveProperty("set-cookie");
  await app.close();
});
