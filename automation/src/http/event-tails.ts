import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyReply } from "fastify";
import type { Notifications } from "../database/notifications.ts";
import { LONGEST_LOOK_MS, nextNotification } from "../database/notifications.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { encodeMessage } from "./event-stream.ts";
import { StreamClient } from "./stream-client.ts";

/** Proxies close what is silent for a minute; half of half of it leaves room. */
const HEARTBEAT_MS = 15_000;
/** The newest events of a list that is followed are kept up to so many bytes, for clients that were slow for a moment. */
const KEPT_BYTES = 1024 * 1024;
/** So long streams stay open while the database is away. */
const AWAY_LIMIT_MS = 30_000;
const HEARTBEAT = ": still here\n\n";
/** So that a client knows the end from a broken connection. */
const END = encodeMessage({ event: "end", data: {} });

/** What one look at a list of events found. */
export interface Look {
  readonly events: readonly { readonly sequence: number }[];
  /** There may be more now: the next look need not wait. */
  readonly more: boolean;
  /** Nothing can follow these. */
  readonly ended: boolean;
}

/** A list of events that grows. */
export interface EventList {
  /** What notifications name it by. */
  key: string;
  /** Its events after a sequence number, in order and without gaps. */
  look(after: number): Promise<Look>;
}

/** An event as it goes over the wire. */
interface Frame {
  sequence: number;
  bytes: Buffer;
}

/** A client that has been sent everything up to a position. */
interface Follower {
  client: StreamClient;
  position: number;
}

/**
 * Live streams of a server. Whoever follows the same list shares one look at the database and the bytes that come of it, so that a thousand clients cost a thousand
 * writes and nothing else. A client that reads slowly holds up nobody: it is left out until it has read what waits for it, and then catches up by itself.
 */
export class EventTails {
  readonly #tails = new Map<string, Tail>();
  readonly #notifications: Notifications;
  readonly #logger: Pick<Logger, "warn">;
  readonly #closing: AbortSignal;

  constructor(dependencies: {
    notifications: Notifications;
    logger: Pick<Logger, "warn">;
    closing: AbortSignal;
  }) {
    this.#notifications = dependencies.notifications;
    this.#logger = dependencies.logger;
    this.#closing = dependencies.closing;
  }

  /** Answers with the events of a list after a number, live until it has ended, the client has gone or the server closes. */
  follow(reply: FastifyReply, list: EventList, after: number): FastifyReply {
    const follower = { client: new StreamClient(reply), position: after };
    const end = (): void => follower.client.end();
    if (this.#closing.aborted) end();
    this.#closing.addEventListener("abort", end);
    follower.client.gone.addEventListener("abort", () => this.#closing.removeEventListener("abort", end));
    this.#serve(follower, list).catch((error: unknown) => {
      this.#logger.warn({ error: messageOf(error) }, "a stream of events was broken off");
      follower.client.letGo();
    });
    return reply;
  }

  /** Brings a client up to date, hands it to the list's tail, and takes it back when it reads too slowly. Resolves when it has gone or has everything. */
  async #serve(follower: Follower, list: EventList): Promise<void> {
    const { client } = follower;
    while (!client.gone.aborted) {
      const tail = this.#tails.get(list.key);
      if (tail?.holds(follower.position) === true) {
        await tail.follow(follower);
        await client.drained();
        continue;
      }
      const { events, more, ended } = await patiently(() => list.look(follower.position), client.gone);
      if (!(await sendAll(follower, events)) || more) continue;
      if (ended) {
        client.end(END);
        return;
      }
      if (!this.#tails.has(list.key)) this.#open(list, follower.position);
    }
  }

  #open(list: EventList, position: number): void {
    const tail = new Tail(list, position, this.#notifications);
    this.#tails.set(list.key, tail);
    tail
      .run(this.#closing)
      .catch((error: unknown) => {
        this.#logger.warn({ error: messageOf(error) }, "streams of events were broken off");
        tail.letGo();
      })
      .finally(() => {
        if (this.#tails.get(list.key) === tail) this.#tails.delete(list.key);
      });
  }
}

/** The growing end of one list, and those that have everything before it. */
class Tail {
  readonly #list: EventList;
  readonly #notifications: Notifications;
  /** With what calls each of them back. */
  readonly #followers = new Map<Follower, () => void>();
  #frames: Frame[] = [];
  #bytes = 0;
  /** Everything after this number, up to `#last`, is in `#frames`. */
  #start: number;
  #last: number;
  readonly #idle = new AbortController();
  #hasEnded = false;

  constructor(list: EventList, position: number, notifications: Notifications) {
    this.#list = list;
    this.#notifications = notifications;
    this.#start = position;
    this.#last = position;
  }

  /** Whether somebody who has everything up to `position` can go on from here. */
  holds(position: number): boolean {
    return position >= this.#start && !this.#hasEnded && !this.#idle.signal.aborted;
  }

  /** Sends what is new and all that comes. Resolves when the client must be waited for, has gone, or the tail has ended. */
  follow(follower: Follower): Promise<void> {
    if (!send(follower, this.#frames)) return Promise.resolve();
    return new Promise((resolve) => {
      const leave = (): void => {
        follower.client.gone.removeEventListener("abort", leave);
        this.#followers.delete(follower);
        if (this.#followers.size === 0) this.#idle.abort();
        resolve();
      };
      this.#followers.set(follower, leave);
      follower.client.gone.addEventListener("abort", leave);
      if (follower.client.gone.aborted) leave();
    });
  }

  /** Looks and sends until nobody follows, the list has ended or the server closes. Throws when the database is away for long. */
  async run(closing: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([closing, this.#idle.signal]);
    const heartbeat = setInterval(() => this.#write(HEARTBEAT), HEARTBEAT_MS);
    try {
      while (!signal.aborted) {
        // Asked for before the look, so that what happens in between is not missed.
        const woken = new AbortController();
        const told = nextNotification(
          this.#notifications,
          this.#list.key,
          LONGEST_LOOK_MS,
          AbortSignal.any([signal, woken.signal]),
        );
        try {
          const { events, more, ended } = await patiently(() => this.#list.look(this.#last), signal);
          this.#append(events);
          if (more) continue;
          if (ended) return this.#end();
          await told;
        } finally {
          woken.abort();
        }
      }
    } finally {
      clearInterval(heartbeat);
      this.#release();
    }
  }

  /** Breaks all connections: the clients connect again where they were. */
  letGo(): void {
    for (const { client } of [...this.#followers.keys()]) client.letGo();
  }

  #append(events: Look["events"]): void {
    if (events.length === 0) return;
    const frames = events.map(frameOf);
    const before = this.#last;
    this.#frames.push(...frames);
    this.#bytes += frames.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#last = frames.at(-1)?.sequence ?? before;
    const joint = Buffer.concat(frames.map(({ bytes }) => bytes));
    for (const [follower, leave] of [...this.#followers]) {
      const isNext = follower.position === before;
      if (isNext) follower.position = this.#last;
      if (!(isNext ? follower.client.write(joint) : send(follower, frames))) leave();
    }
    while (this.#bytes > KEPT_BYTES) {
      const oldest = this.#frames.shift();
      if (oldest === undefined) break;
      this.#bytes -= oldest.bytes.length;
      this.#start = oldest.sequence;
    }
  }

  #write(text: string): void {
    for (const [{ client }, leave] of [...this.#followers]) {
      if (!client.write(text)) leave();
    }
  }

  #end(): void {
    this.#hasEnded = true;
    for (const { client } of [...this.#followers.keys()]) client.end(END);
  }

  /** Nobody is left waiting for a tail that does not run any more. */
  #release(): void {
    this.#idle.abort();
    for (const leave of [...this.#followers.values()]) leave();
  }
}

function frameOf(event: { readonly sequence: number }): Frame {
  return {
    sequence: event.sequence,
    bytes: Buffer.from(encodeMessage({ id: event.sequence, data: event })),
  };
}

/** Sends those of the frames that a follower lacks, in one piece. False: it must be waited for. */
function send(follower: Follower, frames: readonly Frame[]): boolean {
  const missing = frames.filter(({ sequence }) => sequence > follower.position);
  const last = missing.at(-1);
  if (last === undefined) return !follower.client.gone.aborted;
  follower.position = last.sequence;
  return follower.client.write(Buffer.concat(missing.map(({ bytes }) => bytes)));
}

/** Sends events one by one, as fast as the client reads. False: it has gone. */
async function sendAll(follower: Follower, events: Look["events"]): Promise<boolean> {
  const { client } = follower;
  for (const event of events) {
    follower.position = event.sequence;
    if (!client.write(frameOf(event).bytes)) await client.drained();
    if (client.gone.aborted) return false;
  }
  return true;
}

/** Looks, again and again while the database is away for a moment. Throws its error when that lasts. */
async function patiently(look: () => Promise<Look>, signal: AbortSignal): Promise<Look> {
  const giveUpAt = performance.now() + AWAY_LIMIT_MS;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (signal.aborted) return { events: [], more: false, ended: false };
      if (performance.now() > giveUpAt) throw error;
      await sleep(LONGEST_LOOK_MS, undefined, { signal }).catch(() => {
        // Nobody follows any more; the next look is not made.
      });
    }
  }
}
