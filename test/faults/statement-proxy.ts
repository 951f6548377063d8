import type { Socket } from "node:net";
import { connect, createServer } from "node:net";

/** Which message to stop at. */
export interface TrapOptions {
  /** Of the statement's text. */
  match: RegExp;
  /** Not the statement itself but what makes it last: the commit of its transaction, or itself outside of one. */
  committed?: boolean;
  /** `request`: Postgres does not get the message; `reply`: it carries it out, and its answer does not come back. */
  side: "request" | "reply";
}

/** One stop. Springs once. */
export interface Trap {
  /** Resolves when a connection stands still at it. */
  readonly sprung: Promise<void>;
  readonly hasSprung: boolean;
  /** Lets the connection go on, or takes the trap away. */
  release(): void;
  /** Breaks the connection that stands still: what it held is lost. */
  cut(): void;
}

/** Stands between one process and Postgres and stops at the statement that a trial names. */
export interface StatementProxy {
  readonly url: string;
  pointTo(url: string): void;
  trap(options: TrapOptions): Trap;
  /** All traps are released, all connections are broken. */
  cut(): void;
  close(): Promise<void>;
}

interface Armed {
  options: TrapOptions;
  spring: (line: Line) => void;
}

/** One connection. */
interface Line {
  client: Socket;
  upstream: Socket;
  /** What waits for a release, in order. */
  toServer: Buffer[] | undefined;
  toClient: Buffer[] | undefined;
  isInTransaction: boolean;
  /** The next commit of this connection springs these. */
  atCommit: Set<Armed>;
}

/** A message that ends the transaction: a simple query, or a parsed one without parameters. */
const BEGIN = /^(Q....|P....\0)(begin|start transaction)/isu;
const COMMIT = /^(Q....|P....\0)commit/isu;
const ROLLBACK = /^(Q....|P....\0)rollback/isu;

export async function startStatementProxy(url: string): Promise<StatementProxy> {
  let target = new URL(url);
  const armed = new Set<Armed>();
  const lines = new Set<Line>();

  const look = (line: Line, chunk: Buffer): void => {
    const text = chunk.toString("latin1");
    if (BEGIN.test(text)) line.isInTransaction = true;
    const commits = COMMIT.test(text);
    if (commits) {
      for (const one of line.atCommit) {
        if (armed.delete(one)) one.spring(line);
      }
    }
    if (commits || ROLLBACK.test(text)) {
      line.isInTransaction = false;
      line.atCommit.clear();
    }
    for (const one of armed) {
      if (!one.options.match.test(text)) continue;
      if (one.options.committed === true && line.isInTransaction) line.atCommit.add(one);
      else {
        armed.delete(one);
        one.spring(line);
        return;
      }
    }
  };

  const server = createServer((client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port) });
    const line: Line = {
      client,
      upstream,
      toServer: undefined,
      toClient: undefined,
      isInTransaction: false,
      atCommit: new Set(),
    };
    lines.add(line);
    const end = (): void => {
      lines.delete(line);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    client.on("data", (chunk: Buffer) => {
      look(line, chunk);
      if (line.toServer === undefined) upstream.write(chunk);
      else line.toServer.push(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (line.toClient === undefined) client.write(chunk);
      else {
        line.toClient.push(chunk);
        // The test's wait ends when Postgres has carried it out.
        upstream.emit("held");
      }
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });

  const trap = (options: TrapOptions): Trap => {
    const sprung = Promise.withResolvers<void>();
    let hasSprung = false;
    let held: Line | undefined;
    const arrived = (): void => {
      hasSprung = true;
      sprung.resolve();
    };
    const one: Armed = {
      options,
      spring: (line) => {
        held = line;
        if (options.side === "request") {
          line.toServer = [];
          arrived();
          return;
        }
        line.toClient = [];
        line.upstream.once("held", arrived);
      },
    };
    armed.add(one);
    return {
      sprung: sprung.promise,
      get hasSprung() {
        return hasSprung;
      },
      release() {
        armed.delete(one);
        if (held === undefined) return;
        const { toServer, toClient, upstream, client } = held;
        held.toServer = undefined;
        held.toClient = undefined;
        for (const chunk of toServer ?? []) upstream.write(chunk);
        for (const chunk of toClient ?? []) client.write(chunk);
        held = undefined;
      },
      cut() {
        armed.delete(one);
        held?.client.destroy();
        held?.upstream.destroy();
        held = undefined;
      },
    };
  };
  const cut = (): void => {
    armed.clear();
    for (const { client, upstream } of lines) {
      client.destroy();
      upstream.destroy();
    }
  };
  const own = new URL(url);
  own.hostname = "127.0.0.1";
  own.port = String(port);
  return {
    url: own.href,
    pointTo: (next) => {
      target = new URL(next);
    },
    trap,
    cut,
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
