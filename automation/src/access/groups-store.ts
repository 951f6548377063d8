import { sql } from "kysely";
import type { Group } from "../contract/approvals.ts";
import type { Database, Transaction } from "../database.ts";

/** Groups of an organisation by name; with `name`, that one alone. */
export async function listGroups(db: Database, organisation: string, name?: string): Promise<Group[]> {
  const { rows } = await sql<Omit<Group, "createdAt"> & { createdAt: Date }>`
    select g.organisation, g.name, g.created_at as "createdAt", g.created_by as "createdBy",
      coalesce(jsonb_agg(jsonb_build_object('principal', p.id, 'name', p.name,
        'addedAt', to_char(gm.added_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), 'addedBy', gm.added_by,
        'counts', ${isPersonOf(sql`p`, sql`g.organisation`)}) order by p.name, p.id) filter (where p.id is not null), '[]') as members
    from groups g
    left join group_members gm on gm.group_id = g.id
    left join principals p on p.id = gm.principal
    where g.organisation = ${organisation} and (${name ?? null}::text is null or g.name = ${name ?? null})
    group by g.id
    order by g.name
  `.execute(db);
  return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
}

/** Whether a principal, by the alias of its row, is a person who belongs to an organisation now. */
function isPersonOf(principal: ReturnType<typeof sql>, organisation: ReturnType<typeof sql>) {
  return sql`(${principal}.removed_at is null and (${principal}.kind = 'owner' or (${principal}.kind = 'user'
    and exists (select 1 from memberships m where m.principal = ${principal}.id and m.organisation = ${organisation}))))`;
}

/** Makes a group. Answers false when it is there already. */
export async function insertGroup(
  trx: Transaction,
  group: { id: string; organisation: string; name: string; createdBy: string },
): Promise<boolean> {
  const row = await trx
    .insertInto("groups")
    .values({ id: group.id, organisation: group.organisation, name: group.name, created_by: group.createdBy })
    .onConflict((conflict) => conflict.columns(["organisation", "name"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** The id of a group, locked against a change at the same time; undefined when there is none. */
export async function lockGroup(
  trx: Transaction,
  organisation: string,
  name: string,
): Promise<string | undefined> {
  const row = await trx
    .selectFrom("groups")
    .select("id")
    .where("organisation", "=", organisation)
    .where("name", "=", name)
    .forUpdate()
    .executeTakeFirst();
  return row?.id;
}

/** Removes a group with its members' places in it. */
export async function deleteGroup(trx: Transaction, id: string): Promise<void> {
  await trx.deleteFrom("groups").where("id", "=", id).execute();
}

/** Adds a person. Answers false when they were in it. */
export async function insertGroupMember(
  trx: Transaction,
  member: { groupId: string; principal: string; addedBy: string },
): Promise<boolean> {
  const row = await trx
    .insertInto("group_members")
    .values({ group_id: member.groupId, principal: member.principal, added_by: member.addedBy })
    .onConflict((conflict) => conflict.doNothing())
    .returning("principal")
    .executeTakeFirst();
  return row !== undefined;
}

/** Takes everybody of that name out of a group, removed people too. Answers their principals. */
export async function deleteGroupMember(trx: Transaction, groupId: string, name: string): Promise<string[]> {
  const { rows } = await sql<{ principal: string }>`
    delete from group_members gm using principals p
    where gm.group_id = ${groupId} and p.id = gm.principal and p.name = ${name}
    returning gm.principal
  `.execute(trx);
  return rows.map(({ principal }) => principal);
}

/** A person who can be in a group of an organisation: a member of it, or the owner of the installation by the name `owner`. */
export async function findPersonOf(
  db: Database,
  organisation: string,
  name: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select p.id from principals p
    where p.name = ${name} and p.kind in ('user', 'owner') and ${isPersonOf(sql`p`, sql`${organisation}::text`)}
    order by p.kind limit 1
  `.execute(db);
  return rows[0]?.id;
}

/** Who is in groups of an organisation at this moment and still belongs to it, by group. */
export async function peopleOfGroups(
  db: Database,
  organisation: string,
  names: readonly string[],
): Promise<Map<string, Set<string>>> {
  const people = new Map<string, Set<string>>(names.map((name) => [name, new Set()]));
  if (names.length === 0) return people;
  const { rows } = await sql<{ name: string; principal: string }>`
    select g.name, p.id as principal
    from groups g join group_members gm on gm.group_id = g.id join principals p on p.id = gm.principal
    where g.organisation = ${organisation} and g.name = any(${[...names]}) and ${isPersonOf(sql`p`, sql`g.organisation`)}
  `.execute(db);
  for (const { name, principal } of rows) people.get(name)?.add(principal);
  return people;
}

/** Everybody who may deploy in an organisation: its deployers and admins, and the owner of the installation. */
export async function peopleWhoDeploy(db: Database, organisation: string): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select p.id from principals p
    where p.removed_at is null and (p.kind = 'owner' or (p.kind = 'user' and exists (
      select 1 from memberships m where m.principal = p.id and m.organisation = ${organisation} and m.role in ('deployer', 'admin'))))
  `.execute(db);
  return new Set(rows.map(({ id }) => id));
}

/** Which of these groups an organisation has. */
export async function knownGroups(
  db: Database,
  organisation: string,
  names: readonly string[],
): Promise<Set<string>> {
  if (names.length === 0) return new Set();
  const rows = await db
    .selectFrom("groups")
    .select("name")
    .where("organisation", "=", organisation)
    .where("name", "in", [...names])
    .execute();
  return new Set(rows.map(({ name }) => name));
}

/** A stack whose rules of now name a group; undefined when none does. */
export async function findStackThatNames(
  db: Database,
  organisation: string,
  group: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ subject: string }>`
    select p.organisation || '/' || p.name || '/' || s.name as subject
    from approval_rule_sets r
    join stacks s on s.id = r.stack_id and s.removed_at is null join projects p on p.id = s.project_id
    where p.organisation = ${organisation}
      and r.version = (select max(version) from approval_rule_sets newest where newest.stack_id = r.stack_id)
      and (r.rules -> 'emergency' ? ${group}
        or exists (select 1 from jsonb_array_elements(r.rules -> 'rules') rule where rule -> 'from' ? ${group}))
    limit 1
  `.execute(db);
  return rows[0]?.subject;
}
