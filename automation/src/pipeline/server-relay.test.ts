import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer, request as requestHttp } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, expect, test } from "vitest";
import { engineAddress } from "../contract/engine-address.ts";
import type { ServerRelay } from "./server-relay.ts";
import { openServerRelay } from "./server-relay.ts";

const logger = pino({ level: "silent" });
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}

/** A server that answers as it is told, on a port that stays its own when it is closed. */
async function backend(
  answer: (seen: Seen, response: ServerResponse) => void,
  port = 0,
): Promise<{ url: string; port: number; seen: Seen[]; close: () => Promise<void> }> {
  const seen: Seen[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const one = { method: request.method, url: request.url, headers: request.headers, body };
      seen.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  open.push(close);
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, seen, close };
}

async function relayTo(servers: string[], holdMs?: number): Promise<ServerRelay> {
  const relay = await openServerRelay({ servers, logger, ...(holdMs === undefined ? {} : { holdMs }) });
  open.push(relay.close);
  return relay;
}

const ok = (_seen: Seen, response: ServerResponse): void => void response.end("ok");
const BATCH = "/api/stacks/default/p/dev/update/1/journalentries";

test("a request and its answer pass as they are, under the server's own name", async () => {
  const server = await backend((_seen, response) => {
    response.writeHead(418, { "x-answer": "yes", "content-type": "text/plain" }).end("short and stout");
  });
  const relay = await relayTo([`${server.url}/below`]);
  const answer = await fetch(`${relay.url}${BATCH}?a=b`, {
    method: "PATCH",
    headers: { authorization: "update-token t" },
    body: "entries",
  });
  expect([answer.status, answer.headers.get("x-answer"), await answer.text()]).toEqual([
    418,
    "yes",
    "short and stout",
  ]);
  expect(server.seen).toMatchObject([
    {
      method: "PATCH",
      url: `/below${BATCH}?a=b`,
      body: "entries",
      headers: {
        authorization: "update-token t",
        host: server.url.slice("http://".length),
        "x-slipway-engine-address": relay.url,
      },
    },
  ]);
  expect(engineAddress(relay.url)).toBe(relay.url);
});

test("while no server is there a request waits, and goes on when one is", async () => {
  const first = await backend(ok);
  await first.close();
  const relay = await relayTo([first.url]);
  const asked = fetch(relay.url + BATCH, { method: "PATCH", body: "entries" });
  expect(await Promise.race([asked, pause(500, "waits")])).toBe("waits");
  const again = await backend(ok, first.port);
  expect(await (await asked).text()).toBe("ok");
  expect(again.seen).toMatchObject([{ body: "entries" }]);
});

test("of two servers the one that is there is asked at once, and from then on first", async () => {
  const [gone, there] = [await backend(ok), await backend(ok)];
  await gone.close();
  const relay = await relayTo([gone.url, there.url]);
  const began = performance.now();
  for (let count = 0; count < 3; count += 1) expect((await fetch(relay.url)).status).toBe(200);
  expect(there.seen).toHaveLength(3);
  expect(performance.now() - began).toBeLessThan(2_000);
});

test("a connection that breaks before the answer, and a server that is going away: the request comes again", async () => {
  let count = 0;
  const server = await backend((_seen, response) => {
    count += 1;
    if (count === 1) response.destroy();
    else if (count === 2) response.writeHead(503).end();
    else response.end("third");
  });
  const relay = await relayTo([server.url]);
  const answer = await fetch(relay.url + BATCH, { method: "PATCH", body: "entries" });
  expect(await answer.text()).toBe("third");
  expect(server.seen.map(({ body }) => body)).toEqual(["entries", "entries", "entries"]);
});

test("what would be another change is not sent twice", async () => {
  const server = await backend((_seen, response) => void response.destroy());
  const relay = await relayTo([server.url]);
  for (const path of ["/api/stacks/default/p", "/api/stacks/default/p/dev/import"]) {
    const answer = await fetch(relay.url + path, { method: "POST", body: "{}" });
    expect(answer.status).toBe(502);
  }
  expect(server.seen).toHaveLength(2);
});

test("after the hold the engine is told, in the form that it reads", async () => {
  const server = await backend(ok);
  await server.close();
  const relay = await relayTo([server.url], 200);
  const answer = await fetch(relay.url + BATCH, { method: "PATCH", body: "entries" });
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    code: 503,
    message: expect.stringContaining("No server of Slipway"),
  });
});

test("an engine that is gone asks for nothing any more", async () => {
  const server = await backend(ok);
  await server.close();
  const relay = await relayTo([server.url]);
  const asking = requestHttp(relay.url + BATCH, { method: "PATCH" });
  asking.on("error", () => {
    // It is what this test does.
  });
  asking.end("entries");
  await pause(200);
  asking.destroy();
  await pause(50);
  const again = await backend(ok, server.port);
  await pause(1_500);
  expect(again.seen).toEqual([]);
});

test("only an address of loopback counts as one of an engine", () => {
  for (const header of [
    "https://evil.example",
    "http://127.0.0.1:1/x",
    "http://127.0.0.1",
    undefined,
    ["http://127.0.0.1:1"],
  ])
    expect(engineAddress(header)).toBeUndefined();
});
