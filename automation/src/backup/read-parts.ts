import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import type { Entry } from "tar-stream";
import tar from "tar-stream";
import { z } from "zod";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import { damagedBackup } from "./damaged.ts";
import { OpenFrames } from "./frames.ts";
import { FORMAT, Head, Manifest } from "./manifest.ts";
import { keyOf, OpenHeader, openKeyOf, PassphraseHeader } from "./passphrase.ts";

const HEADER_LIMIT_BYTES = 4096;
/** A piece of ours has 4 MiB at most. */
const PIECE_LIMIT_BYTES = 8 * 1024 * 1024;
const READ_BYTES = 2 * 1024 * 1024;
const ENTRY = /^((?:head|keys|manifest|tables|artifacts|dependencies)(?:\/[A-Za-z0-9_.-]+)?)\/(\d{6})$/;

const FileHeaderShape = z.strictObject({
  slipway: z.literal("backup"),
  format: z.int(),
  encryption: z.discriminatedUnion("kdf", [PassphraseHeader, OpenHeader]),
});

/** A piece of a part, in the order of the file. */
export interface Piece {
  part: string;
  /** Counts from 1. */
  number: number;
  body: Buffer;
}

/** A backup whose passphrase is right. */
export interface OpenedBackup {
  readonly file: string;
  readonly encrypted: boolean;
  /**
   * Every piece of every part in order. Fails with `backup_damaged` when a byte differs from what was written or the end is missing, at the latest after the last piece: what was
   * made of the pieces counts only when this has ended.
   */
  pieces(): AsyncGenerator<Piece, void>;
}

/** Reads the header of a backup and tries the passphrase; `null`: none was given. Throws SlipwayError `backup_missing`, `backup_damaged`, `passphrase_wrong`, `passphrase_missing`. */
export async function openBackup(file: string, passphrase: string | null): Promise<OpenedBackup> {
  const line = await readHeaderLine(file);
  const parsed = FileHeaderShape.safeParse(parseJson(line));
  if (!parsed.success) throw damagedBackup("it does not begin as a backup of Slipway does");
  const { encryption, format } = parsed.data;
  if (format !== FORMAT) {
    throw new SlipwayError(
      "backup_too_new",
      `The backup has format ${format}, this Slipway reads ${FORMAT}.`,
      {
        remedy: "Restore it with the Slipway that made it, or a newer one.",
      },
    );
  }
  const opened = (key: Buffer): OpenedBackup => ({
    file,
    encrypted: encryption.kdf !== "none",
    pieces: () => pieces(file, line, key),
  });
  if (encryption.kdf === "none") return opened(openKeyOf(encryption));
  if (passphrase !== null) return opened(await keyOf(passphrase, encryption));
  throw new SlipwayError("passphrase_missing", "The backup is encrypted.", {
    remedy: "Pass --passphrase-file, or run the command on a terminal.",
  });
}

async function* pieces(file: string, line: Buffer, key: Buffer): AsyncGenerator<Piece, void> {
  const extract = tar.extract();
  const feeding = pipeline(
    createReadStream(file, { start: line.length, highWaterMark: READ_BYTES }),
    new OpenFrames(key, line),
    createZstdDecompress(),
    extract,
  );
  // Its failure surfaces through the loop below as well; it must not be unhandled before it is awaited.
  feeding.catch(() => {});
  const seen: Manifest["parts"] = {};
  let current:
    | { part: string; number: number; bytes: number; hash: ReturnType<typeof createHash> }
    | undefined;
  let manifest: Manifest | undefined;
  const close = (): void => {
    if (current === undefined) return;
    seen[current.part] = { bytes: current.bytes, sha256: current.hash.digest("hex") };
    current = undefined;
  };
  try {
    for await (const entry of extract as AsyncIterable<Entry>) {
      const [, part, digits] = ENTRY.exec(entry.header.name) ?? [];
      if (part === undefined || (entry.header.size ?? 0) > PIECE_LIMIT_BYTES || manifest !== undefined)
        throw damagedBackup(`it holds ${entry.header.name}`);
      const body = await bytesOf(entry);
      if (current?.part !== part) {
        close();
        if (seen[part] !== undefined) throw damagedBackup(`it holds ${part} twice`);
        if (part !== "manifest") current = { part, number: 0, bytes: 0, hash: createHash("sha256") };
      }
      const number = Number(digits);
      if (current !== undefined) {
        if (number !== current.number + 1) throw damagedBackup(`a piece of ${part} is missing`);
        current.number = number;
        current.bytes += body.length;
        current.hash.update(body);
      } else manifest = parsed(Manifest, body, "manifest");
      yield { part, number, body };
    }
    await feeding;
  } catch (error) {
    throw error instanceof SlipwayError ? error : damagedBackup(messageOf(error), error);
  } finally {
    extract.destroy();
  }
  if (manifest === undefined) throw damagedBackup("its end is missing");
  const wanted = Object.entries(manifest.parts);
  for (const [part, { bytes, sha256 }] of wanted) {
    if (seen[part]?.bytes !== bytes || seen[part].sha256 !== sha256)
      throw damagedBackup(`${part} is not what was written`);
  }
  if (wanted.length !== Object.keys(seen).length) throw damagedBackup("it holds more than was written");
}

async function bytesOf(entry: Entry): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function readHeaderLine(file: string): Promise<Buffer> {
  const handle = await open(file, "r").catch((cause: unknown) => {
    if (systemCode(cause) !== "ENOENT") throw cause;
    throw new SlipwayError("backup_missing", `There is no file ${file}.`, { cause, remedy: "Check --from." });
  });
  try {
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(HEADER_LIMIT_BYTES),
      0,
      HEADER_LIMIT_BYTES,
      0,
    );
    const end = buffer.subarray(0, bytesRead).indexOf(0x0a);
    if (end < 0) throw damagedBackup("it does not begin as a backup of Slipway does");
    return buffer.subarray(0, end + 1);
  } finally {
    await handle.close();
  }
}

/** The first part, which the first piece holds whole. */
export function headOf({ part, body }: Piece): Head {
  if (part !== "head") throw damagedBackup("it does not begin with its head");
  return parsed(Head, body, "head");
}

/** A part of JSON. Throws `backup_damaged`. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  body: Buffer,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(parseJson(body));
  if (result.success) return result.data;
  throw damagedBackup(`its ${what} has another form (${result.error.issues[0]?.message ?? "?"})`);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    // Refused by the schema, which says what it is for.
    return undefined;
  }
}
