-- A gate's result keeps what it came from; a stack's settings require gates that no source can leave out.
alter table gate_results
  add column dry_run boolean not null default false,
  add column unhealthy_before boolean not null default false,
  -- Kind, source, thresholds, unit, timing, and how often it was measured; empty for results of an earlier program.
  add column evidence jsonb not null default '{}',
  add column output text;

-- What an after-gate said just before the update: one that failed then says nothing about the update.
create table gate_baselines (
  deployment_id uuid not null references deployments (id),
  name text not null,
  measurement jsonb not null,
  primary key (deployment_id, name)
);

create table required_gates (
  stack_id uuid not null references stacks (id),
  phase text not null check (phase in ('before', 'after')),
  name text not null,
  definition jsonb not null,
  set_by text not null,
  set_at timestamptz not null default now(),
  primary key (stack_id, phase, name)
);

-- Counts the changes of a stack's required gates: an approval is bound to the version that it was given for. A row of its own, because the last gate may be taken away.
create table required_gate_versions (
  stack_id uuid primary key references stacks (id),
  version integer not null
);
