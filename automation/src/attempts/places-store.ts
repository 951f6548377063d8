import { sql } from "kysely";
import { z } from "zod";
import type { Database, Transaction } from "../database.ts";
import type { Fence } from "./rules.ts";

/** A process that no other one can be taken for, on the machine and in the namespace that it was seen in. */
export const ProcessIdentity = z.object({ pid: z.int(), startedAt: z.string() });
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** Where processes can be seen: one start of one machine, and one of its namespaces of process ids. */
export interface Surroundings {
  bootId: string;
  pidNamespace: string;
}

/** The processes that are gone when nothing of an attempt runs any more. */
const AttemptProcesses = z.object({ guardian: ProcessIdentity, init: ProcessIdentity });
type AttemptProcesses = z.infer<typeof AttemptProcesses>;

/** A live attempt of another worker in the same surroundings. */
export interface NeighbouringAttempt extends Fence {
  worker: ProcessIdentity;
  /** Null: it has not begun, so that nothing was ever run for it. Undefined: it runs in a way that cannot be seen from outside. */
  processes: AttemptProcesses | null | undefined;
}

/** Records where a worker runs. */
export async function recordPlace(
  db: Database,
  workerId: string,
  place: Surroundings & { worker: ProcessIdentity },
): Promise<void> {
  await sql`update workers set place = ${JSON.stringify(place)} where id = ${workerId}`.execute(db);
}

/** Records what an attempt runs in, with its begin: before that nothing runs. `processes` null: it cannot be seen from outside. */
export async function recordProcesses(
  trx: Transaction,
  attemptId: string,
  processes: AttemptProcesses | null,
): Promise<void> {
  await sql`update attempts set containment = ${JSON.stringify({ processes })} where id = ${attemptId}`.execute(
    trx,
  );
}

const Place = z.object({ worker: ProcessIdentity });
const Containment = z.object({ processes: AttemptProcesses.nullable() });

/** Attempts that hold their stack and whose workers run, or ran, where this process can see them. */
export async function neighbouringAttempts(
  db: Database,
  { bootId, pidNamespace }: Surroundings,
): Promise<NeighbouringAttempt[]> {
  const { rows } = await sql<Fence & { place: unknown; containment: unknown }>`
    select w.stack_id as "stackId", a.id as "attemptId", a.epoch, k.place, a.containment
    from attempts a join workers k on k.id = a.worker_id
    join stack_writers w on w.holder = a.id and w.epoch = a.epoch
    where a.status in ('claimed', 'running') and w.expires_at > now()
      and k.place ->> 'bootId' = ${bootId} and k.place ->> 'pidNamespace' = ${pidNamespace}
  `.execute(db);
  return rows.map(({ place, containment, ...fence }) => ({
    ...fence,
    worker: Place.parse(place).worker,
    processes: containment === null ? null : (Containment.parse(containment).processes ?? undefined),
  }));
}

/** Of these workers, those that run, or ran, in the same surroundings, with their processes. */
export async function neighbouringWorkers(
  db: Database,
  ids: readonly string[],
  { bootId, pidNamespace }: Surroundings,
): Promise<{ id: string; worker: ProcessIdentity }[]> {
  if (ids.length === 0) return [];
  const { rows } = await sql<{ id: string; place: unknown }>`
    select id, place from workers
    where id = any(${[...ids]}::uuid[]) and place ->> 'bootId' = ${bootId} and place ->> 'pidNamespace' = ${pidNamespace}
  `.execute(db);
  return rows.map(({ id, place }) => ({ id, worker: Place.parse(place).worker }));
}

/** Ends a lease ahead of its time. The caller has seen that nothing of the attempt runs any more, and nothing can begin to. */
export async function expireLease(db: Database, { stackId, attemptId, epoch }: Fence): Promise<void> {
  await sql`
    update stack_writers set expires_at = now()
    where stack_id = ${stackId} and holder = ${attemptId} and epoch = ${epoch} and expires_at > now()
  `.execute(db);
}
