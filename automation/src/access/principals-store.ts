import { sql } from "kysely";
import type { Member, Organisation, Role } from "../contract/access.ts";
import type { Database, Transaction } from "../database.ts";
import type { TokenHolder } from "./rules.ts";

/** Names a person, or a service account of an organisation. */
export type PrincipalName =
  | { kind: "user"; name: string }
  | { kind: "service"; organisation: string; name: string };

/** An organisation, without the caller's role in it. */
export type StoredOrganisation = Omit<Organisation, "role">;

/** Adds an organisation. Answers undefined when the name is taken. */
export async function insertOrganisation(
  trx: Transaction,
  name: string,
): Promise<StoredOrganisation | undefined> {
  const row = await trx
    .insertInto("organisations")
    .values({ name })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst();
  return row && { name: row.name, createdAt: row.created_at.toISOString() };
}

/** Organisations by name. */
export async function listOrganisations(
  db: Database,
  within: "all" | readonly string[],
): Promise<StoredOrganisation[]> {
  const rows = await db
    .selectFrom("organisations")
    .selectAll()
    .$if(within !== "all", (q) => q.where("name", "=", sql<string>`any(${within})`))
    .orderBy("name")
    .execute();
  return rows.map((row) => ({ name: row.name, createdAt: row.created_at.toISOString() }));
}

/** Locks an organisation's row, so that two changes of one member come one after the other. Answers whether it is there. */
export async function lockOrganisation(trx: Transaction, name: string): Promise<boolean> {
  const row = await trx
    .selectFrom("organisations")
    .select("name")
    .where("name", "=", name)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return row !== undefined;
}

/** Members of an organisation, by name. */
export async function listMembers(db: Database, organisation: string): Promise<Member[]> {
  const rows = await memberQuery(db, organisation)
    .orderBy("principals.name")
    .orderBy("principals.id")
    .execute();
  return rows.map(toMember);
}

/** One member; undefined when that principal has no role in the organisation. */
export async function findMember(
  db: Database,
  organisation: string,
  principal: string,
): Promise<Member | undefined> {
  const row = await memberQuery(db, organisation).where("principals.id", "=", principal).executeTakeFirst();
  return row && toMember(row);
}

/** The id of a principal that was not removed, with what decides about its tokens. */
export async function findPrincipal(
  db: Database,
  principal: PrincipalName,
): Promise<TokenHolder | undefined> {
  return db
    .selectFrom("principals")
    .select(["id", "kind", "organisation"])
    .where("kind", "=", principal.kind)
    .where("name", "=", principal.name)
    .where("removed_at", "is", null)
    .$if(principal.kind === "service", (q) =>
      q.where("organisation", "=", principal.kind === "service" ? principal.organisation : ""),
    )
    .executeTakeFirst();
}

/** Finds a principal, or adds it, and answers its id. Waits for others that add the same one. */
export async function ensurePrincipal(trx: Transaction, principal: PrincipalName): Promise<string> {
  const organisation = principal.kind === "service" ? principal.organisation : null;
  const base =
    principal.kind === "service"
      ? `service:${principal.organisation}/${principal.name}`
      : `user:${principal.name}`;
  // Another organisation may add the same person at this moment.
  await sql`select pg_advisory_xact_lock(hashtextextended(${base}, 0))`.execute(trx);
  const known = await findPrincipal(trx, principal);
  if (known !== undefined) return known.id;
  const { rows } = await sql<{ id: string }>`
    insert into principals (id, kind, name, organisation)
    select case when count(*) = 0 then ${base} else ${base} || '~' || (count(*) + 1) end,
      ${principal.kind}, ${principal.name}, ${organisation}
    from principals
    where kind = ${principal.kind} and name = ${principal.name} and organisation is not distinct from ${organisation}
    returning id
  `.execute(trx);
  const [row] = rows;
  if (row === undefined) throw new Error("an insert answered no row");
  return row.id;
}

/** Gives a principal a role, and answers the one it had. */
export async function putMembership(
  trx: Transaction,
  membership: { principal: string; organisation: string; role: Role; grantedBy: string },
): Promise<void> {
  const { principal, organisation, role, grantedBy } = membership;
  await trx
    .insertInto("memberships")
    .values({ principal, organisation, role, granted_by: grantedBy })
    .onConflict((conflict) =>
      conflict
        .columns(["principal", "organisation"])
        .doUpdateSet({ role, granted_by: grantedBy, granted_at: sql<Date>`now()` }),
    )
    .execute();
}

/** Takes a principal's role in an organisation away, or its roles in all. */
export async function deleteMemberships(
  trx: Transaction,
  principal: string,
  organisation?: string,
): Promise<void> {
  await trx
    .deleteFrom("memberships")
    .where("principal", "=", principal)
    .$if(organisation !== undefined, (q) => q.where("organisation", "=", organisation ?? ""))
    .execute();
}

/** Removes a principal and revokes its tokens. */
export async function markPrincipalRemoved(trx: Transaction, id: string): Promise<void> {
  await trx.updateTable("principals").set({ removed_at: sql<Date>`now()` }).where("id", "=", id).execute();
  await trx
    .updateTable("tokens")
    .set({ revoked_at: sql<Date>`now()` })
    .where("principal", "=", id)
    .where("revoked_at", "is", null)
    .execute();
}

function memberQuery(db: Database, organisation: string) {
  return db
    .selectFrom("memberships")
    .innerJoin("principals", "principals.id", "memberships.principal")
    .select([
      "principals.id",
      "principals.kind",
      "principals.name",
      "memberships.role",
      "memberships.granted_at",
      "memberships.granted_by",
    ])
    .where("memberships.organisation", "=", organisation)
    .where("principals.removed_at", "is", null);
}

type MemberRow = Awaited<ReturnType<ReturnType<typeof memberQuery>["executeTakeFirstOrThrow"]>>;

function toMember(row: MemberRow): Member {
  return {
    principal: row.id,
    kind: row.kind === "service" ? "service" : "user",
    name: row.name,
    role: row.role,
    grantedAt: row.granted_at.toISOString(),
    grantedBy: row.granted_by,
  };
}
