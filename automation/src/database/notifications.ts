import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { messageOf } from "../errors.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;
/** A dead peer must be noticed although nothing is ever sent to it. */
const KEEP_ALIVE_DELAY_MS = 10_000;
/** Who waits looks again at least so often: a notification may have been missed. */
export const LONGEST_LOOK_MS = 1_000;

export interface NotificationOptions {
  channel: string;
  applicationName: string;
  onError: (message: string) => void;
}

/**
 * Hears one channel of LISTEN/NOTIFY on a connection of its own, and connects again when that is lost. A notification is a
 * hint that saves waiting: what was sent while the connection was away is not repeated, so listeners also look now and then.
 */
export class Notifications {
  readonly #url: string;
  readonly #options: NotificationOptions;
  readonly #listeners = new Map<string, Set<() => void>>();
  readonly #listenersToAll = new Set<() => void>();
  readonly #stopping = new AbortController();
  #client: pg.Client | undefined;
  #running: Promise<void> | undefined;

  constructor(url: string, options: NotificationOptions) {
    this.#url = url;
    this.#options = options;
  }

  /** True while the connection stands. */
  get isAlive(): boolean {
    return this.#client !== undefined;
  }

  /** Starts listening; resolves at once and connects in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Calls `listener` for each notification with this payload until the returned function is called. */
  subscribe(payload: string, listener: () => void): () => void {
    const set = this.#listeners.get(payload) ?? new Set();
    this.#listeners.set(payload, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.#listeners.get(payload) === set) this.#listeners.delete(payload);
    };
  }

  /** Calls `listener` for each notification, whatever its payload, until the returned function is called. */
  subscribeAll(listener: () => void): () => void {
    this.#listenersToAll.add(listener);
    return () => this.#listenersToAll.delete(listener);
  }

  /** How many listen for a payload. */
  listenerCount(payload: string): number {
    return this.#listeners.get(payload)?.size ?? 0;
  }

  /** Closes the connection and ends the background work. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let delay = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#listen(() => {
          delay = FIRST_RETRY_MS;
        });
      } catch (error) {
        this.#options.onError(`listening on ${this.#options.channel} failed: ${messageOf(error)}`);
      }
      if (signal.aborted) break;
      await sleep(delay, undefined, { signal }).catch(() => {
        // Stopped while waiting.
      });
      delay = Math.min(delay * 2, LONGEST_RETRY_MS);
    }
  }

  /** One connection, from its start to its end. */
  async #listen(onConnected: () => void): Promise<void> {
    const { signal } = this.#stopping;
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: this.#options.applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    });
    const ended = new Promise<void>((resolve) => {
      client.once("end", resolve);
      client.on("error", (error) => {
        this.#options.onError(`the connection that listens broke: ${messageOf(error)}`);
        resolve();
      });
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    client.on("notification", ({ payload }) => this.#tell(payload));
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(this.#options.channel)}`);
      this.#client = client;
      onConnected();
      // What was sent while nobody listened is lost: everybody looks once.
      for (const payload of [undefined, ...this.#listeners.keys()]) this.#tell(payload);
      await ended;
    } finally {
      this.#client = undefined;
      await client.end().catch(() => {
        // It is broken already; nothing is left to close.
      });
    }
  }

  #tell(payload: string | undefined): void {
    for (const listener of [...(this.#listeners.get(payload ?? "") ?? []), ...this.#listenersToAll])
      listener();
  }
}

/** Resolves at the next notification with this payload, after `timeoutMs`, or when `signal` aborts, whichever is first. */
export function nextNotification(
  notifications: Notifications,
  payload: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    const unsubscribe = notifications.subscribe(payload, done);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}

/** Waits until `isTrue`, at most `seconds`, looking at each notification with this payload. Ends early when `signal` aborts. */
export async function waitUntil(
  notifications: Notifications,
  payload: string,
  seconds: number,
  isTrue: () => Promise<boolean>,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    const left = deadline - performance.now();
    if (left <= 0 || signal.aborted) return;
    // Asked for before the look, so that what happens in between is not missed.
    const woken = new AbortController();
    const told = nextNotification(
      notifications,
      payload,
      Math.min(left, LONGEST_LOOK_MS),
      AbortSignal.any([signal, woken.signal]),
    );
    try {
      if (await isTrue()) return;
      await told;
    } finally {
      woken.abort();
    }
  }
}
