import type pg from "pg";

/** Tables whose every change has to have an audit entry in its own transaction, and what counts as a change beside a new row. */
const WATCHED: Readonly<Record<string, string>> = {
  deployments: "old.status is distinct from new.status",
  releases: "old.health is distinct from new.health",
  updates: "old.status is distinct from new.status and not new.dry_run",
  projects: "old.removed_at is distinct from new.removed_at",
  stacks: "old.removed_at is distinct from new.removed_at",
  stack_config: "old is distinct from new",
  quarantines: "old is distinct from new",
  tokens: "old is distinct from new",
};

/**
 * Makes the database write down, outside of the product's own tables, which transaction changed what: rows of `faults.changes`. Triggers see every writer,
 * whatever it is and whether it survives.
 */
export async function recordChanges(db: pg.Pool): Promise<void> {
  await db.query(`
    create schema faults;
    create table faults.changes (
      id bigint generated always as identity,
      xid xid8 not null default pg_current_xact_id(),
      at timestamptz not null default clock_timestamp(),
      kind text not null, op text not null, key text, old_status text, new_status text
    );
    grant usage on schema faults to public;
    grant insert, select on faults.changes to public;
    create function faults.record() returns trigger language plpgsql as $$
    declare
      was jsonb := case when tg_op = 'INSERT' then null else to_jsonb(old) end;
      now_is jsonb := case when tg_op = 'DELETE' then null else to_jsonb(new) end;
    begin
      insert into faults.changes (kind, op, key, old_status, new_status)
      values (tg_table_name, tg_op, coalesce(now_is, was) ->> 'id', coalesce(was ->> 'status', was ->> 'health'),
        coalesce(now_is ->> 'status', now_is ->> 'health', now_is ->> 'action'));
      return null;
    end $$;
    create trigger faults_entries after insert on audit_entries for each row execute function faults.record();
  `);
  for (const [table, change] of Object.entries(WATCHED)) {
    await db.query(`
      create trigger faults_rows after insert or delete on ${table} for each row execute function faults.record();
      create trigger faults_changes after update on ${table} for each row when (${change}) execute function faults.record();
    `);
  }
}
