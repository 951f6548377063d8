import { sql } from "kysely";
import type { Database } from "../database.ts";

interface Table {
  name: string;
  columns: { name: string; type: string; not_null: boolean; extra: string }[];
  constraints: string[];
  indexes: string[];
  triggers: string[];
}

/** The schema of today as readable SQL, from the catalog: automation/schema.sql holds it for readers, and a test compares both. */
export async function describeSchema(db: Database): Promise<string> {
  const { rows: tables } = await sql<Table>`
    select c.relname as name,
      (select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
          'extra', case when a.attidentity = 'a' then ' generated always as identity'
            when a.attgenerated = 's' then ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
            else coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') end) order by a.attnum)
        from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
      coalesce((select jsonb_agg(pg_get_constraintdef(k.oid) order by k.contype desc, k.conname)
        from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'f', 'c')), '[]') as constraints,
      coalesce((select jsonb_agg(pg_get_indexdef(i.indexrelid) order by i.indexrelid::regclass::text)
        from pg_index i where i.indrelid = c.oid
          and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u'))), '[]') as indexes,
      coalesce((select jsonb_agg(pg_get_triggerdef(t.oid) order by t.tgname)
        from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal), '[]') as triggers
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by c.relname`.execute(
    db,
  );
  const { rows: functions } = await sql<{ text: string }>`
    select pg_get_functiondef(oid) as text from pg_proc where pronamespace = 'public'::regnamespace order by proname`.execute(
    db,
  );
  return [
    "-- Generated from the catalog of a migrated database; a test compares it. The truth is in migrations/.",
    ...tables.map(describeTable),
    ...functions.map(({ text }) => `${text.trim()};`),
    "",
  ].join("\n\n");
}

function describeTable({ name, columns, constraints, indexes, triggers }: Table): string {
  const lines = [
    ...columns.map(
      (column) => `  ${column.name} ${column.type}${column.not_null ? " not null" : ""}${column.extra}`,
    ),
    // How a version of Postgres names and lists plain NOT NULLs differs; they stand with their columns.
    ...constraints.map((constraint) => `  ${constraint}`),
  ];
  const after = [...indexes, ...triggers].map((statement) => `${statement.replaceAll("public.", "")};`);
  return [`create table ${name} (\n${lines.join(",\n")}\n);`, ...after].join("\n");
}
