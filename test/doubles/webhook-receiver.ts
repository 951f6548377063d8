import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Certificate } from "../helpers/certificate.ts";

/** A request as the receiver got it. */
export interface ReceivedWebhook {
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Of TLS; undefined without. */
  serverName: string | undefined;
}

/** A receiver of webhooks on this machine. */
export interface WebhookReceiver {
  port: number;
  received: ReceivedWebhook[];
  /** Connections that were opened, with or without a request. */
  connections(): number;
  close(): Promise<void>;
}

export type ReceiverAnswer = (request: ReceivedWebhook, response: ServerResponse) => void;

const answer204: ReceiverAnswer = (_request, response) => {
  response.writeHead(204).end();
};

/** Listens on a port of its own; answers 204 unless told otherwise. With a certificate it speaks TLS. */
export async function startWebhookReceiver(
  options: { answer?: ReceiverAnswer; host?: string; port?: number; certificate?: Certificate } = {},
): Promise<WebhookReceiver> {
  const { answer = answer204, host = "127.0.0.1", port = 0, certificate } = options;
  const received: ReceivedWebhook[] = [];
  let connections = 0;
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const parts: Buffer[] = [];
    // A sender that gives up is none of the receiver's failures.
    request.on("error", () => {});
    response.on("error", () => {});
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const one: ReceivedWebhook = {
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts),
        serverName: (request.socket as { servername?: string | false }).servername || undefined,
      };
      received.push(one);
      answer(one, response);
    });
  };
  const server =
    certificate === undefined ? createHttpServer(handle) : createHttpsServer(certificate, handle);
  server.on("connection", () => {
    connections += 1;
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    received,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
