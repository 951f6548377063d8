import { type FileHandle, open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { messageOf, SlipwayError } from "../errors.ts";
import { splitLines } from "./lines.ts";

/**
 * How often the log is looked at. Not a watch: the CLI writes thousands of lines one by one, and a wake-up for each takes the time of
 * the processor from the CLI itself where there are two cores.
 */
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
    if (line !== "" && !isDebugTalk(line)) onEvent(JSON.parse(line) as Record<string, unknown>);
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
  const timer = setInterval(readOn, POLL_MS);

  return {
    async end() {
      clearInterval(timer);
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

/**
 * The engine's talk with the program, a dozen lines for each resource, which nobody is shown: not worth parsing. A quote within a
 * message is escaped, so that the text below is the field itself.
 */
function isDebugTalk(line: string): boolean {
  return line.includes('"diagnosticEvent":{') && line.includes('"severity":"debug"');
}
