import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { SlipwayError } from "../errors.ts";

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

/** A message as text/event-stream has it. */
export function encodeMessage({ id, event, data }: StreamMessage): string {
  const head = `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}`;
  // JSON has no line breaks of its own, so that one data line is enough.
  return `${head}data: ${JSON.stringify(data)}\n\n`;
}
