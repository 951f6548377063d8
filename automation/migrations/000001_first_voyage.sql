-- The tables of projects, stacks, deployments, attempts, events, releases and audit: the line from a request to its record.

create table organisations (
  name text primary key,
  created_at timestamptz not null default now()
);
insert into organisations (name) values ('default');

create table projects (
  id uuid primary key,
  organisation text not null references organisations (name),
  name text not null,
  folder text not null,
  created_at timestamptz not null default now(),
  unique (organisation, name)
);

create table stacks (
  id uuid primary key,
  project_id uuid not null references projects (id),
  name text not null,
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  -- A removed stack keeps its rows, since audit and releases name it; its name is free again.
  removed_at timestamptz,
  next_deployment integer not null default 1,
  next_release integer not null default 1,
  resource_count integer
);
create unique index stacks_live_name on stacks (project_id, name) where removed_at is null;

create table stack_config (
  stack_id uuid not null references stacks (id),
  key text not null,
  secret boolean not null,
  -- Exactly one of both: clear text, or AES-256-GCM under the installation's key with the stack's id as associated data.
  value text,
  ciphertext bytea,
  updated_at timestamptz not null default now(),
  updated_by text not null,
  primary key (stack_id, key),
  check ((secret and value is null and ciphertext is not null) or (not secret and value is not null and ciphertext is null))
);

create table tokens (
  id uuid primary key,
  principal text not null,
  kind text not null check (kind in ('owner', 'worker')),
  hash bytea not null unique,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table artifacts (
  digest text primary key check (digest ~ '^sha256:[0-9a-f]{64}$'),
  kind text not null check (kind in ('source', 'service')),
  size_bytes bigint not null,
  created_at timestamptz not null default now()
);

create table workers (
  id uuid primary key,
  host text not null,
  started_at timestamptz not null default now(),
  seen_at timestamptz not null default now()
);

create table deployments (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  number integer not null,
  operation text not null check (operation in ('preview', 'update', 'refresh', 'destroy', 'rollback')),
  status text not null default 'queued' check (status in ('queued', 'running', 'waiting_approval', 'succeeded', 'failed',
    'cancelled', 'rejected', 'expired', 'stale', 'interrupted', 'rolled_back')),
  options jsonb not null default '{}',
  message text,
  requested_by text not null,
  cause text not null default 'request' check (cause in ('request', 'automatic-rollback')),
  caused_by uuid references deployments (id),
  rolled_back_by uuid references deployments (id),
  target_release integer,
  source_digest text references artifacts (digest),
  lockfile_digest text,
  git_commit text,
  git_dirty boolean not null default false,
  -- The stack's config of the moment of the request: {key: {secret, value | ciphertext}}. A run never sees a later edit.
  config jsonb not null default '{}',
  config_digest text not null,
  changes jsonb not null default '{}',
  failure jsonb,
  cancel_requested_at timestamptz,
  requested_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (stack_id, number),
  check ((status in ('succeeded', 'failed', 'cancelled', 'rejected', 'expired', 'stale', 'interrupted', 'rolled_back')) = (finished_at is not null))
);
create index deployments_newest on deployments (requested_at desc, id desc);
create index deployments_claimable on deployments (requested_at) where status = 'queued';
-- An automatic rollback is started once for a deployment.
create unique index deployments_one_automatic_rollback on deployments (caused_by) where cause = 'automatic-rollback';

create table deployment_steps (
  deployment_id uuid not null references deployments (id),
  position integer not null,
  name text not null,
  state text not null default 'waiting' check (state in ('waiting', 'running', 'succeeded', 'failed', 'skipped')),
  started_at timestamptz,
  finished_at timestamptz,
  detail text,
  -- What a successor of the attempt needs in order not to repeat the step.
  result jsonb,
  primary key (deployment_id, name)
);

create table attempts (
  id uuid primary key,
  deployment_id uuid not null references deployments (id),
  number integer not null,
  worker_id uuid not null references workers (id),
  epoch bigint not null,
  status text not null check (status in ('claimed', 'running', 'succeeded', 'failed', 'cancelled', 'lost')),
  claimed_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (deployment_id, number)
);
create unique index attempts_one_live on attempts (deployment_id) where status in ('claimed', 'running');

-- The right to write: one row a stack. The epoch only grows; every write of a holder carries it.
create table stack_writers (
  stack_id uuid primary key references stacks (id),
  holder uuid references attempts (id),
  epoch bigint not null default 0,
  expires_at timestamptz
);

create table deployment_events (
  deployment_id uuid not null references deployments (id),
  sequence integer not null,
  attempt integer not null,
  at timestamptz not null,
  body jsonb not null,
  primary key (deployment_id, sequence)
);

create table gate_results (
  deployment_id uuid not null references deployments (id),
  name text not null,
  phase text not null check (phase in ('before', 'after')),
  required boolean not null,
  verdict text not null check (verdict in ('pass', 'fail', 'inconclusive', 'error')),
  detail text not null,
  measurements jsonb not null,
  measured_at timestamptz not null,
  primary key (deployment_id, phase, name)
);

create table releases (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  number integer not null,
  deployment_id uuid not null unique references deployments (id),
  health text not null default 'pending' check (health in ('pending', 'good', 'bad')),
  rollback_of integer,
  source_digest text not null references artifacts (digest),
  lockfile_digest text,
  git_commit text,
  git_dirty boolean not null,
  config jsonb not null,
  config_digest text not null,
  pulumi_version text not null,
  plugins jsonb not null,
  outputs jsonb not null,
  requested_by text not null,
  message text,
  created_at timestamptz not null default now(),
  health_decided_at timestamptz,
  unique (stack_id, number)
);

create table release_artifacts (
  release_id uuid not null references releases (id),
  name text not null,
  digest text not null references artifacts (digest),
  primary key (release_id, name)
);

create table quarantines (
  stack_id uuid not null references stacks (id),
  source_digest text not null,
  config_digest text not null,
  reason text not null,
  created_at timestamptz not null default now(),
  lifted_at timestamptz,
  lifted_by text
);
create unique index quarantines_in_force on quarantines (stack_id, source_digest, config_digest) where lifted_at is null;

create table audit_entries (
  sequence bigint generated always as identity primary key,
  at timestamptz not null default now(),
  principal text not null,
  action text not null,
  organisation text not null,
  subject text not null,
  details jsonb not null default '{}',
  request_id text
);
create index audit_entries_subject on audit_entries (subject, sequence desc);
create function refuse_audit_change() returns trigger language plpgsql as
  $$ begin raise exception 'audit entries are never changed or removed'; end $$;
create trigger audit_entries_append_only before update or delete on audit_entries
  for each row execute function refuse_audit_change();
create trigger audit_entries_no_truncate before truncate on audit_entries
  for each statement execute function refuse_audit_change();

create table idempotency_keys (
  principal text not null,
  key text not null,
  -- Method, path and body of the first request: another one with the same key is refused.
  fingerprint text not null,
  status integer not null,
  location text,
  body jsonb not null,
  created_at timestamptz not null default now(),
  primary key (principal, key)
);
