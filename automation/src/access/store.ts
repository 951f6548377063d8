import { timingSafeEqual } from "node:crypto";
import { sql } from "kysely";
import type { Role } from "../contract/access.ts";
import type { Database, Transaction } from "../database.ts";
import type { Actor } from "./rules.ts";

/** A stack as rules name it. */
export interface StackResource {
  organisation: string;
  stackId: string;
}

interface TokenRow {
  hash: Buffer;
  id: string;
  kind: "owner" | "worker" | "user" | "service";
  name: string | null;
  roles: Record<string, Role>;
}

/** The actor of a token's hash. Undefined when there is none, it was revoked or has expired, or its principal was removed. */
export async function findActorOfToken(db: Database, hash: Buffer): Promise<Actor | undefined> {
  const { rows } = await sql<TokenRow>`
    select t.hash, t.principal as id, t.kind, p.name,
      coalesce((select jsonb_object_agg(m.organisation, m.role) from memberships m where m.principal = p.id), '{}') as roles
    from tokens t
    left join principals p on p.id = t.principal and p.kind = t.kind and p.removed_at is null
    where t.hash = ${hash} and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
      and (t.kind = 'worker' or p.id is not null)
  `.execute(db);
  const row = rows[0];
  if (row === undefined || !timingSafeEqual(row.hash, hash)) return undefined;
  return { id: row.id, kind: row.kind, name: row.name ?? row.id, roles: row.roles, attempt: null };
}

/** The actor that a principal is at this moment; undefined when it was removed. For what somebody asked for earlier and is done now. */
export async function findActorOfPrincipal(db: Database, id: string): Promise<Actor | undefined> {
  const { rows } = await sql<
    Pick<TokenRow, "id" | "name" | "roles"> & { kind: "owner" | "user" | "service" }
  >`
    select p.id, p.kind, p.name,
      coalesce((select jsonb_object_agg(m.organisation, m.role) from memberships m where m.principal = p.id), '{}') as roles
    from principals p where p.id = ${id} and p.removed_at is null
  `.execute(db);
  const row = rows[0];
  return row && { id: row.id, kind: row.kind, name: row.name ?? row.id, roles: row.roles, attempt: null };
}

interface AttemptRow {
  hash: Buffer;
  attemptId: string;
  deploymentId: string;
  stackId: string;
  organisation: string;
  epoch: number;
  mayChange: boolean;
  number: number;
  readableStackIds: string[];
}

/** The actor of an attempt's token. Undefined as soon as the attempt does not hold the right to write with its own epoch, by the database's clock. */
export async function findActorOfAttempt(db: Database, hash: Buffer): Promise<Actor | undefined> {
  const { rows } = await sql<AttemptRow>`
    select t.hash, a.id as "attemptId", d.id as "deploymentId", d.stack_id as "stackId", p.organisation, a.epoch,
      t.may_change as "mayChange", a.number,
      array(select r.stack_id::text from output_readers r join stacks o on o.id = r.stack_id
            where r.reader_stack_id = d.stack_id and o.removed_at is null) as "readableStackIds"
    from attempt_tokens t
    join attempts a on a.id = t.attempt_id
    join deployments d on d.id = a.deployment_id
    join stacks s on s.id = d.stack_id
    join projects p on p.id = s.project_id
    where t.hash = ${hash} and a.status in ('claimed', 'running')
      and (exists (
          select 1 from stack_writers w
          where w.stack_id = d.stack_id and w.holder = a.id and w.holder_kind = 'attempt' and w.epoch = a.epoch and w.expires_at > now())
        -- One that only looks has no right to write, and no token of it may change anything.
        or (not t.may_change and exists (
          select 1 from attempt_looks l where l.attempt_id = a.id and l.expires_at > now())))
  `.execute(db);
  const row = rows[0];
  if (row === undefined || !timingSafeEqual(row.hash, hash)) return undefined;
  const { hash: _, number, ...attempt } = row;
  return {
    id: `attempt:${attempt.attemptId}`,
    kind: "attempt",
    name: `attempt ${number} of deployment ${attempt.deploymentId}`,
    roles: {},
    attempt,
  };
}

/** Adds the hash of an attempt's token, and drops those of attempts of the same stack that have ended: each operation of each deployment makes one. */
export async function putAttemptToken(
  trx: Transaction,
  token: { hash: Buffer; attemptId: string; mayChange: boolean },
): Promise<void> {
  await sql`
    delete from attempt_tokens t
    using attempts mine, deployments own, deployments d, attempts ended
    where mine.id = ${token.attemptId} and own.id = mine.deployment_id and d.stack_id = own.stack_id
      and ended.deployment_id = d.id and ended.finished_at is not null and t.attempt_id = ended.id
  `.execute(trx);
  await trx
    .insertInto("attempt_tokens")
    .values({ hash: token.hash, attempt_id: token.attemptId, may_change: token.mayChange })
    .execute();
}

/** Whether the installation has an owner's token that counts. */
export async function hasOwnerToken(db: Database): Promise<boolean> {
  const row = await db
    .selectFrom("tokens")
    .select("id")
    .where("kind", "=", "owner")
    .where("revoked_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Adds the owner's token and answers true, or false when it is known. With `replacing`, all other tokens of the owner are revoked. */
export async function putOwnerToken(
  trx: Transaction,
  token: { id: string; hash: Buffer; replacing: boolean; now: Date },
): Promise<boolean> {
  const added = await trx
    .insertInto("tokens")
    .values({ id: token.id, principal: "owner", kind: "owner", hash: token.hash })
    .onConflict((conflict) => conflict.column("hash").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (added === undefined) return false;
  if (token.replacing) {
    await trx
      .updateTable("tokens")
      .set({ revoked_at: token.now })
      .where("kind", "=", "owner")
      .where("id", "!=", token.id)
      .where("revoked_at", "is", null)
      .execute();
  }
  return true;
}

/** A stack as rules name it; undefined when there is none of that name. */
export async function findStackResource(
  db: Database,
  name: { organisation: string; project: string; stack: string },
): Promise<StackResource | undefined> {
  return db
    .selectFrom("stacks")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["stacks.id as stackId", "projects.organisation"])
    .where("projects.organisation", "=", name.organisation)
    .where("projects.name", "=", name.project)
    .where("stacks.name", "=", name.stack)
    .where("stacks.removed_at", "is", null)
    .executeTakeFirst();
}

/** The stack of a deployment, removed or not. */
export async function findStackOfDeployment(db: Database, id: string): Promise<StackResource | undefined> {
  return db
    .selectFrom("deployments")
    .innerJoin("stacks", "stacks.id", "deployments.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["stacks.id as stackId", "projects.organisation"])
    .where("deployments.id", "=", id)
    .executeTakeFirst();
}

/** The organisation of a delivery's project. */
export async function findProjectOfDelivery(
  db: Database,
  id: string,
): Promise<{ organisation: string } | undefined> {
  return db
    .selectFrom("deliveries")
    .innerJoin("projects", "projects.id", "deliveries.project_id")
    .select("projects.organisation")
    .where("deliveries.id", "=", id)
    .executeTakeFirst();
}

/** The stack of an update, removed or not. */
export async function findStackOfUpdate(db: Database, id: string): Promise<StackResource | undefined> {
  return db
    .selectFrom("updates")
    .innerJoin("stacks", "stacks.id", "updates.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select(["stacks.id as stackId", "projects.organisation"])
    .where("updates.id", "=", id)
    .executeTakeFirst();
}
