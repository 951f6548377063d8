import type { IncomingHttpHeaders } from "node:http";
import { messageOf, systemCode } from "../errors.ts";

/** What answered, and what was in it. */
export interface HttpAnswer {
  status: number;
  headers: Headers;
  /** At most MAX_BODY_BYTES of it. */
  body: string;
  /** Until its last byte was read. */
  tookMs: number;
}

/** Why nothing answered. `isAbsent`: the network says that what was looked for is not there. */
export interface NoAnswer {
  reason: string;
  timedOut: boolean;
  isAbsent: boolean;
}

const MAX_BODY_BYTES = 1_000_000;
/** Answers of the network about the thing that is looked at. Everything else is the trouble of whoever looks. */
const NOT_THERE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
]);

/** Asks once. Never throws; a redirect is an answer like any other. */
export async function getOnce(
  url: URL,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HttpAnswer | NoAnswer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const startedAt = performance.now();
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([timeout, signal]),
      headers: { accept: "application/json, */*" } satisfies IncomingHttpHeaders,
    });
    const body = await readBody(response);
    return {
      status: response.status,
      headers: response.headers,
      body,
      tookMs: performance.now() - startedAt,
    };
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = systemCode(cause) ?? systemCode(error);
    return {
      reason: timeout.aborted
        ? `did not answer within ${timeoutMs / 1000} s`
        : (code ?? messageOf(cause ?? error)),
      timedOut: timeout.aborted,
      isAbsent: code !== undefined && NOT_THERE.has(code),
    };
  }
}

/** The value of a JSON text; undefined when it is none. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The reason is the answer's, not ours; whoever asks says all there is.
    return undefined;
  }
}

/** What a body is that is not the JSON that was expected. */
export function describeBody({ headers, body }: HttpAnswer): string {
  if (body.trim() === "") return "the body is empty";
  const isHtml = (headers.get("content-type") ?? "").includes("html") || /^\s*<(!doctype|html)/i.test(body);
  return isHtml ? "the body is HTML, not JSON" : "the body is not JSON";
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    // Leaving the loop ends the connection: an answer without an end must not fill the memory.
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES));
}
