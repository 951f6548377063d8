import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { messageOf, SlipwayError } from "../errors.ts";
import { splitLines } from "./lines.ts";

/** How often the log is looked at where the kernel does not tell of changes. */
const POLL_MS = 20;
const CHUNK_BYTES = 256 * 1024;
/** One event carries a whole resource state. */
const MAX_EVENT_CHARACTERS = 64 * 1024 * 1024;

/** Follows the file that the CLI writes its engine events to. */
export interface EventLog {
  /** Reads what is left and closes; every event has been handed on when it resolves. Throws what a read threw. */
  end(): Promise<void>;
}

/**
 * Creates `file` (0600) and calls `onEvent` for each JSON line as soon as it is written. A file and not the CLI's gRPC
 * stream: the CLI never waits for its reader, and a reader that is late loses nothing.
 */
export async function followEventLog(
  file: string,
  onEvent: (event: Record<string, unknown>) => void,
): Promise<EventLog> {
  const handle = await open(file, "wx+", 0o600);
  const decoder = new StringDecoder("utf8");
  const lines = splitLines((line) => {
    if (line !== "") onEvent(JSON.parse(line) as Record<string, unknown>);
  }, MAX_EVENT_CHARACTERS);
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let failure: unknown;
  let reading: Promise<void> = Promise.resolve();
  let isQueued = false;

  const readOn = (): void => {
    if (isQueued) return;
    isQueued = true;
    reading = reading.then(async () => {
      isQueued = false;
      await readAll(handle, buffer, (chunk) => lines.push(decoder.write(chunk)));
    });
    reading = reading.catch((error: unknown) => {
      failure ??= error;
    });
  };
  const stop = onChange(file, readOn);

  return {
    async end() {
      stop();
      await reading;
      readOn();
      await reading;
      lines.end();
      await handle.close();
      if (failure !== undefined) {
        throw new SlipwayError(
          "event_log_unreadable",
          `The engine's events could not be read: ${messageOf(failure)}`,
          {
            cause: failure,
          },
        );
      }
    },
  };
}

async function readAll(handle: FileHandle, buffer: Buffer, onChunk: (chunk: Buffer) => void): Promise<void> {
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) return;
    onChunk(buffer.subarray(0, bytesRead));
  }
}

function onChange(file: string, listener: () => void): () => void {
  const poll = (): (() => void) => {
    const timer = setInterval(listener, POLL_MS);
    return () => clearInterval(timer);
  };
  let stop: () => void;
  try {
    const watcher: FSWatcher = watch(file, listener);
    stop = () => watcher.close();
    // Watches are a limited good of the host: go on without.
    watcher.on("error", () => {
      watcher.close();
      stop = poll();
    });
  } catch {
    stop = poll();
  }
  return () => stop();
}
