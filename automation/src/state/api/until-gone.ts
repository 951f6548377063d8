import type { FastifyReply } from "fastify";

/** Aborts when the client has gone before its answer: then nobody waits any more. */
export function untilGone(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}
