import { once } from "node:events";
import type { Duplex } from "node:stream";
import type pg from "pg";
import { SlipwayError } from "../errors.ts";

/** What pg's client calls on whatever runs on its connection; the shape is that of pg's own Query. */
interface Submittable {
  submit(connection: CopyConnection): void;
  handleCopyInResponse(connection: CopyConnection): void;
  handleCopyData(message: { chunk: Buffer }, connection: CopyConnection): void;
  handleCommandComplete(message: { text: string }): void;
  handleError(error: Error): void;
  handleReadyForQuery(): void;
}

/** The part of pg's connection that a COPY needs. */
interface CopyConnection {
  readonly stream: Duplex;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** Bytes of rows that may wait for their reader before the connection is told to stop. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;

/**
 * Runs `COPY ... TO STDOUT` and answers what came, piece by piece, in order; a reader that is slow makes the database wait. At the end `rows` has been called with how many rows
 * there were. Throws what the statement fails with.
 */
export async function* copyOut(
  client: pg.Client,
  statement: string,
  rows: (count: number) => void,
): AsyncGenerator<Buffer> {
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let stream: Duplex | undefined;
  let failure: Error | undefined;
  let isOver = false;
  let wake = Promise.withResolvers<void>();
  const tell = (): void => wake.resolve();
  run(client, {
    submit: (connection) => connection.query(statement),
    handleCopyInResponse: (connection) => connection.sendCopyFail("this copies out"),
    handleCopyData: ({ chunk }, connection) => {
      stream = connection.stream;
      // A copy: pg's parser writes what comes next over the bytes that it has handed out.
      waiting.push(Buffer.from(chunk));
      waitingBytes += chunk.length;
      if (waitingBytes > HIGH_WATER_BYTES) connection.stream.pause();
      tell();
    },
    handleCommandComplete: ({ text }) => rows(rowsOf(text)),
    handleError: (error) => {
      failure = error;
      isOver = true;
      tell();
    },
    handleReadyForQuery: () => {
      isOver = true;
      tell();
    },
  });
  try {
    for (;;) {
      const taken = waiting.splice(0);
      waitingBytes = 0;
      if (stream?.isPaused() === true) stream.resume();
      if (taken.length > 0) {
        yield Buffer.concat(taken);
        continue;
      }
      if (failure !== undefined) throw failure;
      if (isOver) return;
      wake = Promise.withResolvers<void>();
      await wake.promise;
    }
  } finally {
    // A reader that stops half-way: only the end of the connection ends the statement.
    if (!isOver) stream?.destroy();
  }
}

/** Runs `COPY ... FROM STDIN` with the pieces, and answers how many rows there were. Throws what the statement fails with; a failure of `pieces` fails the statement. */
export async function copyIn(
  client: pg.Client,
  statement: string,
  pieces: AsyncIterable<Buffer>,
): Promise<number> {
  const { promise: connected, resolve: ready } = Promise.withResolvers<CopyConnection>();
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  let rows = 0;
  let failure: Error | undefined;
  let connection: CopyConnection | undefined;
  run(client, {
    submit: (given) => {
      connection = given;
      given.query(statement);
    },
    handleCopyInResponse: ready,
    handleCopyData: () => {},
    handleCommandComplete: ({ text }) => {
      rows = rowsOf(text);
    },
    handleError: (error) => {
      failure = error;
      // A statement that is refused at once never asks for data.
      if (connection !== undefined) ready(connection);
      end(0);
    },
    handleReadyForQuery: () => end(rows),
  });
  const open = await connected;
  try {
    for await (const piece of pieces) {
      if (failure !== undefined) break;
      open.sendCopyFromChunk(piece);
      if (open.stream.writableNeedDrain) await Promise.race([once(open.stream, "drain"), ended]);
    }
    if (failure === undefined) open.endCopyFrom();
  } catch (cause) {
    if (failure === undefined) open.sendCopyFail("the data could not be read");
    await ended;
    throw cause;
  }
  const count = await ended;
  // Assigned by a callback, which the compiler does not see.
  const failed = failure as Error | undefined;
  if (failed !== undefined) throw failed;
  return count;
}

function run(client: pg.Client, copy: Submittable): void {
  client.query(copy as unknown as pg.Submittable);
}

/** `COPY 12` */
function rowsOf(commandTag: string): number {
  const count = /^COPY (\d+)$/.exec(commandTag)?.[1];
  if (count === undefined) throw new SlipwayError("backup_failed", `the database answered ${commandTag}`);
  return Number(count);
}
