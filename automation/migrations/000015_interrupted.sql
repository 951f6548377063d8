-- Runs that did not end by themselves: what became of each resource, what goes on where they stopped, and sources that crash whoever runs them.

-- What was done, was not done and may have been done of all that a deployment set out to change. Written once, with the deployment's end.
create table deployment_accounts (
  deployment_id uuid primary key references deployments (id),
  done integer not null,
  not_done integer not null,
  unknown integer not null,
  -- Whether all that it meant to do was known; without a preview nobody knows what was still to come.
  planned boolean not null,
  -- Creates that were begun and not ended, as the state keeps them: [{urn, type, mayExist}].
  pending_creates jsonb not null default '[]',
  -- JSON text of [[urn, operation, outcome, detail]], gzipped: 5,000 resources are 30 kB.
  body bytea not null,
  created_at timestamptz not null default now()
);

alter table deployments
  -- The deployment that did not end by itself and is gone on with.
  add column continues uuid references deployments (id),
  -- Only begins once that one has succeeded; both are of one stack, whose order makes it wait.
  add column if not exists runs_after uuid references deployments (id),
  add column cancelled_by text;
create index deployments_continues on deployments (continues) where continues is not null;
create index deployments_runs_after on deployments (runs_after) where runs_after is not null;

-- Where a worker and its containments run, so that another worker of the same machine can see that they are gone and need not wait for the end of a lease.
alter table workers add column place jsonb;
alter table attempts
  add column containment jsonb,
  -- Lost although nobody had asked its worker to end. Three in a row of one source and config are no accident.
  add column crashed boolean not null default false;
create index attempts_live on attempts (worker_id) where status in ('claimed', 'running');

alter table quarantines
  add column id uuid not null default gen_random_uuid() unique,
  add column kind text not null default 'health' check (kind in ('health', 'crash')),
  add column deployment_id uuid references deployments (id);
