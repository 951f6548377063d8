import { readFile, readlink } from "node:fs/promises";
import type { NeighbouringAttempt, Surroundings } from "../attempts/places-store.ts";
import {
  expireLease,
  neighbouringAttempts,
  neighbouringWorkers,
  recordPlace,
} from "../attempts/places-store.ts";
import type { Database } from "../database.ts";
import type { Logger } from "../logger.ts";
import { findProcess, isSameProcess } from "../process-table.ts";

/*
 * A lease is how a machine that is gone is told from one that is slow. On a machine that is there it can be seen: when a worker is gone, and its guardian, and the first process of
 * the containment's namespace, then the kernel has ended all that was in it, and nobody is left who could begin anything. Then the lease may end at once.
 */

let surroundings: Promise<Surroundings | null> | undefined;

/** What this process can see; null where process ids say nothing of that kind. */
function ownSurroundings(): Promise<Surroundings | null> {
  surroundings ??= readSurroundings();
  return surroundings;
}

async function readSurroundings(): Promise<Surroundings | null> {
  if (process.platform !== "linux") return null;
  try {
    const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    return { bootId, pidNamespace: await readlink("/proc/self/ns/pid") };
  } catch {
    // A /proc that hides these: leases run out by themselves.
    return null;
  }
}

/** Records where this worker runs, so that others of its machine can see when it is gone. */
export async function recordOwnPlace(db: Database, workerId: string): Promise<void> {
  const place = await ownSurroundings();
  const self = findProcess(process.pid);
  if (place === null || self === undefined) return;
  await recordPlace(db, workerId, { ...place, worker: { pid: self.pid, startedAt: self.startedAt } });
}

/** Ends the leases of attempts of this machine that are seen to be dead. Answers how many. */
export async function expireDeadLeases(context: {
  db: Database;
  logger: Pick<Logger, "warn">;
}): Promise<number> {
  const place = await ownSurroundings();
  if (place === null) return 0;
  const dead = (await neighbouringAttempts(context.db, place)).filter(isDead);
  for (const attempt of dead) {
    context.logger.warn(
      { attempt: attempt.attemptId, worker: attempt.worker.pid },
      "a worker of this machine is gone with all that it ran; its lease ends",
    );
    await expireLease(context.db, attempt);
  }
  return dead.length;
}

function isDead({ worker, processes }: NeighbouringAttempt): boolean {
  if (processes === undefined || isSameProcess(worker)) return false;
  return processes === null || !(isSameProcess(processes.guardian) || isSameProcess(processes.init));
}

/** Of these workers, those whose processes are seen to be gone from this machine. */
export async function goneWorkers(db: Database, ids: readonly string[]): Promise<string[]> {
  const place = await ownSurroundings();
  if (place === null) return [];
  const neighbours = await neighbouringWorkers(db, ids, place);
  return neighbours.filter(({ worker }) => !isSameProcess(worker)).map(({ id }) => id);
}
