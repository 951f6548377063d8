import { createHash, randomInt } from "node:crypto";
import { createServer } from "node:net";
import { SlipwayError } from "../errors.ts";

/** Below the range that Linux and macOS take for outgoing connections, which could otherwise occupy the port of a stopped process. */
const FIRST_PORT = 20_000;
const PORT_COUNT = 10_000;
const MAX_TRIES = 200;

/** Gives out loopback ports. A port stays reserved until it is released, also while what uses it is down. */
export interface Ports {
  reserve(port: number): void;
  release(port: number): void;
  /** A free port, already reserved. With a `key` the same one each time as long as it is free. */
  allocate(key?: string): Promise<number>;
}

/** A registry of the ports of one keeper. */
export function createPorts(): Ports {
  const reserved = new Set<number>();
  return {
    reserve: (port) => void reserved.add(port),
    release: (port) => void reserved.delete(port),
    async allocate(key) {
      const start = key === undefined ? randomInt(PORT_COUNT) : slotOf(key);
      for (let tried = 0; tried < MAX_TRIES; tried += 1) {
        const port = FIRST_PORT + ((start + tried) % PORT_COUNT);
        if (reserved.has(port)) continue;
        // Reserved before the wait: two callers must not test the same port at once.
        reserved.add(port);
        if (await isFree(port)) return port;
        reserved.delete(port);
      }
      throw new SlipwayError("no_free_port", `None of ${MAX_TRIES} loopback ports tried is free.`, {
        remedy: "See what listens on 127.0.0.1 ports 20000-29999.",
      });
    },
  };
}

function slotOf(key: string): number {
  return createHash("sha256").update(key).digest().readUInt32BE(0) % PORT_COUNT;
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once("error", () => resolve(false));
  probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  return promise;
}
