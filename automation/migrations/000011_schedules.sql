-- Schedules with what became of each slot, drift checks with what they found, and the lease of attempts that only look.

alter table deployments drop constraint deployments_operation_check;
alter table deployments add constraint deployments_operation_check
  check (operation in ('preview', 'update', 'refresh', 'destroy', 'rollback', 'detect-drift'));

create table schedules (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  name text not null,
  operation text not null check (operation in ('detect-drift', 'preview', 'update', 'refresh', 'destroy')),
  options jsonb not null default '{}',
  cron text,
  once_at timestamptz,
  time_zone text not null,
  jitter_seconds integer not null default 0 check (jitter_seconds between 0 and 21600),
  missed text not null check (missed in ('run-once', 'record')),
  allow_destroy boolean not null default false,
  -- With whose rights it runs.
  owner text not null,
  created_at timestamptz not null default now(),
  -- Slots after this instant are still to come: a slot that was dealt with, the creation, or the end of a pause.
  since_at timestamptz not null default now(),
  -- The next slot, and when it is due with its jitter. Both null: paused, or over.
  next_slot timestamptz,
  next_at timestamptz,
  paused_at timestamptz,
  paused_by text,
  removed_at timestamptz,
  removed_by text,
  check ((cron is null) <> (once_at is null)),
  -- Nobody destroys a stack by schedule without having said so.
  check (operation <> 'destroy' or allow_destroy),
  check ((next_slot is null) = (next_at is null)),
  check (next_at is null or (paused_at is null and removed_at is null)),
  check ((paused_at is null) = (paused_by is null)),
  check ((removed_at is null) = (removed_by is null))
);
create unique index schedules_live_name on schedules (stack_id, name) where removed_at is null;
create index schedules_due on schedules (next_at) where next_at is not null;

-- Each slot once: the key is what keeps two servers, or one that was restored from a backup of a minute ago, from running a slot twice.
create table schedule_slots (
  schedule_id uuid not null references schedules (id),
  slot timestamptz not null,
  outcome text not null check (outcome in ('queued', 'missed', 'skipped', 'refused', 'failed')),
  deployment_id uuid unique references deployments (id),
  detail text,
  -- More than 1: this row stands for older ones too, which nobody would read one by one.
  slots integer not null default 1 check (slots > 0),
  recorded_at timestamptz not null default now(),
  primary key (schedule_id, slot),
  check ((outcome = 'queued') = (deployment_id is not null))
);

-- An attempt that only looks has no right to write (its epoch is 0), so that its life is a lease of its own. `writer_epoch` and `state_number` are those of the
-- moment when it began: when they have moved, what it saw is not what the state says.
create table attempt_looks (
  attempt_id uuid primary key references attempts (id),
  stack_id uuid not null unique references stacks (id),
  expires_at timestamptz not null,
  writer_epoch bigint not null,
  state_number integer not null
);

create table drift_checks (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  deployment_id uuid not null unique references deployments (id),
  status text not null check (status in ('clean', 'drifted', 'unknown')),
  cause text,
  checked_at timestamptz not null default now(),
  state_number integer,
  release_number integer,
  gone integer not null default 0,
  input_changed integer not null default 0,
  output_only integer not null default 0,
  resources jsonb not null default '[]',
  check ((status = 'unknown') = (cause is not null)),
  check ((status = 'drifted') = (gone + input_changed > 0))
);
create index drift_checks_newest on drift_checks (stack_id, checked_at desc, id desc);
