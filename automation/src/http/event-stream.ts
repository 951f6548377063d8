import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../errors.ts";

/** Proxies close what is silent for a minute; half of half of it leaves room. */
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 1_000;

/** One message of a text/event-stream. */
export interface StreamMessage {
  id?: number;
  event?: string;
  data: unknown;
}

/** The open streams of a server. They end when it closes: `app.close()` would wait for them otherwise. */
export class OpenStreams {
  readonly #closing = new AbortController();

  constructor(app: FastifyInstance) {
    app.addHook("preClose", (done) => {
      this.#closing.abort();
      done();
    });
    app.addHook("onResponse", (request, _reply, done) => {
      // Its connection would be kept for the next request, and the server would wait for that to time out.
      if (this.#closing.signal.aborted) request.raw.socket.end();
      done();
    });
  }

  /** Aborts when the server closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Aborts when the server closes or the client of this request is gone. */
  signalOf(reply: FastifyReply): AbortSignal {
    const gone = new AbortController();
    reply.raw.once("close", () => gone.abort());
    if (reply.raw.destroyed) gone.abort();
    return AbortSignal.any([gone.signal, this.#closing.signal]);
  }
}

/** Answers with a stream of messages. Reads from `messages` only as fast as the client does. */
export function sendEventStream(
  reply: FastifyReply,
  messages: AsyncIterable<StreamMessage>,
  heartbeatMs = HEARTBEAT_MS,
): FastifyReply {
  return reply
    .code(200)
    .headers({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    })
    .send(Readable.from(lines(messages, heartbeatMs), { objectMode: false, highWaterMark: 64 * 1024 }));
}

/** The events with their numbers, and `end` when no more will come, so that a client knows it from a broken connection. */
export async function* messagesOf<Event extends { readonly sequence: number }>(
  feed: AsyncGenerator<Event, boolean>,
): AsyncGenerator<StreamMessage> {
  for (;;) {
    const next = await feed.next();
    if (next.done !== true) yield { id: next.value.sequence, data: next.value };
    else {
      if (next.value) yield { event: "end", data: {} };
      return;
    }
  }
}

/** Where a stream goes on: after the Last-Event-ID that a reconnecting client sends, else after the query's number. */
export function resumeAfter(request: FastifyRequest, after: number): number {
  const header = request.headers["last-event-id"];
  if (header === undefined || header === "") return after;
  if (typeof header === "string" && /^\d{1,9}$/.test(header)) return Number(header);
  const message = "must be the number of an event";
  throw new SlipwayError("invalid_request", `headers.last-event-id ${message}`, {
    details: { issues: [{ path: "headers.last-event-id", message }] },
  });
}

async function* lines(messages: AsyncIterable<StreamMessage>, heartbeatMs: number): AsyncGenerator<Buffer> {
  // At once, so that the client sees the answer's head although nothing has happened yet.
  yield Buffer.from(`retry: ${RETRY_MS}\n: connected\n\n`);
  const iterator = messages[Symbol.asyncIterator]();
  try {
    let next = iterator.next();
    for (;;) {
      const result = await orSilence(next, heartbeatMs);
      if (result === "silence") {
        yield Buffer.from(": still here\n\n");
        continue;
      }
      if (result.done === true) return;
      yield Buffer.from(encode(result.value));
      next = iterator.next();
    }
  } finally {
    await iterator.return?.(undefined);
  }
}

function encode({ id, event, data }: StreamMessage): string {
  const head = `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}`;
  // JSON has no line breaks of its own, so that one data line is enough.
  return `${head}data: ${JSON.stringify(data)}\n\n`;
}

function orSilence<T>(next: Promise<T>, ms: number): Promise<T | "silence"> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve("silence"), ms);
    next.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
