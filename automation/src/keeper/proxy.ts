import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "../logger.ts";

/** RFC 9110, section 7.6.1: these speak of one connection and are not passed on. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** RFC 9110, section 9.2.1. */
const SAFE_METHODS = new Set(["GET", "HEAD", "OPTIONS"]);

/** The upstream's idle connections are given up sooner than a Node server would close them (5 s), so that none is used as it closes. */
const IDLE_UPSTREAM_MS = 4000;
const DRAIN_POLL_INTERVAL_MS = 10;

export interface ProxyRoute {
  path: string;
  upstream: string;
}

/** One listening port whose routes can be exchanged between two requests. */
export interface EndpointProxy {
  /** New requests go by the new routes from the moment this returns. */
  setRoutes(routes: readonly ProxyRoute[]): void;
  /** Waits until upstreams that have no route any more answer nothing, at most `timeoutMs` and until `signal` is aborted; then cuts what is left. Returns how many were cut. */
  drain(timeoutMs: number, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** The route with the longest path that is a prefix of `url` in whole segments. Undefined when none is. */
export function matchRoute(routes: readonly ProxyRoute[], url: string): ProxyRoute | undefined {
  const path = url.split("?", 1)[0] ?? "/";
  let best: ProxyRoute | undefined;
  for (const route of routes) {
    const prefix = route.path.endsWith("/") ? route.path : `${route.path}/`;
    const matches = path === route.path || path.startsWith(prefix);
    if (matches && (best === undefined || route.path.length > best.path.length)) best = route;
  }
  return best;
}

/** Listens on a loopback port. Rejects with the system's error (EADDRINUSE) when it is taken. */
export async function startProxy(
  port: number,
  routes: readonly ProxyRoute[],
  logger: Logger,
): Promise<EndpointProxy> {
  const proxy = new ReverseProxy(routes, logger);
  await proxy.listen(port);
  return proxy;
}

class ReverseProxy implements EndpointProxy {
  #routes: readonly ProxyRoute[];
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_UPSTREAM_MS });
  /** Requests that an upstream has not finished answering, each with what cuts it. */
  readonly #inFlight = new Map<string, Set<() => void>>();

  constructor(routes: readonly ProxyRoute[], logger: Logger) {
    this.#routes = routes;
    this.#logger = logger;
    // Streams may be open for ever; the application behind decides on its own time limits.
    this.#server = createServer({ requestTimeout: 0 }, (incoming, answer) => this.#forward(incoming, answer));
    this.#server.on("upgrade", (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(incoming, socket, head),
    );
  }

  listen(port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      this.#server.off("error", reject);
      resolve();
    });
    return promise;
  }

  setRoutes(routes: readonly ProxyRoute[]): void {
    this.#routes = routes;
  }

  async drain(timeoutMs: number, signal: AbortSignal): Promise<number> {
    const leaving = () => {
      const current = new Set(this.#routes.map((route) => route.upstream));
      return [...this.#inFlight]
        .filter(([upstream]) => !current.has(upstream))
        .flatMap(([, cuts]) => [...cuts]);
    };
    const deadline = performance.now() + timeoutMs;
    while (leaving().length > 0 && performance.now() < deadline && !signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_INTERVAL_MS));
    }
    const left = leaving();
    for (const cut of left) cut();
    return left.length;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const cuts of this.#inFlight.values()) for (const cut of cuts) cut();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await promise;
  }

  #forward(incoming: IncomingMessage, answer: ServerResponse): void {
    const route = matchRoute(this.#routes, incoming.url ?? "/");
    if (route === undefined) {
      answerProblem(answer, 404, "No route of this endpoint matches the path.");
      return;
    }
    this.#send(incoming, answer, route, SAFE_METHODS.has(incoming.method ?? "") && !hasBody(incoming));
  }

  /** `replayable`: it changes nothing and has no body, so that it may be sent again when an idle connection turns out to be closed. */
  #send(incoming: IncomingMessage, answer: ServerResponse, route: ProxyRoute, replayable: boolean): void {
    const outgoing = request(`${route.upstream}${incoming.url ?? "/"}`, {
      method: incoming.method ?? "GET",
      headers: forwardedHeaders(incoming),
      setHost: false,
      // What can be sent only once never travels on a connection that the upstream may be closing.
      agent: replayable ? this.#agent : false,
    });
    const finished = this.#track(route.upstream, () => {
      outgoing.destroy();
      answer.destroy();
    });
    answer.once("close", () => {
      finished();
      outgoing.destroy();
    });
    outgoing.once("response", (response) => {
      answer.writeHead(response.statusCode ?? 502, response.statusMessage, endToEnd(response.headers));
      // Headers of an event stream must arrive before its first event does.
      answer.flushHeaders();
      response.once("error", () => answer.destroy());
      response.pipe(answer);
    });
    outgoing.once("error", (thrown) => {
      if (answer.destroyed || answer.writableFinished) return;
      if (answer.headersSent) {
        answer.destroy();
      } else if (replayable && outgoing.reusedSocket) {
        finished();
        this.#send(incoming, answer, matchRoute(this.#routes, incoming.url ?? "/") ?? route, true);
      } else {
        this.#logger.warn({ upstream: route.upstream, err: thrown }, "upstream failed");
        answerProblem(answer, 502, "What this endpoint leads to does not answer.");
      }
    });
    if (replayable) outgoing.end();
    else incoming.pipe(outgoing);
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const route = matchRoute(this.#routes, incoming.url ?? "/");
    if (route === undefined) {
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      return;
    }
    const outgoing = request(`${route.upstream}${incoming.url ?? "/"}`, {
      method: incoming.method ?? "GET",
      headers: { ...forwardedHeaders(incoming), connection: "upgrade", upgrade: incoming.headers.upgrade },
      setHost: false,
      agent: false,
    });
    const finished = this.#track(route.upstream, () => {
      outgoing.destroy();
      socket.destroy();
    });
    socket.once("close", () => {
      finished();
      outgoing.destroy();
    });
    // The close that follows an error ends both sides.
    socket.on("error", () => undefined);
    outgoing.once("error", () => socket.destroy());
    outgoing.once("response", () => socket.end("HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n"));
    outgoing.once("upgrade", (response, upstream: Duplex, upstreamHead: Buffer) => {
      const lines = [`HTTP/1.1 101 ${response.statusMessage ?? "Switching Protocols"}`];
      for (let at = 0; at < response.rawHeaders.length; at += 2) {
        lines.push(`${response.rawHeaders[at]}: ${response.rawHeaders[at + 1]}`);
      }
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      if (upstreamHead.length > 0) socket.write(upstreamHead);
      if (head.length > 0) upstream.write(head);
      upstream.on("error", () => socket.destroy());
      upstream.once("close", () => socket.destroy());
      socket.once("close", () => upstream.destroy());
      upstream.pipe(socket).pipe(upstream);
    });
    outgoing.end();
  }

  #track(upstream: string, cut: () => void): () => void {
    const cuts = this.#inFlight.get(upstream) ?? new Set();
    this.#inFlight.set(upstream, cuts);
    cuts.add(cut);
    return () => {
      cuts.delete(cut);
      if (cuts.size === 0 && this.#inFlight.get(upstream) === cuts) this.#inFlight.delete(upstream);
    };
  }
}

function hasBody(incoming: IncomingMessage): boolean {
  const length = incoming.headers["content-length"];
  return incoming.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

function forwardedHeaders(incoming: IncomingMessage): IncomingHttpHeaders {
  const headers = endToEnd(incoming.headers);
  const chain = incoming.headers["x-forwarded-for"];
  const client = incoming.socket.remoteAddress ?? "";
  headers["x-forwarded-for"] = chain === undefined ? client : `${String(chain)}, ${client}`;
  headers["x-forwarded-host"] = incoming.headers.host;
  headers["x-forwarded-proto"] = "http";
  // The upstream gets framing of its own; without this Node would send a GET's body with none.
  if (incoming.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  return headers;
}

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = new Set(
    String(headers.connection ?? "")
      .split(",")
      .map((name) => name.trim().toLowerCase()),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => value !== undefined && !HOP_BY_HOP.has(name) && !named.has(name),
    ),
  );
}

function answerProblem(answer: ServerResponse, status: number, title: string): void {
  const body = JSON.stringify({ status, title });
  answer.writeHead(status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  answer.end(body);
}
