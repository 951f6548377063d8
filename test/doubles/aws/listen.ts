import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";
import type { Certificate } from "../../helpers/certificate.ts";

const FIRST_BYTE_OF_TLS = 0x16;

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

export interface Listening {
  /** `host:port`. */
  address: string;
  stop: () => Promise<void>;
}

/** `address`: where it listens. */
export type Answer = (request: http.IncomingMessage, secure: boolean, address: string) => Promise<Reply>;

/**
 * Listens at a port of the loopback for HTTP and HTTPS alike, as the first byte tells. `shown`: the certificate for a name that is asked for, when it is
 * another one than `certificate`.
 */
export async function listen(
  certificate: Certificate,
  answer: Answer,
  shown?: (name: string) => Promise<Certificate | undefined>,
): Promise<Listening> {
  let address = "";
  const respond = (secure: boolean) => (request: http.IncomingMessage, response: http.ServerResponse) => {
    answer(request, secure, address)
      .catch((thrown: unknown) => plain(502, String(thrown)))
      .then(({ status, headers, body }) => {
        response.writeHead(status, { ...headers, "content-length": String(body.length) });
        response.end(request.method === "HEAD" ? undefined : body);
      })
      .catch((thrown: unknown) => response.destroy(thrown instanceof Error ? thrown : undefined));
  };
  const open = http.createServer(respond(false));
  const named: https.ServerOptions =
    shown === undefined
      ? {}
      : {
          SNICallback: (name, callback) => {
            shown(name).then(
              (found) => callback(null, tls.createSecureContext(found ?? certificate)),
              (thrown: unknown) => callback(thrown instanceof Error ? thrown : new Error(String(thrown))),
            );
          },
        };
  const secure = https.createServer({ ...certificate, ...named }, respond(true));
  const sockets = new Set<net.Socket>();
  const front = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that goes away mid-request is no matter of the test.
    socket.on("error", () => socket.destroy());
    socket.once("data", (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      (first[0] === FIRST_BYTE_OF_TLS ? secure : open).emit("connection", socket);
      process.nextTick(() => socket.resume());
    });
  });
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  const bound = front.address();
  if (bound === null || typeof bound === "string") throw new Error("the edge has no port");
  address = `127.0.0.1:${String(bound.port)}`;
  return {
    address,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, "close");
    },
  };
}

/** A text of CloudFront's own. */
export function plain(status: number, text: string): Reply {
  return {
    status,
    headers: { "content-type": "text/plain", server: "CloudFront" },
    body: Buffer.from(`${text}\n`),
  };
}
