import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export const CORRELATION_HEADER = "x-correlation-id";

// Anything else could forge log lines or break headers, so it is replaced rather than trusted.
const ACCEPTED = /^[A-Za-z0-9][A-Za-z0-9._-]{7,63}$/;

/** The caller's correlation id when it is well-formed, else a new one. */
export function correlationIdOf(headers: IncomingHttpHeaders): string {
  const given = headers[CORRELATION_HEADER];
  return typeof given === "string" && ACCEPTED.test(given) ? given : randomUUID();
}
