import { sql } from "kysely";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";

/** Source and config that a deployment runs with. */
export interface DeploymentContent {
  sourceDigest: string;
  lockfileDigest: string | null;
  commit: string | null;
  dirty: boolean;
  config: StoredConfig;
  configDigest: string;
}

/** The same of a deployment that may do without a source: it looks at the state alone. */
export type DeployedContent = Omit<DeploymentContent, "sourceDigest"> & { sourceDigest: string | null };

/** What the rules of rollback need of a release, with what its deployment runs again. */
export interface ReleaseContent extends DeploymentContent {
  number: number;
  health: "pending" | "good" | "bad";
  quarantined: boolean;
}

/** Releases of a stack, newest first. */
export async function listReleaseContents(db: Database, stackId: string): Promise<ReleaseContent[]> {
  const rows = await db
    .selectFrom("releases")
    .select(["number", "health", "source_digest", "lockfile_digest", "git_commit", "git_dirty"])
    .select(["config", "config_digest"])
    .select(
      sql<boolean>`exists (select 1 from quarantines q where q.stack_id = releases.stack_id and q.lifted_at is null
        and q.source_digest = releases.source_digest and q.config_digest = releases.config_digest)`.as(
        "quarantined",
      ),
    )
    .where("stack_id", "=", stackId)
    .orderBy("number", "desc")
    .execute();
  return rows.map((row) => ({
    number: row.number,
    health: row.health as ReleaseContent["health"],
    quarantined: row.quarantined,
    ...contentOf(row, row.source_digest),
  }));
}

/** What the stack was last deployed from: its newest release, else its newest deployment; undefined when it never was. */
export async function findLastContent(db: Database, stackId: string): Promise<DeploymentContent | undefined> {
  const [release] = await listReleaseContents(db, stackId);
  if (release !== undefined) return release;
  const row = await db
    .selectFrom("deployments")
    .select(["source_digest", "lockfile_digest", "git_commit", "git_dirty", "config", "config_digest"])
    .where("stack_id", "=", stackId)
    .where("source_digest", "is not", null)
    .where("operation", "=", "update")
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  if (row === undefined || row.source_digest === null) return undefined;
  return contentOf(row, row.source_digest);
}

/** The commit that the stack's newest good release was made of; null when there is none, or it came from no commit. */
export async function lastGoodCommit(db: Database, stackId: string): Promise<string | null> {
  const row = await db
    .selectFrom("releases")
    .select("git_commit")
    .where("stack_id", "=", stackId)
    .where("health", "=", "good")
    .orderBy("number", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.git_commit ?? null;
}

/** Why a source and config are refused on a stack; undefined when they are not. */
export async function findQuarantine(
  db: Database,
  stackId: string,
  content: { sourceDigest: string; configDigest: string },
): Promise<{ reason: string } | undefined> {
  return db
    .selectFrom("quarantines")
    .select("reason")
    .where("stack_id", "=", stackId)
    .where("source_digest", "=", content.sourceDigest)
    .where("config_digest", "=", content.configDigest)
    .where("lifted_at", "is", null)
    .executeTakeFirst();
}

/** What a deployment ran with, and its stack, which is locked until the end of the transaction. Undefined when there is none, or it ran without a source. */
export async function lockContent(
  trx: Transaction,
  id: string,
): Promise<(DeploymentContent & { stackId: string; promotedFrom: string | null }) | undefined> {
  const row = await trx
    .selectFrom("deployments")
    .innerJoin("stacks", "stacks.id", "deployments.stack_id")
    .select([
      "stack_id",
      "source_digest",
      "lockfile_digest",
      "git_commit",
      "git_dirty",
      "config",
      "config_digest",
      "promoted_from",
    ])
    .where("deployments.id", "=", id)
    .where("stacks.removed_at", "is", null)
    .forUpdate("stacks")
    .executeTakeFirst();
  if (row === undefined || row.source_digest === null) return undefined;
  return {
    stackId: row.stack_id,
    promotedFrom: row.promoted_from,
    ...contentOf(row, row.source_digest),
  };
}

/** The columns of deployments and releases that say what ran. */
interface ContentRow {
  lockfile_digest: string | null;
  git_commit: string | null;
  git_dirty: boolean;
  config: StoredConfig;
  config_digest: string;
}

function contentOf(row: ContentRow, sourceDigest: string): DeploymentContent {
  return {
    sourceDigest,
    lockfileDigest: row.lockfile_digest,
    commit: row.git_commit,
    dirty: row.git_dirty,
    config: row.config,
    configDigest: row.config_digest,
  };
}
