import { sql } from "kysely";
import type { Database, Transaction } from "../database.ts";
import type { StandingSignOff } from "./rules.ts";

/** What a deployment brings, as people know it: another stack's release, or a source. */
export type Brought =
  | { kind: "release"; stack: string; release: number; sourceDigest: string }
  | { kind: "source"; sourceDigest: string };

/** The sign-off that a deployment has to have before it begins. */
export interface AskedSignOff {
  /** As ticks and sign-offs name it. */
  candidate: string;
  brings: Brought;
  /** In force, of exactly that. */
  signOffs: StandingSignOff[];
}

/**
 * The sign-off that a deployment has to have; null: none. Only an update brings something new, and none that comes with the source which is good on the stack already: a rollback, a refresh, a remediation and
 * another config go by what was good here.
 */
export async function signOffAskedOf(db: Database, deploymentId: string): Promise<AskedSignOff | null> {
  const { rows } = await sql<{
    stackId: string;
    candidate: string;
    sourceDigest: string;
    fromStack: string | null;
    fromRelease: number | null;
  }>`
    select d.stack_id as "stackId", d.source_digest as "sourceDigest", s.name as "fromStack", f.number as "fromRelease",
      case when d.promoted_from is null then 'source:' || d.source_digest else 'release:' || d.promoted_from end as candidate
    from deployments d join readiness_settings r on r.stack_id = d.stack_id and r.required
    left join releases f on f.id = d.promoted_from left join stacks s on s.id = f.stack_id
    where d.id = ${deploymentId} and d.operation = 'update' and d.source_digest is not null
      -- Its own release makes no repetition of it.
      and d.source_digest is distinct from (select g.source_digest from releases g
        where g.stack_id = d.stack_id and g.health = 'good' and g.deployment_id <> d.id
        order by g.number desc limit 1)`.execute(db);
  const [row] = rows;
  if (row === undefined) return null;
  const { stackId, candidate, sourceDigest, fromStack, fromRelease } = row;
  return {
    candidate,
    brings:
      fromStack === null || fromRelease === null
        ? { kind: "source", sourceDigest }
        : { kind: "release", stack: fromStack, release: fromRelease, sourceDigest },
    signOffs: await readStanding(db, stackId, candidate),
  };
}

/** The sign-offs of a candidate that are in force. */
export async function readStanding(
  db: Database,
  stackId: string,
  candidate: string,
): Promise<StandingSignOff[]> {
  const { rows } = await sql<StandingSignOff>`
    select o.signed_by as by, exists (
      select from principals w where w.id = o.signed_by and w.removed_at is null and (w.kind = 'owner' or exists (
        select from memberships m where m.principal = w.id and m.organisation = p.organisation
          and m.role in ('deployer', 'admin')))) as "mayDeploy"
    from sign_offs o join stacks s on s.id = o.stack_id join projects p on p.id = s.project_id
    where o.stack_id = ${stackId} and o.candidate = ${candidate} and o.withdrawn_at is null
    order by o.signed_at, o.id`.execute(db);
  return rows;
}

/** Whether a source is something new to a stack that only takes what was signed off. */
export async function bringsNews(db: Database, stackId: string, sourceDigest: string): Promise<boolean> {
  const { rows } = await sql`
    select 1 from readiness_settings r where r.stack_id = ${stackId} and r.required
      and ${sourceDigest}::text is distinct from (select g.source_digest from releases g
        where g.stack_id = r.stack_id and g.health = 'good' order by g.number desc limit 1)`.execute(db);
  return rows.length > 0;
}

/**
 * Holds what a stack asks for, and with it every sign-off that is about to be given, for the rest of the transaction: whoever lets a deployment wait for one, and whoever gives it, come one after the other, so that
 * neither can miss the other.
 */
export async function holdSignOffs(
  trx: Transaction,
  stackId: string,
  { gives }: { gives: boolean },
): Promise<void> {
  const query = trx.selectFrom("readiness_settings").select("stack_id").where("stack_id", "=", stackId);
  await (gives ? query.forUpdate() : query.forShare()).execute();
}
