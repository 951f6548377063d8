import type { Entry, Happening } from "./history.ts";
import type { Rules } from "./rules.ts";
import type { Store, Trx } from "./store.ts";
import type { Machine, Process, Wait, World } from "./world.ts";
import { Away, call, sleep } from "./world.ts";

/** What all processes of a simulated installation share. */
export interface System {
  world: World;
  rules: Rules;
  store: Store;
  database: { machine: Machine; isUp: boolean };
  /** Those that are alive. */
  servers: Process[];
  workers: Process[];
  /** Of attempts; those that are alive. */
  engines: Set<Process>;
  /** Where clients and the receivers of messages are. */
  outside: Machine;
  receivers: { [destination: string]: { isUp: boolean } };
  history: Entry[];
  /** Wakes who waits for work; a hint may be lost. */
  hints: Set<() => void>;
  /** No more faults and no more requests. */
  isCalm: boolean;
  /** Nothing is left to do but deliveries. */
  isOver(): boolean;
  /** What programs do wrong. */
  programs: { ignoreInterrupts: number; gatesFail: number; crash: number };
  names: { [noun: string]: number };
}

const DOWN = new Away("nothing listens there");

export function record(system: System, by: string, happening: Happening): void {
  system.history.push({ at: system.world.now(), by, ...happening });
}

export function name(system: System, noun: string): string {
  const next = (system.names[noun] ?? 0) + 1;
  system.names[noun] = next;
  return `${noun} ${next}`;
}

/** Of a machine, wrong as it may be. The database's clock is the true time. */
export function wallClock(system: System, { skewMs }: Machine): number {
  return system.world.now() + skewMs;
}

/** A transaction on the database's machine. Throws what it threw there, or Away, and then nobody knows. */
export function transact<T>(system: System, from: Process, what: string, work: (trx: Trx) => T): Wait<T> {
  const { world, store, database } = system;
  return call<T>(world, from, database.machine, (reply) => {
    if (!database.isUp) return reply.error(DOWN);
    let answer: T;
    try {
      const now = world.now();
      answer = store.transact(now, work, (committed) => {
        record(system, from.name, { kind: "commit", what, now, ...committed });
        for (const wake of system.hints) if (system.isCalm || world.random.chance(0.7)) world.after(2, wake);
      });
    } catch (error) {
      return reply.error(error);
    }
    return reply.value(answer);
  });
}

const HOLD_MS = 30_000;
const RETRY_MS = 400;

/** Does it again and again while nobody answers, for half a minute. */
export function* hold<T>(system: System, work: () => Wait<T>): Wait<T> {
  const until = system.world.now() + HOLD_MS;
  for (;;) {
    try {
      return yield* work();
    } catch (error) {
      if (!(error instanceof Away) || system.world.now() >= until) throw error;
      yield* sleep(system.world, RETRY_MS);
    }
  }
}

/** Asks any server; what it does there it does with its own connection to the database. */
export function askServer<T>(system: System, from: Process, work: (server: Process) => Wait<T>): Wait<T> {
  const server = system.world.random.pick(system.servers);
  return call<T>(system.world, from, server.machine, (reply) => {
    if (!server.alive) return reply.error(DOWN);
    return system.world.spawn(server, function* handle() {
      try {
        reply.value(yield* work(server));
      } catch (error) {
        reply.error(error);
      }
    });
  });
}
