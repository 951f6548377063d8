import type pg from "pg";
import type { Counts, Head, TableHead } from "./manifest.ts";

/** Tables of ours that are made anew by the migrations of the restored schema. */
const LEFT_OUT = ["schema_versions"];

/** First in the file: whoever reads it can open what follows. */
const KEY_TABLES = ["wrapping_keys", "data_keys", "installation_keys", "artifact_contents"];

/** Begins the one transaction that everything is read in: all rows of one instant, however long it takes; nobody waits for it. */
export async function beginSnapshot(client: pg.Client): Promise<void> {
  await client.query("begin isolation level repeatable read read only");
  // A deadline that a person set for their own queries must not cut a long backup.
  await client.query("set local statement_timeout = 0");
  await client.query("set local idle_in_transaction_session_timeout = 0");
}

/** What the catalog says of the installation, without what this program has added to it. */
export async function describe(
  client: pg.Client,
): Promise<Pick<Head, "schemaVersion" | "createdAt" | "postgres" | "tables" | "sequences" | "wrappingKeys">> {
  const { rows } = await client.query<{ version: number; at: Date; postgres: string }>(
    `select (select max(version) from schema_versions) as version, now() as at, current_setting('server_version') as postgres`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error("the database has no version");
  const { rows: keys } = await client.query<{ id: string }>(
    `select id from wrapping_keys w where exists (select from data_keys where wrapping_key = w.id)
     or exists (select from installation_keys where wrapping_key = w.id) order by id`,
  );
  return {
    schemaVersion: row.version,
    createdAt: row.at.toISOString(),
    postgres: row.postgres,
    tables: await listTables(client),
    sequences: await listSequences(client),
    wrappingKeys: keys.map(({ id }) => id),
  };
}

/** Tables of the schema with the columns that hold data, without generated ones. */
export async function listTables(client: pg.Client): Promise<TableHead[]> {
  const { rows } = await client.query<TableHead>(
    `select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and c.relname <> all ($1)
     group by c.relname order by array_position($2, c.relname::text) nulls last, c.relname`,
    [LEFT_OUT, KEY_TABLES],
  );
  return rows;
}

async function listSequences(client: pg.Client): Promise<Head["sequences"]> {
  const { rows: names } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'S' order by 1`,
  );
  const sequences: Head["sequences"] = [];
  for (const { name } of names) {
    const { rows } = await client.query<{ last: string; called: boolean }>(
      `select last_value::text as last, is_called as called from ${client.escapeIdentifier(name)}`,
    );
    sequences.push({ name, last: rows[0]?.last ?? "1", called: rows[0]?.called ?? false });
  }
  return sequences;
}

/** The statement that copies a table out, or, with `from stdin`, back. */
export function copyStatement(
  client: pg.Client,
  table: TableHead,
  direction: "to stdout" | "from stdin",
): string {
  const columns = table.columns.map((column) => client.escapeIdentifier(column)).join(", ");
  return `copy ${client.escapeIdentifier(table.name)} (${columns}) ${direction}`;
}

/** What a reader of the backup must find again. */
export async function count(client: pg.Client): Promise<Counts> {
  const { rows } = await client.query<Counts>(
    `select (select count(*) from stacks)::integer as stacks, (select count(*) from states)::integer as states,
       (select count(*) from stack_config where secret)::integer as secrets, (select count(*) from data_keys)::integer as "dataKeys",
       (select count(*) from deployments)::integer as deployments, (select count(*) from releases)::integer as releases,
       (select count(*) from audit_entries)::integer as "auditEntries", (select count(*) from artifacts)::integer as artifacts`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error("nothing was counted");
  return row;
}

/** Artifacts that something can still need, but whose content is not in the database. */
export async function lackingContents(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ digest: string }>(
    `select digest from (
       select source_digest as digest from releases where health <> 'bad'
       union select a.digest from release_artifacts a join releases r on r.id = a.release_id where r.health <> 'bad'
       union select source_digest from deployments where finished_at is null and source_digest is not null
     ) needed where not exists (select from artifact_contents c where c.digest = needed.digest) order by digest`,
  );
  return rows.map(({ digest }) => digest);
}
