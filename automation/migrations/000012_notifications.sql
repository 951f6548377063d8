-- What is to be told to people and programs: rows of the transaction that made it true, and what became of each on its way to each destination.

create table notification_destinations (
  id uuid primary key,
  organisation text not null references organisations (name),
  name text not null,
  type text not null check (type in ('webhook', 'email')),
  -- Address and signing secrets, sealed under the installation's key for notifications. Null once removed.
  sealed bytea,
  -- What may be shown of the address.
  shown text not null,
  -- Null: all kinds.
  kinds text[],
  -- project/stack with * as a wildcard. Null: all, and what is about no stack too.
  stacks text[],
  min_severity text not null default 'info' check (min_severity in ('info', 'warning', 'critical')),
  -- Also gets what is about the installation and no organisation.
  installation boolean not null default false,
  paused_at timestamptz,
  paused_by text,
  paused_reason text,
  dead_in_a_row integer not null default 0,
  last_delivered_at timestamptz,
  created_at timestamptz not null default now(),
  created_by text not null,
  removed_at timestamptz,
  check ((sealed is null) = (removed_at is not null)),
  check ((paused_at is null) = (paused_by is null))
);
create unique index notification_destinations_live_name on notification_destinations (organisation, name)
  where removed_at is null;

-- The outbox. No foreign keys: a notification must never be the reason why a deployment cannot end.
create table notifications (
  -- Sent as the message's id, the same to every destination and in every try.
  id uuid primary key,
  -- Null: about the installation.
  organisation text,
  kind text not null,
  subject text not null,
  body jsonb not null,
  dedupe_key text not null,
  -- A test message goes to one destination, whatever that one listens to.
  only_destination uuid,
  created_at timestamptz not null default now(),
  -- Null: which destinations get it is still to be found.
  routed_at timestamptz,
  unique nulls not distinct (organisation, kind, dedupe_key)
);
create index notifications_age on notifications (created_at);
create index notifications_unrouted on notifications (created_at) where routed_at is null;

create table notification_deliveries (
  id uuid primary key,
  notification_id uuid not null references notifications (id) on delete cascade,
  destination_id uuid not null references notification_destinations (id),
  status text not null default 'pending' check (status in ('pending', 'delivered', 'dead')),
  attempts integer not null default 0,
  -- When it is due. While a server delivers it: when another one may take it for lost.
  next_at timestamptz not null default now(),
  -- Which claim may write the result; counts up, so that a server that was away too long writes nothing over a later one.
  claim integer not null default 0,
  claimed boolean not null default false,
  -- Given up when it has not arrived by then.
  deadline timestamptz not null,
  -- Why it was given up, or failed last. Without any secret's value.
  error text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  unique (notification_id, destination_id),
  check ((status = 'pending') = (finished_at is null)),
  check (status = 'pending' or not claimed)
);
create index notification_deliveries_due on notification_deliveries (next_at) where status = 'pending';
create index notification_deliveries_claimed on notification_deliveries (destination_id) where claimed;
create index notification_deliveries_of_destination on notification_deliveries (destination_id, created_at desc, id desc);
create index notification_deliveries_newest on notification_deliveries (created_at desc, id desc);

create table notification_attempts (
  delivery_id uuid not null references notification_deliveries (id) on delete cascade,
  number integer not null,
  started_at timestamptz not null default now(),
  -- Null: under way, or cut off.
  finished_at timestamptz,
  outcome text check (outcome in ('delivered', 'failed', 'refused')),
  status_code integer,
  error text,
  duration_ms integer,
  primary key (delivery_id, number)
);
