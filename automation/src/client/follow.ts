import type { z } from "zod";
import { endpoints } from "../contract/endpoints.ts";
import { DeploymentEvent } from "../contract/events.ts";
import { UpdateEvent } from "../contract/updates.ts";
import { SlipwayError } from "../errors.ts";
import type { Connection } from "./call.ts";
import { parseAnswer, send, urlOf } from "./call.ts";
import type { StreamMessage } from "./event-stream.ts";
import { readMessages } from "./event-stream.ts";

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5_000;
/** After so many failures in a row the server counts as gone. */
const MOST_FAILURES = 12;

export interface FollowOptions {
  /** Sequence of the last event that is known already; default 0, all events. */
  after?: number;
  signal?: AbortSignal;
}

/** Where a kind of events is, and what one looks like. */
interface Feed<Event extends { readonly sequence: number }> {
  readonly path: string;
  readonly event: z.ZodType<Event>;
}

/**
 * The events of a deployment in order and without gaps, live until it has ended. A lost connection is opened again after
 * the last event seen. Ends quietly when `signal` aborts. Throws ProblemError when the server refuses, and SlipwayError
 * `server_unreachable` when it stays away.
 */
export function followEvents(
  connection: Connection,
  id: string,
  options?: FollowOptions,
): AsyncGenerator<DeploymentEvent, void, undefined> {
  return follow(connection, { path: endpoints.listEvents.path, event: DeploymentEvent }, id, options);
}

/** The same for an update, with its gaps. */
export function followUpdate(
  connection: Connection,
  id: string,
  options?: FollowOptions,
): AsyncGenerator<UpdateEvent, void, undefined> {
  return follow(connection, { path: endpoints.listUpdateEvents.path, event: UpdateEvent }, id, options);
}

async function* follow<Event extends { readonly sequence: number }>(
  connection: Connection,
  feed: Feed<Event>,
  id: string,
  { after = 0, signal }: FollowOptions = {},
): AsyncGenerator<Event, void, undefined> {
  let last = after;
  let failures = 0;
  while (!isAborted(signal)) {
    try {
      const stream = await open(connection, feed.path, id, last, signal);
      // A quiet deployment behind a proxy that cuts idle connections is no failure.
      failures = 0;
      for await (const message of stream) {
        if (message.event === "end") return;
        const event = parseAnswer(feed.event, JSON.parse(message.data));
        // A repeated event after a reconnect would be counted twice by whoever folds them.
        if (event.sequence <= last) continue;
        last = event.sequence;
        yield event;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      if (!isPassing(error) || failures >= MOST_FAILURES) throw error;
    }
    failures += 1;
    await pause(Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS), signal);
  }
}

async function open(
  connection: Connection,
  path: string,
  id: string,
  after: number,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<StreamMessage>> {
  const url = urlOf(connection.baseUrl, path, { params: { id } });
  const response = await send(connection, "GET", url, {
    headers: { accept: "text/event-stream", "last-event-id": String(after) },
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.body === null) throw new TypeError("the answer has no body");
  return readMessages(response.body);
}

/** Whether the same request may succeed later: the server is away, starting or overloaded, or the connection broke. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof SlipwayError)) return error instanceof TypeError;
  return ["server_unreachable", "not_ready", "rate_limited"].includes(error.code);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (isAborted(signal)) done();
  });
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
