import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SlipwayError, systemCode } from "../errors.ts";

const DIGEST = /^sha256:([0-9a-f]{64})$/;

/** Files addressed by what is in them, below one folder. Nothing stored is ever changed. */
export interface ContentStore {
  readonly root: string;
  /** Where the content of a digest lies or would lie. */
  pathOf(digest: string): string;
  has(digest: string): Promise<boolean>;
  /**
   * Stores a stream and returns the digest and size of its bytes. Complete or not there at all, whatever is killed; storing the same content again changes nothing.
   */
  put(content: Readable): Promise<{ digest: string; sizeBytes: number }>;
  /** As `put`, under a digest that the caller computed by a rule of its own and checks when it reads. */
  putAs(digest: string, content: Readable): Promise<{ sizeBytes: number }>;
  /** Opens stored content; the stream fails with `artifact_damaged` at its end when the bytes are not those of the digest. Throws `artifact_missing`. */
  read(digest: string): Promise<Readable>;
}

/** The content store below `<dataDir>/artifacts`; makes its folders. */
export async function openContentStore(dataDir: string): Promise<ContentStore> {
  const root = path.join(path.resolve(dataDir), "artifacts");
  const incoming = path.join(root, "incoming");
  await mkdir(path.join(root, "sha256"), { recursive: true, mode: 0o700 });
  await mkdir(incoming, { recursive: true, mode: 0o700 });

  const pathOf = (digest: string): string => {
    const hex = DIGEST.exec(digest)?.[1];
    if (hex === undefined) throw new SlipwayError("artifact_missing", `${digest} is not a digest`);
    return path.join(root, "sha256", hex.slice(0, 2), hex);
  };
  const has = async (digest: string): Promise<boolean> => {
    try {
      return (await stat(pathOf(digest))).isFile();
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
  };

  const store = async (content: Readable, known?: string): Promise<{ digest: string; sizeBytes: number }> => {
    const temporary = path.join(incoming, randomUUID());
    try {
      const meter = new Meter();
      await pipeline(content, meter, createWriteStream(temporary, { mode: 0o600 }));
      const digest = known ?? meter.digest();
      const destination = pathOf(digest);
      if (!(await has(digest))) {
        await syncPath(temporary);
        await chmod(temporary, 0o400);
        await mkdir(path.dirname(destination), { recursive: true, mode: 0o700 });
        await rename(temporary, destination);
        await syncPath(path.dirname(destination));
      }
      return { digest, sizeBytes: meter.sizeBytes };
    } finally {
      await rm(temporary, { force: true });
    }
  };

  return {
    root,
    pathOf,
    has,
    put: (content) => store(content),
    putAs: (digest, content) => store(content, digest),
    async read(digest) {
      if (!(await has(digest))) {
        throw new SlipwayError("artifact_missing", `the artifact store has no ${digest}`, {
          remedy: "Restore the artifacts folder of the data folder from a backup, or deploy again.",
        });
      }
      const verify = new Meter(digest);
      const file = createReadStream(pathOf(digest));
      file.on("error", (error) => verify.destroy(error));
      verify.on("close", () => file.destroy());
      return file.pipe(verify);
    },
  };
}

/** Passes bytes on and knows their digest; with an expected digest it fails instead of ending well. */
class Meter extends Transform {
  sizeBytes = 0;
  readonly #hash = createHash("sha256");
  readonly #expected: string | undefined;

  constructor(expected?: string) {
    super();
    this.#expected = expected;
  }

  digest(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.sizeBytes += chunk.length;
    this.#hash.update(chunk);
    done(null, chunk);
  }

  override _flush(done: (error?: Error) => void): void {
    const actual = this.#expected === undefined ? undefined : this.digest();
    if (actual === this.#expected) done();
    else done(damaged(String(this.#expected), String(actual)));
  }
}

/** Without it a power cut could leave a name that points at nothing. */
async function syncPath(target: string): Promise<void> {
  const handle = await open(target, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function damaged(expected: string, actual: string): SlipwayError {
  return new SlipwayError("artifact_damaged", `the stored bytes of ${expected} are those of ${actual}`, {
    remedy: "Restore the artifacts folder of the data folder from a backup, or deploy again.",
  });
}
