import { sql } from "kysely";
import type { Transaction } from "../database.ts";

/** What earlier attempts say about a lost one. */
export interface CrashHistory {
  /** It had begun to run: one that was claimed and nothing more tells nothing of its program. */
  wasRunning: boolean;
  /** Attempts of the deployment that had crashed before it. */
  before: number;
}

/** How often attempts of a deployment have crashed before this one. */
export async function crashHistory(
  trx: Transaction,
  { attemptId, deploymentId }: { attemptId: string; deploymentId: string },
): Promise<CrashHistory> {
  const { rows } = await sql<CrashHistory>`
    select (select status = 'running' from attempts where id = ${attemptId}) as "wasRunning", count(*) as before
    from attempts where deployment_id = ${deploymentId} and crashed and id <> ${attemptId}
  `.execute(trx);
  return rows[0] ?? { wasRunning: false, before: 0 };
}

/** Records that an attempt ended with its worker or runner although nobody had asked for it. */
export async function markCrashed(trx: Transaction, attemptId: string): Promise<void> {
  await sql`update attempts set crashed = true where id = ${attemptId}`.execute(trx);
}

/** Why a source and config are refused because they crash whoever runs them; undefined when they are not. */
export async function crashQuarantine(
  trx: Transaction,
  deploymentId: string,
): Promise<{ id: string; reason: string } | undefined> {
  const { rows } = await sql<{ id: string; reason: string }>`
    select q.id, q.reason from deployments d
    join quarantines q on q.stack_id = d.stack_id and q.source_digest = d.source_digest and q.config_digest = d.config_digest
    where d.id = ${deploymentId} and q.kind = 'crash' and q.lifted_at is null
  `.execute(trx);
  return rows[0];
}

/** Source and config of a deployment; undefined when it has no source. */
export async function contentOf(
  trx: Transaction,
  deploymentId: string,
): Promise<{ sourceDigest: string; configDigest: string } | undefined> {
  const row = await trx
    .selectFrom("deployments")
    .select(["source_digest", "config_digest"])
    .where("id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined || row.source_digest === null) return undefined;
  return { sourceDigest: row.source_digest, configDigest: row.config_digest };
}
