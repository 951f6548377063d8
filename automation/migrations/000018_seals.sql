-- What a preview said, and what everything that it rests on came to: the seal that an approval is for.

create table deployment_previews (
  deployment_id uuid primary key references deployments (id),
  -- Of the attempt that previewed last.
  attempt integer not null,
  -- By the engine's own summary.
  counts jsonb not null,
  step_count integer not null,
  -- Fewer steps are kept than there were.
  truncated boolean not null,
  -- JSON text of the steps, gzipped and sealed with the stack's data key: the values of a state are not for every table.
  body bytea not null,
  previewed_at timestamptz not null default now()
);

create table seals (
  deployment_id uuid primary key references deployments (id),
  stack_id uuid not null references stacks (id),
  attempt integer not null,
  digest text not null,
  -- What the digest is made of: versions, numbers and digests, no value of anything.
  items jsonb not null,
  -- The steps behind the item `plan`, gzipped and sealed with the stack's data key. In them a secret is an HMAC under that key.
  body bytea not null,
  sealed_at timestamptz not null default now()
);
create index seals_of_stack on seals (stack_id, digest, sealed_at desc);

alter table deployments
  -- How what ran is bound to what was sealed; null until it is known.
  add column binding text check (binding in ('exact', 'equivalent')),
  -- The seal of an earlier preview that whoever asked for this saw: nothing else may run.
  add column bound_to uuid references seals (deployment_id),
  -- What was not as it was sealed, of one that became stale; secrets masked.
  add column moved jsonb;
