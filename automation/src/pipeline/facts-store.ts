import { sql } from "kysely";
import type { Transaction } from "../database.ts";
import type { RecordedStep } from "./operations.ts";

/** Records what the deployment changed, when that is known. */
export async function recordChanges(
  trx: Transaction,
  deploymentId: string,
  changes: Readonly<Record<string, number>> | undefined,
): Promise<void> {
  if (changes === undefined) return;
  await sql`update deployments set changes = ${JSON.stringify(changes)} where id = ${deploymentId}`.execute(
    trx,
  );
}

/** What earlier attempts recorded of a deployment's steps, by name. Its version of the operations says what the names mean. */
export async function stepResults(
  trx: Transaction,
  deploymentId: string,
): Promise<Map<string, RecordedStep>> {
  const rows = await trx
    .selectFrom("deployment_steps")
    .select(["name", "state", "result"])
    .select(sql<number>`(extract(epoch from now() - recorded_at) * 1000)::double precision`.as("ageMs"))
    .where("deployment_id", "=", deploymentId)
    .execute();
  return new Map(rows.map(({ name, ...recorded }) => [name, recorded]));
}

/** Which of these deployments somebody asked to cancel. */
export async function cancelRequests(
  db: Pick<Transaction, "selectFrom">,
  deploymentIds: readonly string[],
): Promise<string[]> {
  if (deploymentIds.length === 0) return [];
  const rows = await db
    .selectFrom("deployments")
    .select("id")
    .where("id", "in", [...deploymentIds])
    .where("cancel_requested_at", "is not", null)
    .execute();
  return rows.map((row) => row.id);
}

/** Of these workers, the ones that have been heard of lately and are not known to be gone, or still have an attempt that nobody took over. */
export async function livingWorkers(
  db: Pick<Transaction, "selectFrom">,
  ids: readonly string[],
  gone: readonly string[],
): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("workers as w")
    .select("w.id")
    .where("w.id", "in", [...ids])
    .where((eb) =>
      eb.or([
        eb.and([
          eb("w.seen_at", ">", sql<Date>`now() - interval '60 seconds'`),
          sql<boolean>`w.id <> all(${[...gone]}::uuid[])`,
        ]),
        eb.exists(
          eb
            .selectFrom("attempts as a")
            .select("a.id")
            .whereRef("a.worker_id", "=", "w.id")
            .where("a.status", "in", ["claimed", "running"]),
        ),
      ]),
    )
    .execute();
  return rows.map((row) => row.id);
}

/** What the preview of an attempt planned for each resource, in the engine's words; null when the attempt has no finished preview. */
export async function plannedResources(
  trx: Transaction,
  deploymentId: string,
  attempt: number,
): Promise<{ urn: string; operation: string }[] | null> {
  const previewed = await sql`
    select 1 from deployment_steps where deployment_id = ${deploymentId} and name = 'preview' and state = 'succeeded'
  `.execute(trx);
  if (previewed.rows.length === 0) return null;
  const { rows } = await sql<{ urn: string; operation: string }>`
    select body ->> 'urn' as urn, body ->> 'operation' as operation from deployment_events
    where deployment_id = ${deploymentId} and attempt = ${attempt}
      and body ->> 'type' = 'resource' and body ->> 'state' = 'planned' and body ->> 'step' = 'preview'
  `.execute(trx);
  return rows;
}
