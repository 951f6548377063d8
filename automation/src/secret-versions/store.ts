import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import type { PutVersion, RecordedVersion } from "./rules.ts";

/** The newest release of a stack on AWS, with the ARNs of its secrets by slot; undefined when it has none. */
export async function newestSecrets(
  db: Database,
  stackId: string,
): Promise<{ release: number; arns: Record<string, string> } | undefined> {
  const { rows } = await sql<{ release: number; arns: Record<string, string> }>`
    select number as release, outputs -> 'manifest' -> 'secrets' as arns from releases
    where stack_id = ${stackId} and outputs -> 'manifest' ->> 'target' = 'aws'
    order by health = 'good' desc, number desc limit 1`.execute(db);
  return rows[0];
}

/** The version of each slot that was recorded last. */
export async function newestVersions(db: Database, stackId: string): Promise<RecordedVersion[]> {
  const { rows } = await sql<RecordedVersion>`
    select distinct on (slot) slot, arn, version_id as "versionId", put_at as "putAt", put_by as "putBy"
    from secret_versions where stack_id = ${stackId} order by slot, id desc`.execute(db);
  return rows;
}

/** Records a version. Answers false when it was recorded before. */
export async function insertVersion(
  trx: Transaction,
  stackId: string,
  { slot, arn, versionId }: PutVersion,
  putBy: string,
): Promise<boolean> {
  const result = await trx
    .insertInto("secret_versions")
    .values({ stack_id: stackId, slot, arn, version_id: versionId, put_by: putBy })
    .onConflict((conflict) => conflict.columns(["stack_id", "slot", "version_id"]).doNothing())
    .executeTakeFirst();
  return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
}

/** The release of another stack that the stack's newest release with a source was promoted from, if that or one that it repeats was; null: none. */
export async function promotedFrom(
  db: Database,
  stackId: string,
  sourceDigest: string,
): Promise<{ stack: string; release: number; releaseId: string } | null> {
  const { rows } = await sql<{ stack: string; release: number; releaseId: string }>`
    select s.name as stack, o.number as release, o.id as "releaseId"
    from releases r join deployments d on d.id = r.deployment_id join releases o on o.id = d.promoted_from
    join stacks s on s.id = o.stack_id
    where r.stack_id = ${stackId} and r.source_digest = ${sourceDigest} order by r.number desc limit 1`.execute(
    db,
  );
  return rows[0] ?? null;
}
