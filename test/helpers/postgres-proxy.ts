import type { Socket } from "node:net";
import { connect, createServer } from "node:net";

/** As simple queries: message Q, its length in four bytes, the text. */
const COMMIT = /Q.{4}commit/is;
const ENDS = /Q.{4}(?:commit|rollback)/is;

/** Stands between a client and Postgres, and takes away what the test says. */
export interface PostgresProxy {
  /** The connection string with the proxy's address. */
  url: string;
  /** Where new connections go from now on. */
  pointTo(url: string): void;
  /**
   * The next message to Postgres that matches gets there and is carried out; its reply does not come back, and the connection breaks. Resolves once Postgres has
   * replied.
   */
  loseReplyTo(pattern: RegExp): Promise<void>;
  /** `loseReplyTo` for the commit of the next transaction in which a message matches. */
  loseCommitOf(pattern: RegExp): Promise<void>;
  /** Breaks all connections. */
  cut(): void;
  close(): Promise<void>;
}

/** Listens on a port of its own in front of the Postgres of a connection string. */
export async function startPostgresProxy(url: string): Promise<PostgresProxy> {
  let target = new URL(url);
  let trap: { pattern: RegExp; commit: boolean; sprung: () => void } | undefined;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    let losing: (() => void) | undefined;
    /** Sprung at the commit of the transaction that runs here. */
    let armed: (() => void) | undefined;
    for (const socket of [client, upstream]) {
      open.add(socket);
      // Both sides go together, whichever breaks.
      const end = (): void => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      };
      socket.on("error", end).on("close", end);
    }
    client.on("data", (chunk: Buffer) => {
      const message = chunk.toString("latin1");
      if (trap?.pattern.test(message) === true) {
        if (trap.commit) armed = trap.sprung;
        else losing = trap.sprung;
        trap = undefined;
      }
      if (armed !== undefined && COMMIT.test(message)) losing = armed;
      if (armed !== undefined && ENDS.test(message)) armed = undefined;
      upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (losing === undefined) {
        client.write(chunk);
        return;
      }
      losing();
      client.destroy();
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  const own = new URL(url);
  own.hostname = "127.0.0.1";
  own.port = String(port);
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: own.href,
    pointTo: (next) => {
      target = new URL(next);
    },
    loseReplyTo: (pattern) =>
      new Promise((resolve) => {
        trap = { pattern, commit: false, sprung: resolve };
      }),
    loseCommitOf: (pattern) =>
      new Promise((resolve) => {
        trap = { pattern, commit: true, sprung: resolve };
      }),
    cut,
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
