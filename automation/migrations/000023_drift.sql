-- Drift that people can act on: one alert a difference, what is known to differ by itself, what people chose to ignore, and the checks that follow from a check.

alter table deployments drop constraint deployments_operation_check;
alter table deployments add constraint deployments_operation_check
  check (operation in ('preview', 'update', 'refresh', 'destroy', 'rollback', 'detect-drift', 'remediate-drift'));

alter table drift_checks
  -- `birth`: after an update, so that what differs at once is known. `second-read`: of resources that were not found.
  add column kind text not null default 'whole' check (kind in ('whole', 'birth', 'second-read')),
  -- Not found at one read: nobody is told before a second one.
  add column unconfirmed integer not null default 0,
  -- Resources whose differences are all known by a birth check, learned, ignored, or of the form alone.
  add column quiet integer not null default 0,
  -- Before and after of each difference; sealed under the stack's data key.
  add column sealed bytea;

create table drift_alerts (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  kind text not null check (kind in ('gone', 'input-changed', 'cannot-check', 'many-gone')),
  -- Of stack, URN, path and value, under the installation's key: it tells nobody the value.
  fingerprint text not null,
  urn text,
  resource_type text,
  path text,
  summary text not null,
  -- Before and after; sealed under the stack's data key. Null: there are none.
  sealed bytea,
  opened_at timestamptz not null default now(),
  opened_by uuid not null,
  seen_at timestamptz not null default now(),
  seen_by uuid not null,
  told_at timestamptz not null default now(),
  reminders integer not null default 0,
  remediation uuid references deployments (id),
  closed_at timestamptz,
  closed_because text check (closed_because in ('resolved', 'changed', 'ignored', 'checked')),
  closed_by_rule uuid,
  check ((closed_at is null) = (closed_because is null)),
  check ((kind in ('gone', 'input-changed')) = (urn is not null)),
  check ((kind = 'input-changed') = (path is not null))
);
create unique index drift_alerts_open on drift_alerts (stack_id, fingerprint) where closed_at is null;
create index drift_alerts_newest on drift_alerts (stack_id, opened_at desc, id desc);
create index drift_alerts_told on drift_alerts (told_at) where closed_at is null;

create table drift_ignores (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  urn_glob text not null,
  -- Null: the whole resource, also that it is gone.
  path text,
  reason text not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  matched_at timestamptz,
  removed_at timestamptz,
  removed_by text,
  check (expires_at <= created_at + interval '180 days'),
  check ((removed_at is null) = (removed_by is null))
);
create index drift_ignores_of_stack on drift_ignores (stack_id) where removed_at is null;

-- What differed right after the update that made the state.
create table drift_baselines (
  stack_id uuid not null references stacks (id),
  fingerprint text not null,
  state_number integer not null,
  urn text not null,
  path text not null,
  check_id uuid not null,
  primary key (stack_id, fingerprint)
);

-- Outputs that move without an operation.
create table drift_volatile (
  stack_id uuid not null references stacks (id),
  urn text not null,
  path text not null,
  state_number integer not null,
  last_value text not null,
  moves integer not null default 1,
  moved_at timestamptz not null default now(),
  learned_at timestamptz,
  switched_off_at timestamptz,
  switched_off_by text,
  primary key (stack_id, urn, path),
  check ((switched_off_at is null) = (switched_off_by is null)),
  check (switched_off_at is null or learned_at is not null)
);

-- Resources that the last read of each did not find, and when that was first so.
create table drift_missing (
  stack_id uuid not null references stacks (id),
  urn text not null,
  first_at timestamptz not null default now(),
  check_id uuid not null,
  primary key (stack_id, urn)
);

-- Checks that nobody asked for and no schedule: each is queued once, by whichever server comes first.
create table drift_follow_ups (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  kind text not null check (kind in ('birth', 'second-read', 'retry')),
  -- birth: of the state that the update left.
  state_number integer,
  due_at timestamptz not null,
  deployment_id uuid unique references deployments (id),
  created_at timestamptz not null default now(),
  -- It was overtaken: another check has answered what it was for, or none can.
  dropped_at timestamptz,
  check ((kind = 'birth') = (state_number is not null)),
  check (deployment_id is null or dropped_at is null)
);
create unique index drift_follow_ups_birth on drift_follow_ups (stack_id, state_number) where kind = 'birth';
create unique index drift_follow_ups_open on drift_follow_ups (stack_id, kind) where deployment_id is null and dropped_at is null and kind <> 'birth';
create index drift_follow_ups_due on drift_follow_ups (due_at) where deployment_id is null and dropped_at is null;

-- One check that could not be made is no message any more: three in a row are.
update notification_destinations set kinds = array_replace(kinds, 'drift.failed', 'drift.cannot-check') where 'drift.failed' = any (kinds);
update notifications set kind = 'drift.cannot-check' where kind = 'drift.failed';
