import { Readable } from "node:stream";
import { createGunzip, gunzipSync } from "node:zlib";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { z } from "zod";
import { SlipwayError, systemCode } from "../../errors.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Names, tags, options. */
export const SMALL_BODY_BYTES = 256 * KIB;
/** What holds a program's config. */
export const CONFIG_BODY_BYTES = 4 * MIB;
/** A batch of journal entries, events or secrets. The CLI halves a batch of entries that is answered 413. */
export const BATCH_BODY_BYTES = 64 * MIB;
/** A whole state. */
export const STATE_BODY_BYTES = 256 * MIB;
/** All bodies that are held at one moment, unpacked. A few whole states at once, and far below what ends the process. */
const HELD_BODIES_BYTES = 1024 * MIB;
/** Output of the decompression before the loop takes other work. */
const CHUNK_BYTES = 256 * KIB;
/** A packed body of so many bytes is unpacked at once: an update sends thousands, and a stream for each costs more than all the rest of the request. */
const AT_ONCE_BYTES = 64 * KIB;
/** What unpacks to more than so much, a bomb perhaps, is unpacked in pieces after all: this much blocks the loop for some 3 ms. */
const AT_ONCE_UNPACKED_BYTES = 2 * MIB;

declare module "fastify" {
  interface FastifyRequest {
    /** Of its body, unpacked, which is held until the answer is sent. */
    heldBytes: number;
    /** Its body as it came, when that was gzip and small; null otherwise. */
    packedBody: Buffer | null;
  }
}

/**
 * Reads every body of this scope, whatever its content type, as text: gunzipped, within the route's limit, valid UTF-8. `request.body` is that text, or undefined. When
 * all bodies together are more than is held at once, the next one is answered 503, and the CLI sends it again.
 */
export function readBodies(
  app: FastifyInstance,
  { heldLimitBytes = HELD_BODIES_BYTES }: { heldLimitBytes?: number } = {},
): void {
  let held = 0;
  app.decorateRequest("heldBytes", 0);
  app.decorateRequest("packedBody", null);
  app.addHook("onRequest", (request, reply, done) => {
    // Also when the client went away before its answer.
    reply.raw.once("close", () => {
      held -= request.heldBytes;
      request.heldBytes = 0;
    });
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", async (request: FastifyRequest, payload: Readable) => {
    const text = await readText(payload, {
      encoding: request.headers["content-encoding"],
      packedBytes: Number(request.headers["content-length"] ?? Number.POSITIVE_INFINITY),
      limitBytes: request.routeOptions.bodyLimit ?? SMALL_BODY_BYTES,
      onBytes: (bytes) => {
        held += bytes;
        request.heldBytes += bytes;
        if (held > heldLimitBytes) throw tooMuchAtOnce();
      },
      onPacked: (packed) => {
        request.packedBody = packed;
      },
    });
    return text === "" ? undefined : text;
  });
}

/**
 * Reads a body as text, in pieces, so that neither a large nor a packed one holds up others. Throws SlipwayError `body_too_large` as soon as the limit is
 * passed, before or after decompression, `malformed_body` for what is not gzip or not UTF-8, `unsupported_media_type` for another encoding.
 */
export async function readText(
  payload: Readable,
  {
    encoding = "identity",
    packedBytes = Number.POSITIVE_INFINITY,
    limitBytes,
    onBytes,
    onPacked,
  }: {
    encoding?: string | undefined;
    packedBytes?: number;
    limitBytes: number;
    /** Told of each piece, unpacked; may throw. */
    onBytes?: (bytes: number) => void;
    /** Told of a small packed body as a whole. */
    onPacked?: (packed: Buffer) => void;
  },
): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces: string[] = [];
  let bytes = 0;
  try {
    // Not destroyed when we stop early: that would close the connection before the answer.
    const isSmall = packedBytes <= AT_ONCE_BYTES && isGzip(encoding.toLowerCase());
    const source = isSmall
      ? unpackedAtOnce(payload, onPacked)
      : unpacked(payload, encoding.toLowerCase()).iterator({ destroyOnReturn: false });
    for await (const chunk of source) {
      bytes += (chunk as Buffer).length;
      if (bytes > limitBytes) throw tooLarge(limitBytes);
      onBytes?.((chunk as Buffer).length);
      pieces.push(decoder.decode(chunk as Buffer, { stream: true }));
    }
    pieces.push(decoder.decode());
    return pieces.join("");
  } catch (error) {
    // The rest of the body is let go, so that the client reads the answer.
    payload.unpipe();
    payload.resume();
    throw bodyError(error);
  }
}

/** A small packed body: in one piece unless it unpacks to much. */
async function* unpackedAtOnce(
  payload: Readable,
  onPacked: ((packed: Buffer) => void) | undefined,
): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of payload.iterator({ destroyOnReturn: false })) chunks.push(chunk as Buffer);
  const packed = Buffer.concat(chunks);
  if (packed.length === 0) return;
  onPacked?.(packed);
  const whole = unpackedSmall(packed);
  if (whole === null) yield* unpacked(Readable.from([packed]), "gzip");
  else yield whole;
}

/** What a packed body unpacks to; null when that is much. */
function unpackedSmall(packed: Buffer): Buffer | null {
  try {
    return gunzipSync(packed, { maxOutputLength: AT_ONCE_UNPACKED_BYTES });
  } catch (error) {
    if (systemCode(error) === "ERR_BUFFER_TOO_LARGE") return null;
    throw error;
  }
}

function isGzip(encoding: string): boolean {
  return encoding === "gzip" || encoding === "x-gzip";
}

/** The body as its sender meant it. */
function unpacked(payload: Readable, encoding: string): Readable {
  if (encoding === "identity") return payload;
  if (!isGzip(encoding)) {
    throw new SlipwayError(
      "unsupported_media_type",
      `The content encoding '${encoding.slice(0, 40)}' is not known.`,
      {
        remedy: "Send the body as it is, or packed with gzip.",
      },
    );
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  payload.once("error", (error) => gunzip.destroy(error));
  return payload.pipe(gunzip);
}

/** The body's text. Throws SlipwayError `malformed_body` when there is none. */
export function bodyText(request: FastifyRequest): string {
  if (typeof request.body === "string") return request.body;
  throw new SlipwayError("malformed_body", "The request has no body.");
}

/** Parses a body of moderate size. Throws SlipwayError `malformed_body` when it is no JSON, `invalid_request` when it has not the form. */
export function parseBody<Schema extends z.ZodType>(
  request: FastifyRequest,
  schema: Schema,
): z.output<Schema> {
  return parseText(bodyText(request), schema);
}

/** Like `parseBody`, for a part of a body. */
export function parseText<Schema extends z.ZodType>(text: string, schema: Schema): z.output<Schema> {
  return checkForm(parseJson(text), schema);
}

/** Like `parseBody`, for a request that may come without a body: as if it were `{}`. */
export function parseOptionalBody<Schema extends z.ZodType>(
  request: FastifyRequest,
  schema: Schema,
): z.output<Schema> {
  return checkForm(request.body === undefined ? {} : parseJson(bodyText(request)), schema);
}

/** Checks a parsed value, or the query or path of a request. Throws SlipwayError `invalid_request` with the place of the first fault. */
export function checkForm<Schema extends z.ZodType>(
  value: unknown,
  schema: Schema,
  where: "body" | "query" | "address" = "body",
): z.output<Schema> {
  refuseTraps(value, where);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid([where, ...(issue?.path.map(String) ?? [])], issue?.message ?? "is not valid");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SlipwayError("malformed_body", "The body is not JSON.", { cause });
  }
}

/** Refuses `__proto__`, which an assignment would take for a prototype, and text that Postgres cannot hold. Not recursive: depth is the sender's choice. */
function refuseTraps(root: unknown, where: string): void {
  const waiting: { value: unknown; path: readonly string[] }[] = [{ value: root, path: [where] }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, path } = next;
    if (typeof value === "string") refuseText(value, path);
    if (typeof value !== "object" || value === null) continue;
    for (const [name, inner] of Object.entries(value)) {
      const place = [...path.slice(0, 8), name.slice(0, 100)];
      if (name === "__proto__") throw invalid(place, "is no name that can be used");
      refuseText(name, place);
      if (typeof inner === "string" || typeof inner === "object") waiting.push({ value: inner, path: place });
    }
  }
}

function refuseText(text: string, path: readonly string[]): void {
  if (text.includes("\0") || !text.isWellFormed()) {
    throw invalid(path, "must be text without NUL and without broken characters");
  }
}

function invalid(path: readonly string[], message: string): SlipwayError {
  return new SlipwayError("invalid_request", `${path.join(".")}: ${message}.`);
}

function bodyError(error: unknown): unknown {
  const code = systemCode(error) ?? "";
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") {
    return new SlipwayError("malformed_body", "The body is not valid UTF-8.", { cause: error });
  }
  if (code.startsWith("Z_")) {
    return new SlipwayError("malformed_body", "The body is not what gzip makes, or was cut off.", {
      cause: error,
    });
  }
  return error;
}

function tooMuchAtOnce(): SlipwayError {
  return new SlipwayError("not_ready", "The server is at work on as many large bodies as it can hold.", {
    remedy: "Try again in a few seconds.",
  });
}

function tooLarge(limitBytes: number): SlipwayError {
  return new SlipwayError(
    "body_too_large",
    `The body has more than ${limitBytes} bytes, which is the most that is read here.`,
  );
}
