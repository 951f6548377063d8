-- What must never be and was found all the same; told once, and kept until a person has looked at it.
create table alarms (
  id uuid primary key,
  kind text not null check (kind in ('two-attempts', 'repeated-update', 'late-write', 'epoch-went-back', 'stuck-run')),
  -- What it is about, so that every server finds the same one: ids of attempts, updates, deployments.
  fingerprint text not null unique,
  stack_id uuid not null references stacks (id),
  detail text not null,
  found_at timestamptz not null default now(),
  acknowledged_at timestamptz,
  acknowledged_by text,
  check ((acknowledged_at is null) = (acknowledged_by is null))
);
create index alarms_newest on alarms (found_at desc, id desc);
create index alarms_open on alarms (found_at) where acknowledged_at is null;

-- What the detector looks at is of the last hour.
create index updates_changes_started on updates (started_at) where not dry_run;
create index attempts_claimed on attempts (claimed_at);
create index deployment_steps_finished on deployment_steps (finished_at) where finished_at is not null;

-- W3C trace context of the request, so that the attempt's spans belong to the same trace.
alter table deployments add column trace_parent text;
