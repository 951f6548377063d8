import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { WebhookReceiver } from "../../../test/doubles/webhook-receiver.ts";
import { startWebhookReceiver } from "../../../test/doubles/webhook-receiver.ts";
import type { Certificate } from "../../../test/helpers/certificate.ts";
import { makeCertificate } from "../../../test/helpers/certificate.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { parseNetworks } from "./addresses.ts";
import type { WebhookNetwork } from "./webhook.ts";
import { postWebhook } from "./webhook.ts";

const NAME = "receiver.test";
const LOOPBACK = parseNetworks("127.0.0.0/8") ?? [];
const REQUEST = { headers: { "content-type": "application/json" }, body: Buffer.from('{"a":1}') };
const NEVER = new AbortController().signal;

let certificate: Certificate;
beforeAll(async () => {
  certificate = await makeCertificate(NAME);
});
const open: WebhookReceiver[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(() => expect(open).toEqual([]));

async function receiver(options: Parameters<typeof startWebhookReceiver>[0] = {}): Promise<WebhookReceiver> {
  const one = await startWebhookReceiver(options);
  open.push(one);
  return one;
}

function answering(
  ...answers: (readonly string[] | Error)[]
): Required<Pick<WebhookNetwork, "lookup">> & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    lookup: async (name) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(name);
      if (answer instanceof Error) throw answer;
      return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    },
  };
}

const post = (url: string, network: Partial<WebhookNetwork> = {}) =>
  postWebhook({ ...REQUEST, url }, { allowed: [], ...network }, NEVER);

describe("over TLS", () => {
  test("a message arrives with its host name, server name and bytes", async () => {
    const { port, received } = await receiver({ certificate });
    const { lookup, asked } = answering(["127.0.0.1"]);
    const result = await post(`https://${NAME}:${port}/hook?x=1`, {
      allowed: LOOPBACK,
      lookup,
      ca: certificate.cert,
    });
    expect(result).toEqual({ outcome: { kind: "delivered" }, statusCode: 204 });
    expect(asked).toEqual([NAME]);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({ path: "/hook?x=1", serverName: NAME, body: REQUEST.body });
    expect(received[0]?.headers.host).toBe(`${NAME}:${port}`);
  });

  test("a certificate that nobody vouches for, or of another name, gets nothing", async () => {
    const { port, received } = await receiver({ certificate });
    const { lookup } = answering(["127.0.0.1"]);
    const unknown = await post(`https://${NAME}:${port}/`, { allowed: LOOPBACK, lookup });
    const other = await post(`https://other.test:${port}/`, {
      allowed: LOOPBACK,
      lookup,
      ca: certificate.cert,
    });
    expect([unknown.outcome.kind, other.outcome.kind]).toEqual(["failed", "failed"]);
    expect(other.outcome).toMatchObject({ error: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID") });
    expect(received).toEqual([]);
  });
});

describe("addresses", () => {
  const metadata = "http://169.254.169.254/latest/meta-data/";
  test.each([
    metadata,
    "https://169.254.169.254/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::7f00:1]/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://0177.0.0.1/",
    "https://127.1./",
    "https://0/",
    "https://10.0.0.1/",
    "https://[fd00:ec2::254]/",
    "https://localhost/",
  ])("%s is refused", async (url) => {
    const result = await post(url);
    expect(result.outcome).toMatchObject({ kind: "refused", error: expect.stringContaining("not public") });
  });

  test("a receiver on this machine is not even connected to, whatever form its address has", async () => {
    const { port, connections } = await receiver();
    for (const host of [
      "127.0.0.1",
      "0x7f.1",
      "2130706433",
      "[::ffff:127.0.0.1]",
      "localhost",
      "0.0.0.0",
      "127.1.",
    ]) {
      expect((await post(`http://${host}:${port}/`)).outcome.kind, host).toBe("refused");
    }
    expect(connections()).toBe(0);
  });

  test("one private address among public ones is enough to refuse", async () => {
    const { lookup } = answering(["93.184.216.34", "127.0.0.1"]);
    expect((await post("https://mixed.test/", { lookup })).outcome.kind).toBe("refused");
  });

  test("a name that leads elsewhere a moment later is connected to where it led when it was checked", async () => {
    const checked = await receiver({ host: "127.0.0.2" });
    const inside = await receiver({ host: "127.0.0.1", port: checked.port });
    const { lookup, asked } = answering(["127.0.0.2"], ["127.0.0.1"]);
    const allowed = parseNetworks("127.0.0.2/32") ?? [];
    const result = await post(`http://${NAME}:${checked.port}/`, { allowed, lookup });
    expect(result.outcome).toEqual({ kind: "delivered" });
    expect(asked).toHaveLength(1);
    expect([checked.received.length, inside.connections()]).toEqual([1, 0]);
    // Asked again, it leads to what is not allowed.
    expect((await post(`http://${NAME}:${checked.port}/`, { allowed, lookup })).outcome.kind).toBe("refused");
    expect(inside.connections()).toBe(0);
  });

  test("a look-up that fails first and then answers privately gets nothing: each try is checked", async () => {
    const { port, connections } = await receiver();
    const notFound = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    const { lookup } = answering(notFound, ["127.0.0.1"]);
    const first = await post(`http://${NAME}:${port}/`, { lookup });
    expect(first.outcome).toMatchObject({ kind: "failed", error: expect.stringContaining("ENOTFOUND") });
    expect((await post(`http://${NAME}:${port}/`, { lookup })).outcome.kind).toBe("refused");
    expect(connections()).toBe(0);
  });

  test("without https only a network that is allowed by name is reached", async () => {
    const { lookup } = answering(["93.184.216.34"]);
    const result = await post("http://public.test/", { lookup, allowed: LOOPBACK });
    expect(result.outcome).toMatchObject({
      kind: "refused",
      error: expect.stringContaining("Without https"),
    });
  });

  test("a proxy of the environment is not used", async () => {
    const proxy = await receiver();
    const { port, received } = await receiver();
    const script = `
      import { parseNetworks } from "./addresses.ts";
      import { postWebhook } from "./webhook.ts";
      const allowed = parseNetworks("127.0.0.0/8");
      const request = { url: "http://127.0.0.1:${port}/", headers: {}, body: Buffer.from("{}") };
      console.log(JSON.stringify(await postWebhook(request, { allowed }, new AbortController().signal)));`;
    // Node reads these when it starts.
    const env = { ...process.env, NODE_USE_ENV_PROXY: "1", HTTP_PROXY: `http://127.0.0.1:${proxy.port}` };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", script],
      {
        cwd: import.meta.dirname,
        env,
      },
    );
    expect(stdout).toContain("delivered");
    expect([received.length, proxy.connections()]).toEqual([1, 0]);
  });
});

describe("answers", () => {
  const at = (port: number, network: Partial<WebhookNetwork> = {}) =>
    post(`http://127.0.0.1:${port}/`, { allowed: LOOPBACK, ...network });

  test("a redirect is not followed", async () => {
    const inside = await receiver({ host: "127.0.0.2" });
    const { port } = await receiver({
      answer: (_request, response) => {
        response.writeHead(307, { location: `http://127.0.0.2:${inside.port}/` }).end();
      },
    });
    const result = await at(port);
    expect(result).toMatchObject({ statusCode: 307, outcome: { kind: "failed" } });
    expect(inside.connections()).toBe(0);
  });

  test.each([
    [200, "delivered"],
    [202, "delivered"],
    [400, "failed"],
    [404, "failed"],
    [410, "refused"],
    [429, "failed"],
    [500, "failed"],
    [503, "failed"],
  ])("%i is %s", async (status, kind) => {
    const { port } = await receiver({
      answer: (_request, response) => void response.writeHead(status).end(),
    });
    expect(await at(port)).toMatchObject({ statusCode: status, outcome: { kind } });
  });

  test("a receiver may ask to be tried later, by an hour at most", async () => {
    const waits: (number | undefined)[] = [];
    for (const value of ["120", "999999", "soon"]) {
      const { port } = await receiver({
        answer: (_request, response) => void response.writeHead(503, { "retry-after": value }).end(),
      });
      const { outcome } = await at(port);
      waits.push(outcome.kind === "failed" ? outcome.retryAfterMs : -1);
    }
    expect(waits).toEqual([120_000, 3_600_000, undefined]);
  });

  test("10 MB of answer are not read: its status counts and the connection ends", async () => {
    let sent = 0;
    const { port } = await receiver({
      answer: (_request, response) => {
        response.writeHead(200);
        const chunk = Buffer.alloc(65_536);
        const more = (): void => {
          while (sent < 10_485_760 && !response.destroyed) {
            sent += chunk.length;
            if (!response.write(chunk)) return void response.once("drain", more);
          }
        };
        more();
      },
    });
    expect(await at(port)).toEqual({ outcome: { kind: "delivered" }, statusCode: 200 });
    // What the sockets' buffers take, and no more.
    expect(sent).toBeLessThan(8_388_608);
  });

  test("a body without an end holds nobody for more than a second", async () => {
    let closed = false;
    const { port } = await receiver({
      answer: (_request, response) => {
        response.writeHead(200).write("a");
        const timer = setInterval(() => response.write("a"), 50);
        response.on("close", () => {
          closed = true;
          clearInterval(timer);
        });
      },
    });
    const started = performance.now();
    expect((await at(port)).outcome.kind).toBe("delivered");
    expect(performance.now() - started).toBeLessThan(4_000);
    await eventually("the connection ends", 5_000, () => closed);
  });

  test("a head that comes byte by byte, or never, ends with the time limit", async () => {
    const trickle = await receiver({
      answer: (_request, response) => {
        const { socket } = response;
        socket?.write("HTTP/1.1 200 OK\r\nx: ");
        const timer = setInterval(() => socket?.write("a"), 20);
        response.on("close", () => clearInterval(timer));
      },
    });
    const silent = await receiver({ answer: () => {} });
    for (const { port } of [trickle, silent]) {
      const started = performance.now();
      const { outcome } = await at(port, { timeoutMs: 500 });
      expect(outcome).toMatchObject({ kind: "failed", error: "The receiver did not answer in time." });
      expect(performance.now() - started).toBeLessThan(4_000);
    }
  });

  test("a look-up that never answers ends with the time limit", async () => {
    const lookup: WebhookNetwork["lookup"] = () =>
      new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 700));
    const results = await Promise.all(
      [1, 2, 3, 4].map(() => post("https://a.test/", { lookup, timeoutMs: 300 })),
    );
    for (const { outcome } of results)
      expect(outcome).toMatchObject({ error: "The receiver did not answer in time." });
  });

  test("headers without an end are refused", async () => {
    const { port } = await receiver({
      answer: (_request, response) => {
        response.socket?.write(`HTTP/1.1 200 OK\r\n${`x: ${"a".repeat(1000)}\r\n`.repeat(100)}`);
      },
    });
    expect((await at(port)).outcome).toMatchObject({
      kind: "failed",
      error: expect.stringContaining("HPE_HEADER_OVERFLOW"),
    });
  });

  test("a refused connection and a stopped server are failures that may end otherwise", async () => {
    const { port } = await receiver({ answer: () => {} });
    const gone = await startWebhookReceiver();
    await gone.close();
    expect((await at(gone.port)).outcome).toMatchObject({
      kind: "failed",
      error: expect.stringContaining("ECONNREFUSED"),
    });
    const stopping = new AbortController();
    const running = postWebhook(
      { ...REQUEST, url: `http://127.0.0.1:${port}/` },
      { allowed: LOOPBACK },
      stopping.signal,
    );
    stopping.abort();
    expect((await running).outcome).toMatchObject({
      kind: "failed",
      error: expect.stringContaining("stopped"),
    });
  });
});
