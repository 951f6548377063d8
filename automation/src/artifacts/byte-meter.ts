import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { SlipwayError } from "../errors.ts";

/** Passes bytes on and knows their digest and number; with an expected digest it fails with `artifact_damaged` instead of ending well. */
export class ByteMeter extends Transform {
  sizeBytes = 0;
  readonly #hash = createHash("sha256");
  readonly #expected: string | undefined;

  constructor(expected?: string) {
    super();
    this.#expected = expected;
  }

  /** To be asked once, when all bytes have passed. */
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

/** SHA-256 of a file's bytes, as `sha256:` and hex digits. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

/** `artifact_damaged`: the bytes that the database has of a digest are others. */
export function damaged(expected: string, actual: string): SlipwayError {
  return new SlipwayError("artifact_damaged", `the stored bytes of ${expected} are those of ${actual}`, {
    remedy: "Restore the database from a backup, or change the source and deploy it.",
  });
}
