import type { FastifyReply } from "fastify";

/** A client that reads nothing for so long is let go; it comes back with the number of its last event. */
const STALLED_LIMIT_MS = 120_000;
const RETRY_MS = 1_000;

/**
 * One open text/event-stream answer. What is written while the client does not read waits in this process, so `write` tells when to stop, and `drained` when to go on.
 */
export class StreamClient {
  readonly #response: FastifyReply["raw"];
  readonly #gone = new AbortController();

  /** Takes the answer over from Fastify and sends its head at once, so that the client sees it although nothing has happened yet. */
  constructor(reply: FastifyReply) {
    const headers = Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined);
    reply.hijack();
    this.#response = reply.raw;
    this.#response.once("close", () => this.#gone.abort());
    this.#response.on("error", () => {
      // Its close follows, which is what counts.
    });
    this.#response.writeHead(200, {
      ...Object.fromEntries(headers),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    this.#response.write(`retry: ${RETRY_MS}\n: connected\n\n`);
    if (this.#response.destroyed) this.#gone.abort();
  }

  /** Aborts when the client has gone or the answer has ended. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Sends bytes. False: the client reads too slowly, and nothing more is to be written before `drained`. */
  write(bytes: Buffer | string): boolean {
    if (this.#gone.signal.aborted) return false;
    return this.#response.write(bytes);
  }

  /** Resolves when the client has read what waits for it, or has gone; one that does not read at all is let go. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(late);
        this.#response.off("drain", done);
        this.#gone.signal.removeEventListener("abort", done);
        resolve();
      };
      const late = setTimeout(() => this.letGo(), STALLED_LIMIT_MS);
      this.#response.on("drain", done);
      this.#gone.signal.addEventListener("abort", done);
      if (this.#gone.signal.aborted || !this.#response.writableNeedDrain) done();
    });
  }

  /** Ends the answer in good order; a client that does not read the rest of it is let go. */
  end(last: Buffer | string = ""): void {
    if (this.#gone.signal.aborted) return;
    const late = setTimeout(() => this.letGo(), STALLED_LIMIT_MS).unref();
    this.#response.once("close", () => clearTimeout(late));
    this.#response.end(last);
    this.#gone.abort();
  }

  /** Breaks the connection: the client connects again where it was. */
  letGo(): void {
    this.#response.destroy();
  }
}
