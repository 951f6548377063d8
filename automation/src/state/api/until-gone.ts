import type { FastifyReply } from "fastify";

/** Aborts when the answer was sent or its client has gone: then nobody waits any more. */
export function untilGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => controller.abort());
  return controller.signal;
}
