-- Who is claimed first, what must not be claimed at all, and how much may run at once.

-- Here because the order of claims needs it: what goes on where another deployment stopped has that one's place in the order of requests.
alter table deployments add column if not exists runs_after uuid references deployments (id);

-- An automatic rollback, then a requested one, then the rest, then what only looks for drift; deployments/queue-rules.ts says the same.
alter table deployments add column queue_rank smallint not null generated always as (
  case when cause = 'automatic-rollback' then 0 when operation = 'rollback' and runs_after is null then 1 when operation = 'detect-drift' then 3 else 2 end
) stored;
-- The order of claims across stacks, and the order within one.
drop index deployments_claimable;
create index deployments_claimable on deployments (queue_rank, requested_at, id) where status = 'queued';
create index deployments_queue on deployments (stack_id, queue_rank, number) where status = 'queued';
create index deployments_running on deployments (stack_id) where status = 'running';
-- From these come the medians that expected starts are made of.
create index deployments_durations on deployments (stack_id, operation, finished_at desc) where status = 'succeeded';

-- Nothing new is claimed while a row stands; what runs goes on. Who paused and resumed before is in the audit log.
create table pauses (
  id uuid primary key,
  scope text not null check (scope in ('everything', 'project', 'stack')),
  project_id uuid references projects (id),
  stack_id uuid references stacks (id),
  reason text not null,
  paused_by text not null,
  paused_at timestamptz not null default now(),
  check ((scope = 'project') = (project_id is not null)),
  check ((scope = 'stack') = (stack_id is not null))
);
create unique index pauses_everything on pauses (scope) where scope = 'everything';
create unique index pauses_project on pauses (project_id) where scope = 'project';
create unique index pauses_stack on pauses (stack_id) where scope = 'stack';

-- Most attempts at once in the whole installation (without a project) or in one project; no row, no limit. That of a worker is the worker's own.
create table run_limits (
  id uuid primary key,
  project_id uuid references projects (id),
  most integer not null check (most between 1 and 10000),
  set_by text not null,
  set_at timestamptz not null default now()
);
create unique index run_limits_instance on run_limits ((project_id is null)) where project_id is null;
create unique index run_limits_project on run_limits (project_id) where project_id is not null;

alter table workers
  -- Most attempts at once. Null: the worker never said.
  add column concurrency integer check (concurrency >= 1),
  -- It ended in good order.
  add column stopped_at timestamptz;
