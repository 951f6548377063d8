-- One row for each change, written in the transaction of the change. The trigger keeps history from being edited, even by the service itself.
create table audit_entries (
  position bigint generated always as identity primary key,
  at timestamptz not null,
  correlation_id text not null,
  action text not null check (action ~ '^[a-z_]+\.[a-z]+$'),
  subject_id text not null,
  before jsonb,
  after jsonb
);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit entries are append-only' using errcode = 'restrict_violation';
end
$$;

create trigger audit_entries_append_only
  before update or delete or truncate on audit_entries
  for each statement execute function refuse_audit_change();
