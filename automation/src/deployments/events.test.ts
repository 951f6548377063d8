import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer as createTcpServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { appendLines, endDeployment } from "../../../test/helpers/records.ts";
import type { Client } from "../client/index.ts";
import { createClient, ProblemError } from "../client/index.ts";
import type { DeploymentEvent } from "../contract/events.ts";

let api: TestApi;
let baseUrl: string;
let client: Client;
let stack: string;
beforeAll(async () => {
  api = await startTestApi();
  await api.app.listen({ host: "127.0.0.1", port: 0 });
  baseUrl = `http://127.0.0.1:${(api.app.server.address() as AddressInfo).port}`;
  client = createClient({ baseUrl, token: api.token });
  stack = await api.makeStack("events");
});
afterAll(() => api.close());

async function request(): Promise<string> {
  const [organisation, project, name] = stack.split("/").slice(3) as [string, string, string];
  const params = { organisation, project, stack: name };
  return (await client.requestDeployment({ params, body: { operation: "update" } })).id;
}

const lineOf = ({ body }: DeploymentEvent) => (body.type === "output" ? body.line : body.type);

test("events are followed live to the end, whoever appends at the same time", async () => {
  const id = await request();
  const writing = (async () => {
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([1, 2, 3].map((writer) => appendLines(api.db, id, [`${round}.${writer}`])));
    }
    await endDeployment(api.db, id, "succeeded");
  })();
  const seen: DeploymentEvent[] = [];
  for await (const event of client.followEvents(id)) seen.push(event);
  await writing;
  expect(seen.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 62 }, (_, index) => index + 1));
  expect(new Set(seen.map(lineOf)).size).toBe(61);
  const page = await client.listEvents({ params: { id }, query: { after: 60 } });
  expect([page.items.length, page.complete]).toEqual([2, true]);
  expect((await client.listEvents({ params: { id }, query: { limit: 10 } })).complete).toBe(false);
});

test("a stream that has ended leaves no error behind", async () => {
  const id = await request();
  await endDeployment(api.db, id, "succeeded");
  for await (const _ of client.followEvents(id)) {
    // To its end.
  }
  await sleep(100);
  expect(api.log()).not.toContain("already sent");
});

test("a reader whose connection breaks again and again misses nothing and gets nothing twice", async () => {
  const id = await request();
  const sockets = new Set<Socket>();
  const proxy = createTcpServer((incoming) => {
    const outgoing = connect(Number(new URL(baseUrl).port), "127.0.0.1");
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on("error", () => {
        // It is broken on purpose.
      });
      socket.once("close", () => {
        incoming.destroy();
        outgoing.destroy();
      });
    }
    incoming.pipe(outgoing);
    outgoing.pipe(incoming);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const through = createClient({
    baseUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    token: api.token,
    // The proxy's port is not the server's own.
    fetch: (url, init) => {
      const headers = new Headers(init?.headers);
      return viaProxy(String(url), headers, init?.signal ?? undefined);
    },
  });
  let breaks = 0;
  const writing = (async () => {
    for (let line = 0; line < 30; line += 1) {
      await appendLines(api.db, id, [`line ${line}`]);
      await sleep(15);
      if (line % 10 === 9) {
        breaks += 1;
        for (const socket of sockets) socket.destroy();
        sockets.clear();
      }
    }
    await endDeployment(api.db, id, "failed");
  })();
  const seen: number[] = [];
  for await (const event of through.followEvents(id)) seen.push(event.sequence);
  await writing;
  await new Promise<void>((resolve) => proxy.close(() => resolve()));
  expect(breaks).toBe(3);
  expect(seen).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
});

/** fetch does not let a caller set Host; node:http does. */
function viaProxy(url: string, headers: Headers, signal: AbortSignal | undefined): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(
      url,
      {
        headers: { ...Object.fromEntries(headers), host: new URL(baseUrl).host },
        agent: false,
        ...(signal && { signal }),
      },
      (answer) => {
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => {
            answer.on("data", (chunk: Buffer) => controller.enqueue(chunk));
            answer.once("end", () => controller.close());
            answer.once("error", (error) => controller.error(new TypeError(error.message)));
          },
          cancel: () => void answer.destroy(),
        });
        resolve(new Response(body, { status: answer.statusCode ?? 500 }));
      },
    );
    asked.once("error", (error) => reject(new TypeError(error.message)));
    asked.end();
  });
}

test("a stream starts after the number of the query or of Last-Event-ID, with ids and headers that proxies leave alone", async () => {
  const id = await request();
  await appendLines(api.db, id, ["a", "b"]);
  await endDeployment(api.db, id, "succeeded");
  const read = async (query: string, headers: Record<string, string> = {}) => {
    const url = `/v1/deployments/${id}/events${query}`;
    const answer = await api.ask("GET", url, { headers: { accept: "text/event-stream", ...headers } });
    expect(answer.headers["content-type"]).toContain("text/event-stream");
    expect(answer.headers["x-accel-buffering"]).toBe("no");
    expect(answer.headers["cache-control"]).toContain("no-transform");
    return [...answer.text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
  };
  expect(await read("")).toEqual([1, 2, 3, 4]);
  expect(await read("?after=2")).toEqual([3, 4]);
  expect(await read("?after=1", { "last-event-id": "3" })).toEqual([4]);
  const bad = await api.ask("GET", `/v1/deployments/${id}/events`, {
    headers: { accept: "text/event-stream", "last-event-id": "x" },
  });
  expect([bad.status, bad.body.code]).toEqual([422, "invalid_request"]);
});

test("following stops when its caller aborts, and says what the server refused", async () => {
  const id = await request();
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const event of client.followEvents(id, { signal: stop.signal })) {
    seen.push(event.sequence);
    stop.abort();
  }
  expect(seen).toEqual([1]);
  const none = client.followEvents("0198a2c4-0000-7000-8000-000000000001");
  await expect(none.next()).rejects.toThrow(ProblemError);
  await expect(createClient({ baseUrl }).followEvents(id).next()).rejects.toMatchObject({
    code: "unauthenticated",
  });
});

test("a server that closes ends its streams and waits at once", async () => {
  const own = await startTestApi();
  await own.app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(own.app.server.address() as AddressInfo).port}`;
  const asked = createClient({ baseUrl: url, token: own.token });
  const address = await own.makeStack("closing");
  const [organisation, project, name] = address.split("/").slice(3) as [string, string, string];
  const params = { organisation, project, stack: name };
  const { id } = await asked.requestDeployment({ params, body: { operation: "update" } });
  const stop = new AbortController();
  const following = asked.followEvents(id, { signal: stop.signal });
  await following.next();
  const waiting = asked.getDeployment({ params: { id }, query: { wait: 30 } });
  await sleep(100);
  const started = performance.now();
  const closed = own.close();
  expect((await waiting).status).toBe("queued");
  stop.abort();
  await following.next();
  await closed;
  expect(performance.now() - started).toBeLessThan(4_000);
});

test("a reader that stops listening leaves nothing behind in the server", async () => {
  const id = await request();
  const controllers = Array.from({ length: 5 }, () => new AbortController());
  await Promise.all(
    controllers.map(async ({ signal }) => {
      await client.followEvents(id, { signal }).next();
    }),
  );
  for (const controller of controllers) controller.abort();
  await expect.poll(() => openStreams(id), { timeout: 5_000 }).toBe(0);
});

/** Whether anybody in the server still listens for a deployment. */
function openStreams(id: string): number {
  const { notifications } = api.dependencies;
  return notifications.listenerCount(id);
}

test("a lost connection to the database's notifications comes back, and followers go on", async () => {
  const id = await request();
  const following = client.followEvents(id);
  await following.next();
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'slipway-test-listen' and datname = current_database()`.execute(api.db);
  await appendLines(api.db, id, ["after the break"]);
  expect((await following.next()).value).toMatchObject({ sequence: 2 });
  await expect.poll(() => api.dependencies.notifications.isAlive, { timeout: 5_000 }).toBe(true);
  expect((await api.ask("GET", "/readyz")).status).toBe(200);
  await endDeployment(api.db, id, "cancelled");
  await following.next();
  expect((await following.next()).done).toBe(true);
});

test("the client says plainly when nothing, or something else, answers", async () => {
  const nothing = createServer((_request, reply) => reply.end("<h1>hello</h1>"));
  await new Promise<void>((resolve) => nothing.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(nothing.address() as AddressInfo).port}`;
  const asked = createClient({ baseUrl: url, token: api.token });
  await expect(asked.whoami()).rejects.toMatchObject({ code: "unexpected_answer" });
  await new Promise<void>((resolve) => {
    nothing.closeAllConnections();
    nothing.close(() => resolve());
  });
  await expect(asked.whoami()).rejects.toMatchObject({ code: "server_unreachable" });
});
