import type { AddressInfo } from "node:net";
import { createConnection, createServer, type Socket } from "node:net";

/** One request as it went over the wire. */
export interface SeenRequest {
  method: string;
  path: string;
  /** Head and body. */
  bytes: number;
  /** As it was sent, packed or not. */
  body: Buffer;
  /** performance.now() when its last byte had come. */
  sentAtMs: number;
  /** When the first byte of the answer came; null: there was none. */
  answeredAtMs: number | null;
  status: number | null;
}

/** Passes connections on and counts what goes over them. */
export interface CountingProxy {
  port: number;
  /** Where to, set before the first connection. */
  setTarget(port: number): void;
  /** Requests since the last call, and all bytes in both directions. */
  take(): { requests: SeenRequest[]; bytes: number };
  close(): Promise<void>;
}

const HEAD_END = "\r\n\r\n";

/**
 * Listens on a loopback port. `http`: also tells requests apart; clients must send one after the other on a connection, as the Pulumi CLI does. It looks at what passes and
 * changes nothing.
 */
export async function startCountingProxy({ http }: { http: boolean }): Promise<CountingProxy> {
  let target: number | undefined;
  let requests: SeenRequest[] = [];
  let bytes = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: "127.0.0.1", port: target ?? 0 });
    const reader = http ? requestReader((request) => requests.push(request)) : undefined;
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      open.add(socket);
      socket.once("close", () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
      // The other end notices by the close that follows.
      socket.on("error", () => {});
    }
    client.on("data", (chunk) => {
      bytes += chunk.length;
      reader?.sent(chunk);
    });
    upstream.on("data", (chunk) => {
      bytes += chunk.length;
      reader?.answered(chunk);
    });
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve, reject) => server.listen(0, "127.0.0.1", resolve).once("error", reject));
  return {
    port: (server.address() as AddressInfo).port,
    setTarget: (port) => {
      target = port;
    },
    take: () => {
      const taken = { requests, bytes };
      requests = [];
      bytes = 0;
      return taken;
    },
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Tells the requests of one connection apart. */
function requestReader(onRequest: (request: SeenRequest) => void) {
  let waiting = Buffer.alloc(0);
  let current: SeenRequest | undefined;
  const take = (): boolean => {
    const headEnd = waiting.indexOf(HEAD_END);
    if (headEnd < 0) return false;
    const head = waiting.toString("latin1", 0, headEnd);
    const bodyStart = headEnd + HEAD_END.length;
    const end = /^transfer-encoding: chunked/im.test(head)
      ? chunkedEnd(waiting, bodyStart)
      : bodyStart + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (end === undefined || end > waiting.length) return false;
    const [method = "", path = ""] = head.split(" ", 2);
    current = {
      method,
      path,
      bytes: end,
      body: Buffer.from(waiting.subarray(bodyStart, end)),
      sentAtMs: performance.now(),
      answeredAtMs: null,
      status: null,
    };
    onRequest(current);
    waiting = waiting.subarray(end);
    return waiting.length > 0;
  };
  return {
    sent: (chunk: Buffer): void => {
      waiting = Buffer.concat([waiting, chunk]);
      while (take());
    },
    answered: (chunk: Buffer): void => {
      if (current === undefined || current.answeredAtMs !== null) return;
      current.answeredAtMs = performance.now();
      current.status = Number(chunk.toString("latin1", 9, 12));
    },
  };
}

/** Where a chunked body ends; undefined while it is not whole. */
function chunkedEnd(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    at = lineEnd + 2 + size + 2;
    if (at > bytes.length) return undefined;
    if (size === 0) return at;
  }
}
