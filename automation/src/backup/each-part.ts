import type { Piece } from "./read-parts.ts";

/** Hands each part's bytes to `handle`, one part after the other; what it leaves unread is passed over. */
export async function eachPart(
  pieces: AsyncIterator<Piece, void>,
  handle: (part: string, content: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  let next = await pieces.next();
  while (next.done !== true) {
    const { part } = next.value;
    const content = async function* (): AsyncGenerator<Buffer> {
      while (next.done !== true && next.value.part === part) {
        const { body } = next.value;
        next = await pieces.next();
        yield body;
      }
    };
    await handle(part, content());
    while (next.done !== true && next.value.part === part) next = await pieces.next();
  }
}
