import { availableParallelism } from "node:os";
import { Piscina } from "piscina";
import { SlipwayError } from "../../errors.ts";
import type { ThreadAnswer } from "./thread.ts";
import type { Work, WorkName } from "./work.ts";
import { work } from "./work.ts";

/** The replay of so much takes about 12 ms of processor time (measured: 100 ms for 6 MB). A thread that is there costs 30 ms more than that, one that must start 280 ms. */
const INLINE_BYTES = 512 * 1024;
/** An unused thread keeps its memory for so long; the next update of a stack is often not far. */
const IDLE_TIMEOUT_MS = 300_000;

/** About how much larger a packed text is once it is unpacked. */
export const PACKED_RATIO = 5;

/** About how many bytes packed texts are once they are unpacked. */
export function unpackedBytes(packed: readonly { body: Uint8Array }[]): number {
  return packed.reduce((total, { body }) => total + body.length, 0) * PACKED_RATIO;
}

let threads: Piscina | undefined;

/**
 * Does work on a text: here when it is small, on a thread when it would hold up other requests. `bytes` is about what is read. Threads start when first needed and
 * keep no process alive.
 */
export async function runWork<Name extends WorkName>(
  name: Name,
  input: Parameters<Work[Name]>[0],
  bytes: number,
): Promise<ReturnType<Work[Name]>> {
  if (bytes <= INLINE_BYTES) {
    const job = work[name] as (input: Parameters<Work[Name]>[0]) => ReturnType<Work[Name]>;
    return job(input);
  }
  threads ??= new Piscina({
    filename: new URL("thread.ts", import.meta.url).href,
    minThreads: 0,
    maxThreads: Math.max(1, availableParallelism() - 1),
    idleTimeout: IDLE_TIMEOUT_MS,
  });
  const answer = (await threads.run({ name, input })) as ThreadAnswer;
  if (!answer.ok) {
    throw new SlipwayError(
      answer.code,
      answer.message,
      answer.remedy === undefined ? {} : { remedy: answer.remedy },
    );
  }
  return restored(answer.value) as ReturnType<Work[Name]>;
}

/** What crosses a thread's border as Buffer arrives as Uint8Array. */
function restored(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(restored);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, restored(inner)]));
}
