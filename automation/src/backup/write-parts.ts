import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdCompress } from "node:zlib";
import tar from "tar-stream";
import { SealFrames } from "./frames.ts";
import type { Manifest } from "./manifest.ts";
import type { OpenHeader, PassphraseHeader } from "./passphrase.ts";

/** A part is cut into tar entries of so many bytes, since a tar says each length before its bytes. */
const PIECE_BYTES = 4 * 1024 * 1024;
const FIXED_TIME = new Date("2000-01-01T00:00:00Z");

/** What the first line of the file says. */
export interface FileHeader {
  slipway: "backup";
  format: number;
  encryption: PassphraseHeader | OpenHeader;
}

/** A backup being written. */
export interface PartsWriter {
  /** Adds a part; its bytes are passed on as they come. Answers its size. */
  add(name: string, content: Buffer | AsyncIterable<Buffer>): Promise<number>;
  /** Sizes and digests of the parts so far. */
  readonly parts: Manifest["parts"];
}

/**
 * Writes a file with what `write` adds: complete, 0600 and on the disk when this resolves, or not there at all; a file of that name is
 * replaced then, once `check` has accepted what is on the disk. Throws what `write` and `check` throw, and the system's errors. Answers the size of the file.
 */
export async function writeParts(
  file: string,
  header: FileHeader,
  key: Buffer,
  write: (writer: PartsWriter) => Promise<void>,
  check: (draft: string) => Promise<void>,
): Promise<number> {
  const draft = `${file}.${randomUUID()}.partial`;
  // First, so that a folder that cannot be written is told before the work, and never another file than ours is replaced.
  const handle = await open(draft, "wx", 0o600);
  try {
    const headerLine = Buffer.from(`${JSON.stringify(header)}\n`);
    const output = createWriteStream(draft, { fd: handle.fd, autoClose: false });
    output.write(headerLine);
    const pack = tar.pack();
    const through: Transform[] = [createZstdCompress(), new SealFrames(key, headerLine)];
    const written = pipeline([pack, ...through, output]);
    // A disk that is full must end the wait for the entry that was being written.
    const broken = new Promise<never>((_, reject) => {
      written.catch(reject);
    });
    broken.catch(() => {});
    const parts: Manifest["parts"] = {};
    await write({ parts, add: (name, content) => addPart({ pack, parts, broken }, name, content) }).catch(
      (error: unknown) => {
        pack.destroy(error instanceof Error ? error : new Error(String(error)));
        throw error;
      },
    );
    pack.finalize();
    await written;
    await handle.sync();
    const { size } = await handle.stat();
    await check(draft);
    await rename(draft, file);
    await syncFolder(path.dirname(file));
    return size;
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
}

async function addPart(
  { pack, parts, broken }: { pack: tar.Pack; parts: Manifest["parts"]; broken: Promise<never> },
  name: string,
  content: Buffer | AsyncIterable<Buffer>,
): Promise<number> {
  if (parts[name] !== undefined) throw new Error(`the part ${name} is written twice`);
  const hash = createHash("sha256");
  let bytes = 0;
  let number = 0;
  const piece = async (body: Buffer): Promise<void> => {
    number += 1;
    bytes += body.length;
    hash.update(body);
    await Promise.race([addEntry(pack, `${name}/${String(number).padStart(6, "0")}`, body), broken]);
  };
  if (Buffer.isBuffer(content)) await piece(content);
  else {
    let waiting: Buffer[] = [];
    let waitingBytes = 0;
    for await (const chunk of content) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes < PIECE_BYTES) continue;
      const all = Buffer.concat(waiting);
      for (let at = 0; at < all.length; at += PIECE_BYTES) await piece(all.subarray(at, at + PIECE_BYTES));
      waiting = [];
      waitingBytes = 0;
    }
    if (waitingBytes > 0 || number === 0) await piece(Buffer.concat(waiting));
  }
  parts[name] = { bytes, sha256: hash.digest("hex") };
  return bytes;
}

function addEntry(pack: tar.Pack, name: string, body: Buffer): Promise<void> {
  const header = { name, size: body.length, mode: 0o600, mtime: FIXED_TIME, uid: 0, gid: 0 };
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null): void => (error ? reject(error) : resolve());
    pack.entry(header, body, done).on("error", reject);
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** For a part that is a file or another stream of Node's. */
export async function* piecesOf(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield chunk as Buffer;
}
