import type { Random } from "./random.ts";

/** A computer: its wall clock is wrong by so much, and it is cut off or dead as a whole. */
export interface Machine {
  readonly name: string;
  skewMs: number;
}

/** What runs on a machine. A paused one (SIGSTOP) does all that it missed when it goes on. */
export interface Process {
  readonly name: string;
  readonly machine: Machine;
  alive: boolean;
  paused: boolean;
  /** What is to be done when it goes on. */
  missed: (() => void)[];
  /** What happens when it dies, of whatever. */
  readonly onDeath: (() => void)[];
}

/** A thread of a process: a generator that hands out what it waits for. */
export interface Task {
  resume(value?: unknown): void;
  fail(error: unknown): void;
}
export type Wait<T = void> = Generator<(task: Task) => void, T, unknown>;

/** Nobody answered: not reachable, dead, or the reply was lost. What was asked for may or may not have been done. */
export class Away extends Error {}

/** One for all: making an error takes longer than all else that a call does. */
const TOO_LATE = new Away("no answer in time");

/** One direction between two machines. What is sent while it is stopped lies there until it goes again, or is lost. */
interface Link {
  stopped: boolean;
  waiting: (() => void)[];
}

/** Everything that has a place in time. */
export interface World {
  readonly random: Random;
  /** Milliseconds of true time. */
  now(): number;
  after(ms: number, act: () => void): void;
  spawn(process: Process, work: () => Wait<unknown>): void;
  start(name: string, machine: Machine): Process;
  kill(process: Process): void;
  pause(process: Process): void;
  goOn(process: Process): void;
  link(from: Machine, to: Machine): Link;
  /** Sends the other way around what comes back; null while replies are not lost. */
  network: { latencyMs: number; lostReplies: number };
  restore(link: Link): void;
  /** Does everything that is due, in order, until nothing is left, `until` has come, or `isDone` says so. */
  run(until: number, isDone: () => boolean): void;
}

const CALL_TIMEOUT_MS = 4_000;
/** Of what lay on a stopped link, so much still arrives: the rest was on connections that are gone. */
const STILL_ARRIVES = 0.5;

interface Due {
  at: number;
  order: number;
  act: () => void;
}

export function openWorld(random: Random): World {
  const heap: Due[] = [];
  const links = new Map<Machine, Map<Machine, Link>>();
  let time = 0;
  let order = 0;

  const push = (due: Due): void => {
    let index = heap.length;
    heap.push(due);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Due;
      if (!isBefore(due, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = due;
  };
  const pop = (): Due | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child += 1;
      if (!isBefore(heap[child] as Due, last)) break;
      heap[index] = heap[child] as Due;
      index = child;
    }
    heap[index] = last;
    return first;
  };
  const after: World["after"] = (ms, act) => {
    order += 1;
    push({ at: time + Math.max(0, ms), order, act });
  };

  const world: World = {
    random,
    network: { latencyMs: 5, lostReplies: 0 },
    now: () => time,
    after,
    start: (name, machine) => ({ name, machine, alive: true, paused: false, missed: [], onDeath: [] }),
    spawn(process, work) {
      const thread = work();
      const step = (advance: () => IteratorResult<(task: Task) => void, unknown>): void => {
        if (!process.alive) return;
        if (process.paused) {
          process.missed.push(() => step(advance));
          return;
        }
        const next = advance();
        if (next.done !== true) next.value(once(task));
      };
      const task: Task = {
        resume: (value) => step(() => thread.next(value)),
        fail: (error) => step(() => thread.throw(error)),
      };
      task.resume();
    },
    kill(process) {
      if (!process.alive) return;
      process.alive = false;
      process.missed = [];
      for (const act of process.onDeath) act();
    },
    pause(process) {
      if (process.alive) process.paused = true;
    },
    goOn(process) {
      if (!process.paused) return;
      process.paused = false;
      for (const act of process.missed.splice(0)) after(0, act);
    },
    link(from, to) {
      let ways = links.get(from);
      if (ways === undefined) {
        ways = new Map();
        links.set(from, ways);
      }
      let link = ways.get(to);
      if (link === undefined) {
        link = { stopped: false, waiting: [] };
        ways.set(to, link);
      }
      return link;
    },
    restore(link) {
      link.stopped = false;
      for (const deliver of link.waiting.splice(0)) {
        if (random.chance(STILL_ARRIVES)) after(latency(world), deliver);
      }
    },
    run(until, isDone) {
      while (!isDone()) {
        const due = pop();
        if (due === undefined || due.at > until) return;
        time = due.at;
        due.act();
      }
    },
  };
  return world;
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** The first answer counts: a reply and a timeout may both come. */
function once({ resume, fail }: Task): Task {
  let answered = false;
  const first = (act: () => void): void => {
    if (answered) return;
    answered = true;
    act();
  };
  return { resume: (value) => first(() => resume(value)), fail: (error) => first(() => fail(error)) };
}

function latency({ random, network }: World): number {
  return 1 + random.between(0, network.latencyMs);
}

export function* sleep(world: World, ms: number): Wait {
  yield (task) => world.after(ms, task.resume);
}

/** What a call that has arrived may answer. */
export interface Reply<T> {
  value(value: T): void;
  error(error: unknown): void;
}

/**
 * Asks something of another machine. `arrive` runs there, at some later time, even when the asker has given up or died. Throws Away when nothing comes back.
 */
export function* call<T>(
  world: World,
  from: Process,
  to: Machine,
  arrive: (reply: Reply<T>) => void,
): Wait<T> {
  const answer = yield (task) => {
    const back = (settle: () => void): void => {
      if (world.random.chance(world.network.lostReplies)) return;
      carry(world, to, from.machine, settle);
    };
    const reply: Reply<T> = {
      value: (value) => back(() => task.resume(value)),
      error: (error) => back(() => task.fail(error)),
    };
    carry(world, from.machine, to, () => arrive(reply));
    world.after(CALL_TIMEOUT_MS, () => task.fail(TOO_LATE));
  };
  return answer as T;
}

function carry(world: World, from: Machine, to: Machine, deliver: () => void): void {
  const link = world.link(from, to);
  if (link.stopped) link.waiting.push(deliver);
  else world.after(latency(world), deliver);
}
