import { createCipheriv, createDecipheriv } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import { damagedBackup } from "./damaged.ts";

/** Clear bytes of a full frame. */
const FRAME_BYTES = 1024 * 1024;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
const CIPHER = "aes-256-gcm";

/*
 * A stream is sealed as frames: length of what follows (4 bytes, big endian), ciphertext, tag. The nonce is the frame's number with a byte that is 1 in the last one, so that
 * frames cannot be left out, swapped or cut off (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizar). A key seals one file only.
 */

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(number), 0);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

/** Seals a stream under a key that seals nothing else; `header` is bound to it. */
export class SealFrames extends Transform {
  readonly #key: Buffer;
  readonly #header: Buffer;
  #number = 0;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(key: Buffer, header: Buffer) {
    super();
    this.#key = key;
    this.#header = header;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    // More than a frame, never exactly one: whether it is the last is known only once there is more.
    while (this.#waitingBytes > FRAME_BYTES) {
      const all = Buffer.concat(this.#waiting);
      this.#push(all.subarray(0, FRAME_BYTES), false);
      this.#waiting = [all.subarray(FRAME_BYTES)];
      this.#waitingBytes = all.length - FRAME_BYTES;
    }
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#push(Buffer.concat(this.#waiting), true);
    done();
  }

  #push(clear: Buffer, isLast: boolean): void {
    const cipher = createCipheriv(CIPHER, this.#key, nonceOf(this.#number, isLast)).setAAD(this.#header);
    this.#number += 1;
    const sealed = Buffer.concat([cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(sealed.length);
    this.push(Buffer.concat([length, sealed]));
  }
}

/** Opens what `SealFrames` made with the same key and header; fails with `backup_damaged` for anything else, a missing end included. */
export class OpenFrames extends Transform {
  readonly #key: Buffer;
  readonly #header: Buffer;
  #number = 0;
  #waiting = Buffer.alloc(0);
  #isOver = false;

  constructor(key: Buffer, header: Buffer) {
    super();
    this.#key = key;
    this.#header = header;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    try {
      this.#openAll();
      done();
    } catch (error) {
      done(error instanceof Error ? error : damagedBackup("it does not open"));
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#isOver && this.#waiting.length === 0) done();
    else done(damagedBackup("its end is missing"));
  }

  #openAll(): void {
    while (this.#waiting.length >= LENGTH_BYTES) {
      if (this.#isOver) throw damagedBackup("something follows its end");
      const length = this.#waiting.readUInt32BE(0);
      if (length < TAG_BYTES || length > FRAME_BYTES + TAG_BYTES)
        throw damagedBackup("a frame has another length");
      if (this.#waiting.length < LENGTH_BYTES + length) return;
      const sealed = this.#waiting.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      this.#waiting = this.#waiting.subarray(LENGTH_BYTES + length);
      const clear = this.#open(sealed, false) ?? this.#open(sealed, true);
      if (clear === undefined) throw damagedBackup("a frame was changed");
      this.#number += 1;
      this.push(clear);
    }
  }

  #open(sealed: Buffer, isLast: boolean): Buffer | undefined {
    const tagAt = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, nonceOf(this.#number, isLast), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(this.#header)
      .setAuthTag(sealed.subarray(tagAt));
    try {
      const clear = Buffer.concat([decipher.update(sealed.subarray(0, tagAt)), decipher.final()]);
      this.#isOver = isLast;
      return clear;
    } catch {
      // The tag says no: perhaps it is the last frame, else it was changed.
      return undefined;
    }
  }
}
