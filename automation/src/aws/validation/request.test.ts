import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRequester, placeOf } from "./request.ts";

test.each([
  ["https://app.test/x", {}, { host: "app.test", port: 443 }],
  ["http://app.test/x", {}, { host: "app.test", port: 80 }],
  ["https://app.test:8443", {}, { host: "app.test", port: 8443 }],
  ["https://app.test", { "app.test": "10.0.0.7:9443" }, { host: "10.0.0.7", port: 9443 }],
  ["https://app.test", { "app.test": "[::1]:9443" }, { host: "::1", port: 9443 }],
  // What is for one port leaves the others alone, and is stronger than what is for all.
  ["https://app.test", { "app.test:80": "10.0.0.7:8080" }, { host: "app.test", port: 443 }],
  [
    "http://app.test",
    { "app.test:80": "10.0.0.7:8080", "app.test": "x:1" },
    { host: "10.0.0.7", port: 8080 },
  ],
  ["https://[::1]:8443", {}, { host: "::1", port: 8443 }],
])("%s with %j connects to %j", (url, connectTo, place) => {
  expect(placeOf(new URL(url), connectTo)).toEqual(place);
});

const server = createServer((request, response) => {
  if (request.url === "/never") return;
  if (request.url === "/moved") response.writeHead(302, { location: "/" }).end();
  else if (request.url === "/stream") response.write("data: 1\n\n");
  else {
    let text = "";
    request.on("data", (part: Buffer) => {
      text += part.toString();
    });
    request.on("end", () =>
      response.end(`${request.method} ${request.headers.host} ${request.headers["content-type"]} ${text}`),
    );
  }
});
beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const requester = (signal = new AbortController().signal) =>
  createRequester({
    extraCa: null,
    connectTo: { "app.test": `127.0.0.1:${(server.address() as AddressInfo).port}` },
    signal,
  });

test("a request goes to where it was told to connect, under the name that was asked for", async () => {
  const answer = await requester()("http://app.test/", { method: "POST", body: { ä: 1 } });
  expect(answer).toMatchObject({
    status: 200,
    text: 'POST app.test application/json {"ä":1}',
    certificate: null,
  });
  expect(answer.latencyMs).toBeGreaterThan(0);
});

test("redirects are answers, not followed", async () => {
  expect(await requester()("http://app.test/moved")).toMatchObject({
    status: 302,
    headers: { location: "/" },
  });
});

test("a stream is read until it is enough", async () => {
  const isEnough = (text: string) => text.includes("\n\n");
  expect((await requester()("http://app.test/stream", { isEnough })).text).toBe("data: 1\n\n");
});

test("a request that is stopped ends with the reason; one with a signal of its own does not", async () => {
  const stop = new AbortController();
  const request = requester(stop.signal);
  const waiting = request("http://app.test/never");
  stop.abort(new Error("cancelled"));
  await expect(waiting).rejects.toThrow("cancelled");
  const own = new AbortController();
  expect(await request("http://app.test/", { signal: own.signal })).toMatchObject({ status: 200 });
});
