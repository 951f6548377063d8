import { createHash } from "node:crypto";
import { once } from "node:events";
import { constants, createZstdCompress } from "node:zlib";
import type { ImportLine, ImportStackLine } from "../../contract/state-imports.ts";

/** States of one stack are alike: a window of 128 MiB finds the whole of the one before. The server reads as far back. */
const WINDOW_LOG = 27;
const COMPRESSION_LEVEL = 3;

/** The body of an import. */
export interface PackedStack {
  /** Of the lines after the first. */
  readonly digest: string;
  /** zstd. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Packs a stack's lines, one at a time, so that its history is never in memory unpacked. */
export async function packStack(
  header: ImportStackLine,
  lines: AsyncIterable<ImportLine>,
): Promise<PackedStack> {
  const packer = createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL,
      [constants.ZSTD_c_windowLog]: WINDOW_LOG,
      [constants.ZSTD_c_enableLongDistanceMatching]: 1,
    },
  });
  const parts: Buffer[] = [];
  packer.on("data", (part: Buffer) => parts.push(part));
  const ended = once(packer, "end");
  const write = async (line: string): Promise<void> => {
    if (!packer.write(line)) await once(packer, "drain");
  };
  const digest = createHash("sha256");
  try {
    await write(`${JSON.stringify(header)}\n`);
    for await (const line of lines) {
      const text = `${JSON.stringify(line)}\n`;
      digest.update(text);
      await write(text);
    }
    packer.end();
    await ended;
  } finally {
    packer.destroy();
  }
  const whole = Buffer.concat(parts);
  return { digest: `sha256:${digest.digest("hex")}`, body: new Uint8Array(whole) };
}
