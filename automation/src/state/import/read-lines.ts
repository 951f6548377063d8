import type { Readable } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { SlipwayError } from "../../errors.ts";

const MIB = 1024 * 1024;
/** The longest line: a state as a JSON string. */
const LINE_LIMIT_BYTES = 320 * MIB;
/** All lines together after decompression. Its states follow each other closely, so that the body itself is far smaller. */
const TOTAL_LIMIT_BYTES = 16 * 1024 * MIB;
/** As far back as the sender may refer: states are alike over longer distances than gzip sees. */
const WINDOW_LOG = 27;
const NEWLINE = 10;

/**
 * The lines of a body, one at a time, unpacked by `encoding` (gzip, zstd or none). Throws SlipwayError `body_too_large`, `malformed_body` for what does
 * not unpack or is not UTF-8, `unsupported_media_type` for another encoding. A bad line is noticed before the next one is read.
 */
export async function* readLines(
  body: Readable,
  encoding: string | undefined,
  { lineBytes = LINE_LIMIT_BYTES, totalBytes = TOTAL_LIMIT_BYTES } = {},
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let [waiting, waitingBytes, readBytes]: [Buffer[], number, number] = [[], 0, 0];
  const line = (): string => {
    const whole = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    try {
      return decoder.decode(whole);
    } catch (cause) {
      throw new SlipwayError("malformed_body", "A line of the body is not valid UTF-8.", { cause });
    }
  };
  for await (const chunk of unpacked(body, encoding)) {
    readBytes += chunk.length;
    if (readBytes > totalBytes) throw tooLarge("body", totalBytes);
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      waiting.push(chunk.subarray(from, end));
      from = end + 1;
      yield line();
    }
    waiting.push(chunk.subarray(from));
    waitingBytes += chunk.length - from;
    if (waitingBytes > lineBytes) throw tooLarge("line", lineBytes);
  }
  const rest = line();
  if (rest !== "") yield rest;
}

async function* unpacked(body: Readable, encoding = "identity"): AsyncGenerator<Buffer, void, undefined> {
  const unpack = decompressor(encoding);
  if (unpack === undefined) {
    yield* body as AsyncIterable<Buffer>;
    return;
  }
  // A sender that goes away must end the reader too; pipe alone leaves it waiting.
  body.once("error", (error) => unpack.destroy(error));
  body.once("close", () => {
    if (!body.readableEnded) unpack.destroy(new Error("the body was cut off"));
  });
  try {
    yield* body.pipe(unpack) as AsyncIterable<Buffer>;
  } catch (cause) {
    throw new SlipwayError("malformed_body", `The body cannot be unpacked as ${encoding}, or was cut off.`, {
      cause,
    });
  } finally {
    unpack.destroy();
  }
}

function decompressor(encoding: string) {
  switch (encoding.toLowerCase()) {
    case "identity":
      return undefined;
    case "gzip":
      return createGunzip();
    case "zstd":
      return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
    default:
      throw new SlipwayError("unsupported_media_type", "The content encoding of the body is not known.", {
        remedy: "Send it as it is, or packed with gzip or zstd.",
      });
  }
}

function tooLarge(what: string, limitBytes: number): SlipwayError {
  return new SlipwayError("body_too_large", `A ${what} of an import has more than ${limitBytes} bytes.`);
}
