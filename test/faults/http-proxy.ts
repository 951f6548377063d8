import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request } from "node:http";

/** Which request to stop at. */
export interface HttpTrapOptions {
  match: (method: string, path: string) => boolean;
  /** `request`: the server does not get it; `reply`: the server has answered, and the answer does not come back. */
  side: "request" | "reply";
}

/** One stop. Springs once; what is sent to the same address afterwards stands still behind it. */
export interface HttpTrap {
  readonly sprung: Promise<void>;
  readonly hasSprung: boolean;
  release(): void;
}

/** Stands between the engines and the server. */
export interface HttpProxy {
  readonly url: string;
  trap(options: HttpTrapOptions): HttpTrap;
  close(): Promise<void>;
}

interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

/** Forwards to a server on 127.0.0.1; a server that is away is told by a broken connection, as by the server itself. */
export async function startHttpProxy(upstreamPort: number): Promise<HttpProxy> {
  const traps = new Set<{
    options: HttpTrapOptions;
    /** Answers whether this address is the one that it holds. */
    arrive: (url: string) => boolean;
    released: Promise<void>;
  }>();
  const forward = (incoming: IncomingMessage, body: Buffer): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asked = request(
        {
          hostname: "127.0.0.1",
          port: upstreamPort,
          method: incoming.method,
          path: incoming.url,
          // With the Host that the engine asked for: the server names itself by it in what it answers.
          headers: incoming.headers,
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.once("error", reject);
          response.once("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks),
            }),
          );
        },
      );
      asked.once("error", reject);
      asked.end(body);
    });
  const stopAt = async (side: "request" | "reply", incoming: IncomingMessage): Promise<void> => {
    for (const one of traps) {
      if (one.options.side !== side) continue;
      if (!one.options.match(incoming.method ?? "", incoming.url ?? "")) continue;
      if (one.arrive(incoming.url ?? "")) await one.released;
    }
  };
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    await stopAt("request", incoming);
    const answer = await forward(incoming, Buffer.concat(chunks));
    await stopAt("reply", incoming);
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    trap(options) {
      const sprung = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      let hasSprung = false;
      let held: string | undefined;
      const one = {
        options,
        arrive: (url: string) => {
          held ??= url;
          if (held !== url) return false;
          hasSprung = true;
          sprung.resolve();
          return true;
        },
        released: released.promise,
      };
      traps.add(one);
      return {
        sprung: sprung.promise,
        get hasSprung() {
          return hasSprung;
        },
        release() {
          traps.delete(one);
          released.resolve();
        },
      };
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
