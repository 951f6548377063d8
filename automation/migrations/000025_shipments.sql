-- What the pipeline put in place beside what Pulumi declares: versions of functions and of objects, by release, what of it serves, and how what serves was found.

create table shipments (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  -- Of the deployment that made it; one each.
  deployment_id uuid not null unique references deployments (id),
  release_id uuid not null unique references releases (id),
  -- The release whose shipment serves again; null: it was made from artifacts.
  restored_from uuid references releases (id),
  -- Of the stack when it was made, as it was checked.
  manifest jsonb not null,
  -- Versions of functions by their names in the manifest, and of objects by their keys.
  shipment jsonb not null,
  -- How each part went.
  parts jsonb not null,
  shipped_at timestamptz not null default now()
);
create index shipments_of_stack on shipments (stack_id, shipped_at desc);

-- The shipment that serves: what programs are told, so that an alias stands where the pipeline has put it.
create table stack_pins (
  stack_id uuid primary key references stacks (id),
  shipment_id uuid not null references shipments (id),
  pinned_at timestamptz not null default now()
);

-- What gates that validate have found, each look.
create table validation_reports (
  id bigint generated always as identity primary key,
  stack_id uuid not null references stacks (id),
  deployment_id uuid not null references deployments (id),
  attempt integer not null,
  gate text not null,
  report jsonb not null,
  validated_at timestamptz not null default now()
);
create index validation_reports_of on validation_reports (stack_id, id desc);
