-- Stacks of a project in order, promotions from one to the next, deliveries of several, and how long steps take.

-- Production takes what is good on test, say. Without rows a project's stacks have no order.
create table environments (
  project_id uuid not null references projects (id),
  position integer not null check (position >= 0),
  stack_id uuid not null unique references stacks (id),
  -- Takes no update but a promotion of what is good on the stack before.
  only_promoted boolean not null,
  primary key (project_id, position),
  check (position > 0 or not only_promoted)
);

-- The good release of another stack whose source and artifacts a deployment takes.
alter table deployments add column promoted_from uuid references releases (id);
create index deployments_promoted_from on deployments (promoted_from) where promoted_from is not null;

create table deliveries (
  id uuid primary key,
  project_id uuid not null references projects (id),
  requested_by text not null,
  message text,
  -- The release that the first wave takes; null: the first stack was deployed from the project's folder.
  from_release uuid references releases (id),
  created_at timestamptz not null default now(),
  paused_at timestamptz,
  paused_by text,
  cancelled_at timestamptz,
  cancelled_by text,
  -- Null while something of it runs or is still to come.
  outcome text check (outcome in ('succeeded', 'stopped', 'cancelled')),
  ended_at timestamptz,
  check ((outcome is null) = (ended_at is null)),
  check ((paused_at is null) = (paused_by is null)),
  check ((cancelled_at is null) = (cancelled_by is null))
);
create index deliveries_open on deliveries (created_at) where ended_at is null;
create index deliveries_newest on deliveries (created_at desc, id desc);

create table delivery_stacks (
  delivery_id uuid not null references deliveries (id),
  wave integer not null check (wave >= 1),
  position integer not null,
  stack_id uuid not null references stacks (id),
  -- The stack whose release it takes; null: deployed from the project's folder.
  from_stack_id uuid references stacks (id),
  deployment_id uuid unique references deployments (id),
  -- Why no deployment of it was queued: {code, detail, remedy}.
  refusal jsonb,
  primary key (delivery_id, stack_id),
  check (deployment_id is null or refusal is null)
);

-- How long a step took, whole (service '') and of each service; steps that were stopped or kept from an earlier attempt have none.
create table step_runs (
  deployment_id uuid not null references deployments (id),
  attempt integer not null,
  step text not null,
  service text not null default '',
  succeeded boolean not null,
  duration_ms integer not null check (duration_ms >= 0),
  finished_at timestamptz not null default now(),
  primary key (deployment_id, attempt, step, service)
);
create index step_runs_finished on step_runs (finished_at);

create table budgets (
  project_id uuid not null references projects (id),
  step text not null check (step in ('build', 'test', 'gates-before', 'update', 'gates-after')),
  -- '': the step as a whole.
  service text not null default '',
  most_seconds double precision not null check (most_seconds > 0),
  -- What comes after the resources were changed cannot be undone by failing it.
  fails boolean not null check (not fails or step in ('build', 'test', 'gates-before')),
  updated_at timestamptz not null default now(),
  updated_by text not null,
  primary key (project_id, step, service)
);
