import { createHash, type Hash } from "node:crypto";
import { damagedBackup } from "./damaged.ts";

interface Content {
  sha256: string;
  chunks: number;
  hash: Hash;
  /** Position of the chunk that comes next. */
  next: number;
  /** Chunks that came before their turn. */
  early: Map<number, Buffer>;
}

/** Checks the contents of artifacts, whose chunks come in any order, usually their own. */
export class ContentDigests {
  readonly #contents = new Map<string, Content>();

  expect(digest: string, sha256: string, chunks: number): void {
    this.#contents.set(digest, { sha256, chunks, hash: createHash("sha256"), next: 0, early: new Map() });
  }

  add(digest: string, position: number, body: Buffer): void {
    const content = this.#contents.get(digest);
    if (content === undefined) throw damagedBackup(`it holds a part of ${digest}, which it does not name`);
    content.early.set(position, body);
    for (let chunk = content.early.get(content.next); chunk; chunk = content.early.get(content.next)) {
      content.hash.update(chunk);
      content.early.delete(content.next);
      content.next += 1;
    }
  }

  /** Throws `backup_damaged` unless every content is whole and has its digest. */
  compare(): void {
    for (const [digest, { sha256, chunks, hash, next, early }] of this.#contents) {
      if (next !== chunks || early.size > 0 || `sha256:${hash.digest("hex")}` !== sha256)
        throw damagedBackup(`the content of ${digest} is not what was stored`);
    }
  }
}
