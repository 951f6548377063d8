import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer, Agent as HttpAgent, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { pipeline } from "node:stream/promises";
import { setTimeout as pause } from "node:timers/promises";
import { ENGINE_ADDRESS_HEADER } from "../contract/engine-address.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";

/** The CLI itself tries four times within 7 s; a server that is started anew, or on another machine, may take longer. */
export const HOLD_MS = 120_000;
/** What is dropped on the way is not refused: another server is asked after so long. */
const CONNECT_TIMEOUT_MS = 3_000;
/** A server that waits for its database answers within 30 s. */
const SILENCE_TIMEOUT_MS = 45_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const LARGEST_BODY_BYTES = 256 * 1024 * 1024;
/** What a proxy answers for a server that is away, and a server that is going away. */
const AWAY_STATUSES = new Set([502, 503, 504]);
/** They belong to one connection, not to the message. */
const CONNECTION_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "te",
  "trailer",
  "upgrade",
  "host",
  "content-length",
]);
/** Requests of which a second one is another change. Engines of deployments send neither; all else the state backend takes twice. */
const ONCE_ONLY = /^\/api\/stacks\/[^/]+\/[^/]+\/?$|\/import$/u;

export interface ServerRelayOptions {
  /** Base URLs of the installation's servers, without a slash at the end; at least one. */
  servers: readonly string[];
  logger: Pick<Logger, "info" | "warn">;
  /** How long a request waits for a server. */
  holdMs?: number;
}

/** A state backend on loopback that is there as long as the worker is. */
export interface ServerRelay {
  /** For engines of this machine. */
  url: string;
  close(): Promise<void>;
}

/**
 * Passes requests of engines to one of several servers and keeps them while none answers, so that an update outlives the restart of a server or its machine. Prefers the
 * server that answered last. After the hold the engine gets a 503, which it tries again by itself.
 */
export async function openServerRelay(options: ServerRelayOptions): Promise<ServerRelay> {
  const { servers, logger, holdMs = HOLD_MS } = options;
  const targets = servers.map((server) => new URL(server));
  const agents = {
    "http:": new HttpAgent({ keepAlive: true }),
    "https:": new HttpsAgent({ keepAlive: true }),
  };
  const closing = new AbortController();
  let preferred = 0;
  let own = "";

  const relay = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, closing.signal]);
    const body = await bodyOf(request);
    if (body === undefined) return refuse(response, 413, "The request is larger than any engine's.");
    const deadline = performance.now() + holdMs;
    const repeats = request.method === "GET" || !ONCE_ONLY.test((request.url ?? "").split("?")[0] ?? "");
    let wait = FIRST_PAUSE_MS;
    for (let tries = 1; ; tries += 1) {
      const index = preferred;
      const target = targets[index];
      if (target === undefined) throw new Error("a relay without servers");
      const outcome = await ask(target, request, body, {
        agent: agents[target.protocol as "http:"],
        own,
        signal,
      });
      if (signal.aborted) return;
      if (outcome.kind === "answer" && !(repeats && AWAY_STATUSES.has(outcome.answer.statusCode ?? 0))) {
        if (tries > 1) logger.info({ server: target.origin, tries }, "a server answers engines again");
        await passOn(outcome.answer, response);
        return;
      }
      const why = outcome.kind === "answer" ? `status ${outcome.answer.statusCode ?? 0}` : outcome.why;
      // Somebody else's request may have chosen another one meanwhile.
      if (preferred === index) preferred = (index + 1) % targets.length;
      const isSent = outcome.kind === "answer" || outcome.isSent;
      if (tries === 1)
        logger.warn({ server: target.origin, error: why }, "a server does not answer an engine");
      if ((isSent && !repeats) || performance.now() >= deadline) {
        if (outcome.kind === "answer") await passOn(outcome.answer, response);
        else refuse(response, isSent ? 502 : 503, `No server of Slipway answers: ${why}`);
        return;
      }
      if (outcome.kind === "answer") outcome.answer.destroy();
      // All of them have been asked: only now is there something to wait for.
      if (tries % targets.length !== 0) continue;
      // The only rejection is the abort, which the next look at the signal tells.
      await pause(wait, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  };

  const server = createServer((request, response) => {
    relay(request, response).catch((error: unknown) => {
      // The engine sees a broken connection and asks again.
      logger.warn({ error: messageOf(error) }, "a request of an engine was not passed on");
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the relay has no port");
  own = `http://127.0.0.1:${address.port}`;
  return {
    url: own,
    async close() {
      closing.abort();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

type Outcome =
  | { kind: "answer"; answer: IncomingMessage }
  /** `isSent`: the server may have acted on it. */
  | { kind: "none"; why: string; isSent: boolean };

function ask(
  target: URL,
  { method, url = "/", headers }: IncomingMessage,
  body: Buffer,
  { agent, own, signal }: { agent: HttpAgent; own: string; signal: AbortSignal },
): Promise<Outcome> {
  return new Promise((resolve) => {
    let isSent = false;
    const send = target.protocol === "https:" ? requestHttps : requestHttp;
    const outgoing = send({
      protocol: target.protocol,
      hostname: target.hostname.replace(/^\[|\]$/g, ""),
      port: target.port,
      method,
      path: `${target.pathname.replace(/\/$/, "")}${url}`,
      headers: {
        ...messageHeaders(headers),
        host: target.host,
        "content-length": String(body.length),
        [ENGINE_ADDRESS_HEADER]: own,
      },
      agent,
      signal,
    });
    const late = setTimeout(() => outgoing.destroy(new Error("no connection in time")), CONNECT_TIMEOUT_MS);
    outgoing.once("socket", (socket) => {
      const connected = (): void => {
        clearTimeout(late);
        isSent = true;
        outgoing.setTimeout(SILENCE_TIMEOUT_MS, () => outgoing.destroy(new Error("no answer in time")));
      };
      if (socket.connecting)
        socket.once(target.protocol === "https:" ? "secureConnect" : "connect", connected);
      else connected();
    });
    outgoing.once("response", (answer) => resolve({ kind: "answer", answer }));
    outgoing.on("error", (error) => {
      clearTimeout(late);
      resolve({ kind: "none", why: messageOf(error), isSent });
    });
    outgoing.end(body);
  });
}

async function passOn(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  const length = answer.headers["content-length"];
  response.writeHead(answer.statusCode ?? 502, {
    ...messageHeaders(answer.headers),
    ...(length === undefined ? {} : { "content-length": length }),
  });
  await pipeline(answer, response);
}

function messageHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !CONNECTION_HEADERS.has(name) && !named.has(name)) kept[name] = value;
  }
  return kept;
}

/** The whole body, since it may have to be sent again; undefined when it is too large. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** In the form that the Pulumi CLI reads. */
function refuse(response: ServerResponse, code: number, message: string): void {
  response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify({ code, message }));
}
