-- Policies that stacks must satisfy, what they found in each deployment, who passed over them, and windows in which nothing may change.

-- A version of a pack as somebody published it. It is never replaced: what was sealed with it must mean the same tomorrow.
create table policy_packs (
  id uuid primary key,
  organisation text not null references organisations (name),
  name text not null,
  version text not null,
  description text not null default '',
  -- Of its archive among the artifacts' contents, which stays for as long as the row does.
  digest text not null check (digest ~ '^sha256:[0-9a-f]{64}$'),
  lockfile_digest text not null check (lockfile_digest ~ '^sha256:[0-9a-f]{64}$'),
  size_bytes bigint not null,
  published_at timestamptz not null default now(),
  published_by text not null,
  unique (organisation, name, version)
);

-- What stacks of an organisation must satisfy; without project and tag all of them. Rows are ended and never changed.
create table policy_rules (
  id uuid primary key,
  organisation text not null references organisations (name),
  project_id uuid references projects (id),
  tag_name text,
  tag_value text,
  kind text not null check (kind in ('pack', 'required-tags', 'protected-types')),
  pack_id uuid references policy_packs (id),
  config jsonb not null default '{}',
  -- `pack`: as each policy of the pack says itself.
  level text not null check (level in ('pack', 'mandatory', 'advisory')),
  overridable boolean not null,
  enabled_at timestamptz not null default now(),
  enabled_by text not null,
  disabled_at timestamptz,
  disabled_by text,
  check ((kind = 'pack') = (pack_id is not null)),
  check (kind = 'pack' or level <> 'pack'),
  check ((tag_name is null) = (tag_value is null)),
  check ((disabled_at is null) = (disabled_by is null))
);
create index policy_rules_live on policy_rules (organisation) where disabled_at is null;

-- Counts the changes of an organisation's rules, so that a person can say which set was meant.
create table policy_versions (
  organisation text primary key references organisations (name),
  version integer not null
);

-- Who may pass over a violation. A right of its own: no role brings it.
create table policy_overriders (
  organisation text not null references organisations (name),
  principal text not null,
  granted_at timestamptz not null default now(),
  granted_by text not null,
  primary key (organisation, principal)
);

create table policy_results (
  id bigint generated always as identity primary key,
  deployment_id uuid not null references deployments (id),
  attempt integer not null,
  step text not null,
  -- Null: a pack of the project's own.
  rule_id uuid references policy_rules (id),
  pack text not null,
  version text,
  policy text not null,
  level text not null check (level in ('mandatory', 'advisory', 'remediate')),
  outcome text not null check (outcome in ('violated', 'overridden', 'remediated')),
  urn text,
  message text not null,
  recorded_at timestamptz not null default now()
);
create index policy_results_of on policy_results (deployment_id, attempt, id);

-- A deployment that violated mandatory policies may be requested again, once and unchanged, when somebody answers for it.
create table policy_overrides (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  -- What was stopped.
  deployment_id uuid not null unique references deployments (id),
  -- Over all that was looked at and all that was found: the seal of what is passed over.
  seal text not null check (seal ~ '^sha256:[0-9a-f]{64}$'),
  -- Over what was looked at alone.
  content text not null check (content ~ '^sha256:[0-9a-f]{64}$'),
  findings jsonb not null,
  reason text not null,
  overridden_by text not null,
  overridden_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- The one deployment that it let through.
  used_by uuid unique references deployments (id)
);
create index policy_overrides_unused on policy_overrides (stack_id) where used_by is null;

-- What the policies of a deployment's last attempt looked at; `stopped` says that they stopped it.
create table policy_checks (
  deployment_id uuid primary key references deployments (id),
  attempt integer not null,
  set_digest text not null,
  set_version integer not null,
  packs jsonb not null,
  content text not null,
  seal text not null,
  stopped boolean not null,
  checked_at timestamptz not null default now()
);

-- Windows in which nothing changes a stack: once, or by cron in a time zone for some minutes each.
create table freezes (
  id uuid primary key,
  organisation text not null references organisations (name),
  project_id uuid references projects (id),
  stack_id uuid references stacks (id),
  reason text not null,
  starts_at timestamptz,
  ends_at timestamptz,
  cron text,
  duration_minutes integer check (duration_minutes between 1 and 527040),
  time_zone text not null,
  set_at timestamptz not null default now(),
  set_by text not null,
  removed_at timestamptz,
  removed_by text,
  check ((starts_at is null) = (ends_at is null)),
  check ((cron is null) = (duration_minutes is null)),
  check ((cron is null) <> (starts_at is null)),
  check (starts_at < ends_at),
  check (stack_id is null or project_id is null),
  check ((removed_at is null) = (removed_by is null))
);
create index freezes_live on freezes (organisation) where removed_at is null;
