import { timingSafeEqual } from "node:crypto";
import { sql } from "kysely";
import type { Role } from "../contract/access.ts";
import type { SignIn } from "../contract/approvals.ts";
import type { Database, Transaction } from "../database.ts";
import type { Actor } from "./rules.ts";

/** How long a person counts as signed in, in hours by the database's clock; whatever they do meanwhile, it is not prolonged. */
export const SIGN_IN_HOURS = 12;
/** What has ended so long ago is of no use to anybody but the votes that name it. */
const KEPT_DAYS = 30;

/** The actor of a session's hash. Undefined when there is none, it has ended, its person was removed, or the token that it was made with is good no more. */
export async function findActorOfSignIn(db: Database, hash: Buffer): Promise<Actor | undefined> {
  const { rows } = await sql<{
    hash: Buffer;
    signInId: string;
    id: string;
    kind: "owner" | "user";
    name: string;
    roles: Record<string, Role>;
  }>`
    select s.hash, s.id as "signInId", p.id, p.kind, p.name,
      coalesce((select jsonb_object_agg(m.organisation, m.role) from memberships m where m.principal = p.id), '{}') as roles
    from sign_ins s
    join principals p on p.id = s.principal and p.removed_at is null
    join tokens t on t.id = s.token_id
    where s.hash = ${hash} and s.ended_at is null and s.expires_at > now()
      and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
  `.execute(db);
  const row = rows[0];
  if (row === undefined || !timingSafeEqual(row.hash, hash)) return undefined;
  const { id, kind, name, roles, signInId } = row;
  return { id, kind, name, roles, attempt: null, signIn: { id: signInId } };
}

/** Signs the person of a token in. Answers undefined when the token is not one of a person, or good no more. */
export async function insertSignIn(
  trx: Transaction,
  { id, hash, tokenHash }: { id: string; hash: Buffer; tokenHash: Buffer },
): Promise<SignIn | undefined> {
  const { rows } = await sql<Row>`
    insert into sign_ins (id, hash, principal, token_id, expires_at)
    select ${id}, ${hash}, p.id, t.id, now() + ${SIGN_IN_HOURS} * interval '1 hour'
    from tokens t join principals p on p.id = t.principal and p.kind = t.kind and p.removed_at is null
    where t.hash = ${tokenHash} and t.kind in ('owner', 'user') and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
    returning id, principal, created_at, expires_at
  `.execute(trx);
  return rows[0] && toSignIn(rows[0]);
}

/** One session; undefined when there is none of that id. */
export async function findSignIn(db: Database, id: string): Promise<SignIn | undefined> {
  const row = await db
    .selectFrom("sign_ins")
    .select(["id", "principal", "created_at", "expires_at"])
    .where("id", "=", id)
    .executeTakeFirst();
  return row && toSignIn(row);
}

/** Whether a session was made within so many minutes, by the database's clock. */
export async function isSignInYounger(db: Database, id: string, minutes: number): Promise<boolean> {
  const { rows } = await sql`
    select 1 from sign_ins where id = ${id} and created_at > now() - ${minutes} * interval '1 minute'`.execute(
    db,
  );
  return rows.length > 0;
}

/** Ends a session by the database's clock. */
export async function endSignIn(trx: Transaction, id: string): Promise<void> {
  await trx.updateTable("sign_ins").set({ ended_at: sql<Date>`now()` }).where("id", "=", id).execute();
}

/** Removes sessions that ended long ago and that neither a vote nor a sign-off names; answers how many, at most `limit`. */
export async function deleteOldSignIns(db: Database, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from sign_ins where id in (
      select s.id from sign_ins s
      where s.expires_at < now() - ${KEPT_DAYS} * interval '1 day'
        and not exists (select 1 from approval_votes v where v.sign_in_id = s.id)
        and not exists (select 1 from sign_offs o where o.sign_in_id = s.id)
      limit ${limit})
  `.execute(db);
  return Number(numAffectedRows ?? 0n);
}

interface Row {
  id: string;
  principal: string;
  created_at: Date;
  expires_at: Date;
}

function toSignIn({ id, principal, created_at, expires_at }: Row): SignIn {
  return { id, principal, createdAt: created_at.toISOString(), expiresAt: expires_at.toISOString() };
}
