import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Database } from "../database.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import { ByteMeter, damaged, sha256OfFile } from "./byte-meter.ts";
import type { StoredContent } from "./store.ts";
import { artifactKind, CHUNK_BYTES, findContent, insertContent, readChunk } from "./store.ts";

const DIGEST = /^sha256:([0-9a-f]{64})$/;
/** Its presence says that every file of an installation from before contents were in the database has been put there. */
const ALL_UPLOADED = "uploaded";

/**
 * Content addressed by what is in it. Postgres has it; files below one folder are this machine's copies, which may be removed at any time. Nothing stored is ever changed.
 */
export interface ContentStore {
  readonly root: string;
  /** Where this machine's copy of a digest lies or would lie. */
  pathOf(digest: string): string;
  /** One query. Who gets `true` may refer to the content for an hour before anybody could remove it. */
  has(digest: string): Promise<boolean>;
  /**
   * Stores a stream and returns the digest and size of its bytes. Complete or not there at all, whatever is killed; storing the same content again changes nothing.
   */
  put(content: Readable): Promise<{ digest: string; sizeBytes: number }>;
  /** As `put`, under a digest that the caller computed by a rule of its own and checks when it reads. Of two contents for one digest the first stays. */
  putAs(digest: string, content: Readable): Promise<{ sizeBytes: number }>;
  /** Path of a local file with the stored bytes of a digest, copied from the database when it is not here. Throws `artifact_missing` and `artifact_damaged`. */
  fetch(digest: string): Promise<string>;
  /** Opens stored content; the stream fails with `artifact_damaged` at its end when the bytes are not those of the digest. Throws `artifact_missing`. */
  read(digest: string): Promise<Readable>;
  /** Digests of the files here that an older installation may not have put into the database; none once `markUploaded` was called. */
  notUploaded(): Promise<string[]>;
  /** Puts a file that is here into the database when that lacks it. Answers `false` for bytes that are not those of the digest. */
  upload(digest: string): Promise<boolean>;
  markUploaded(): Promise<void>;
}

/** The content store of a database with its copies below `<dataDir>/artifacts`; makes the folders. */
export async function openContentStore(dataDir: string, db: Database): Promise<ContentStore> {
  const root = path.join(path.resolve(dataDir), "artifacts");
  const incoming = path.join(root, "incoming");
  const copies = path.join(root, "sha256");
  const isNew = (await mkdir(copies, { recursive: true, mode: 0o700 })) !== undefined;
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const markUploaded = (): Promise<void> => writeFile(path.join(root, ALL_UPLOADED), "", { mode: 0o600 });
  if (isNew) await markUploaded();
  let mayLackUploads = !isNew && !(await exists(path.join(root, ALL_UPLOADED)));

  /** Files whose bytes this process has looked at, by what a change of them would change. */
  const verified = new Map<string, string>();
  const fetching = new Map<string, Promise<string>>();

  const pathOf = (digest: string): string => {
    const hex = DIGEST.exec(digest)?.[1];
    if (hex === undefined) throw new SlipwayError("artifact_missing", `${digest} is not a digest`);
    return path.join(copies, hex.slice(0, 2), hex);
  };
  /** Puts a file whose bytes were hashed while they were written in the place of its digest. */
  const placeCopy = async (temporary: string, digest: string, contentSha256: string): Promise<string> => {
    const destination = pathOf(digest);
    await mkdir(path.dirname(destination), { recursive: true, mode: 0o700 });
    await rename(temporary, destination);
    verified.set(digest, `${await versionOf(destination)} ${contentSha256}`);
    return destination;
  };
  const isIntact = async (digest: string, contentSha256: string): Promise<boolean> => {
    const file = pathOf(digest);
    const version = await versionOf(file);
    if (version === null) return false;
    if (verified.get(digest) === `${version} ${contentSha256}`) return true;
    if ((await sha256OfFile(file)) !== contentSha256) return false;
    verified.set(digest, `${version} ${contentSha256}`);
    return true;
  };

  const upload = async (digest: string): Promise<boolean> => {
    const file = pathOf(digest);
    const contentSha256 = await sha256OfFile(file);
    // A service's archive has other bytes than its digest says; whoever unpacks it compares.
    if (contentSha256 !== digest && (await artifactKind(db, digest)) !== "service") return false;
    const { size } = await stat(file);
    await insertContent(db, { digest, contentSha256, sizeBytes: size }, chunksOf(file));
    return true;
  };
  const find = async (digest: string): Promise<StoredContent | undefined> => {
    const file = pathOf(digest);
    const stored = await findContent(db, digest);
    if (stored !== undefined || !mayLackUploads) return stored;
    return (await exists(file)) && (await upload(digest)) ? findContent(db, digest) : undefined;
  };

  const store = async (content: Readable, known?: string): Promise<{ digest: string; sizeBytes: number }> => {
    const temporary = path.join(incoming, randomUUID());
    try {
      const meter = new ByteMeter();
      await pipeline(content, meter, createWriteStream(temporary, { mode: 0o400 }));
      const contentSha256 = meter.digest();
      const digest = known ?? contentSha256;
      const { sizeBytes } = meter;
      if ((await findContent(db, digest)) === undefined)
        await insertContent(db, { digest, contentSha256, sizeBytes }, chunksOf(temporary));
      await placeCopy(temporary, digest, contentSha256);
      return { digest, sizeBytes };
    } finally {
      await rm(temporary, { force: true });
    }
  };

  const copyFromDatabase = async (stored: StoredContent): Promise<string> => {
    const temporary = path.join(incoming, randomUUID());
    try {
      const bytes = Readable.from(chunksFrom(db, stored), { objectMode: false });
      const meter = new ByteMeter(stored.contentSha256);
      await pipeline(bytes, meter, createWriteStream(temporary, { mode: 0o400 }));
      return await placeCopy(temporary, stored.digest, stored.contentSha256);
    } finally {
      await rm(temporary, { force: true });
    }
  };
  const fetchOnce = async (digest: string): Promise<string> => {
    const stored = await find(digest);
    if (stored === undefined) throw missing(digest);
    return (await isIntact(digest, stored.contentSha256)) ? pathOf(digest) : copyFromDatabase(stored);
  };
  const fetch = (digest: string): Promise<string> => {
    const running = fetching.get(digest);
    if (running !== undefined) return running;
    const started = fetchOnce(digest).finally(() => fetching.delete(digest));
    fetching.set(digest, started);
    return started;
  };

  return {
    root,
    pathOf,
    has: async (digest) => (await find(digest)) !== undefined,
    put: (content) => store(content),
    putAs: (digest, content) => store(content, digest),
    fetch,
    async read(digest) {
      const verify = new ByteMeter(digest);
      const file = createReadStream(await fetch(digest));
      file.on("error", (error) => verify.destroy(error));
      verify.on("error", () => verified.delete(digest));
      verify.on("close", () => file.destroy());
      return file.pipe(verify);
    },
    async notUploaded() {
      if (!mayLackUploads) return [];
      const folders = await readdir(copies);
      const names = await Promise.all(folders.map((folder) => readdir(path.join(copies, folder))));
      return names.flat().map((hex) => `sha256:${hex}`);
    },
    upload,
    async markUploaded() {
      await markUploaded();
      mayLackUploads = false;
    },
  };
}

/** A file in the pieces that the database keeps. */
async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const handle = await open(file, "r");
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
      let filled = 0;
      // A read may return less than was asked for; only the last chunk may be short.
      while (filled < CHUNK_BYTES) {
        const { bytesRead } = await handle.read(buffer, filled, CHUNK_BYTES - filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      if (filled > 0) yield buffer.subarray(0, filled);
      if (filled < CHUNK_BYTES) return;
    }
  } finally {
    await handle.close();
  }
}

async function* chunksFrom(db: Database, stored: StoredContent): AsyncGenerator<Buffer> {
  for (let position = 0; position < stored.chunks; position += 1) {
    const chunk = await readChunk(db, stored.digest, position);
    if (chunk === undefined) throw damaged(stored.digest, `something without its part ${position}`);
    yield chunk;
  }
}

function missing(digest: string): SlipwayError {
  return new SlipwayError("artifact_missing", `neither the database nor this machine has ${digest}`, {
    remedy:
      "Start a server or worker on the machine whose data folder still has it, restore the database from a backup, or deploy again.",
  });
}

/** Changes whenever the file's bytes may have; null when there is none. */
async function versionOf(file: string): Promise<string | null> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}
