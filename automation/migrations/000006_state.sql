-- Slipway as Pulumi's state backend: updates, their journals and events, and the states that they left.

-- A project that the Pulumi CLI made has no folder on the server.
alter table projects alter column folder drop not null;

-- A stack that was renamed is still found by what its old state and config name.
create table stack_aliases (
  organisation text not null references organisations (name),
  project text not null,
  stack text not null,
  stack_id uuid not null references stacks (id),
  created_at timestamptz not null default now(),
  primary key (organisation, project, stack)
);

alter table stacks add column next_update integer not null default 1;

-- The holder is an attempt (lease of seconds, renewed by its worker) or a bare update of the CLI (300 s, renewed by the CLI).
alter table stack_writers drop constraint stack_writers_holder_fkey;
alter table stack_writers add column holder_kind text check (holder_kind in ('attempt', 'update'));
update stack_writers set holder_kind = 'attempt' where holder is not null;
alter table stack_writers add constraint stack_writers_holder_has_kind check ((holder is null) = (holder_kind is null));

create table updates (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  kind text not null check (kind in ('preview', 'update', 'refresh', 'destroy', 'import', 'edit')),
  -- A preview, whatever its kind: takes no lock, writes no state, has no number.
  dry_run boolean not null,
  status text not null default 'requested' check (status in ('requested', 'running', 'succeeded', 'failed', 'cancelled', 'expired')),
  -- Counts from 1 within the stack over updates that may change it; what the CLI calls the version.
  number integer,
  attempt_id uuid references attempts (id),
  deployment_id uuid references deployments (id),
  -- The fencing token of the right to write that this update has of its own or inherits from its attempt.
  epoch bigint,
  principal text not null,
  message text,
  -- What the client says of itself (commit, branch, host, dirty tree): shown as claimed, trusted for nothing.
  claimed jsonb not null default '{}',
  client text,
  -- Where the request came from, as the server saw it.
  address text,
  options jsonb not null default '{}',
  config jsonb not null default '{}',
  -- SHA-256 of the update token. The token is bound to this row, and with it to one stack's path.
  token_hash bytea unique,
  token_expires_at timestamptz,
  -- A cancel was asked for. Until then the ends of operations that were begun before are still recorded, and nothing else.
  drain_until timestamptz,
  cancelled_by text,
  -- 0: full checkpoints.
  journal_version integer not null default 0,
  base_state uuid,
  state_id uuid,
  resource_changes jsonb,
  resource_count integer,
  -- Why what it had recorded could not be made into a state.
  failure text,
  requested_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  unique (stack_id, number),
  check ((status in ('succeeded', 'failed', 'cancelled', 'expired')) = (finished_at is not null)),
  check (dry_run or status = 'requested' or (number is not null and epoch is not null))
);
create unique index updates_one_running on updates (stack_id) where status = 'running' and not dry_run;
create index updates_newest on updates (stack_id, requested_at desc, id desc);
create index updates_live_of_attempt on updates (attempt_id) where status = 'running';

-- What a stack was after an update. Never changed. The body is the state's JSON text byte for byte, gzipped and sealed under the stack's data key.
create table states (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  -- Counts from 1 within the stack; the newest is the stack's state.
  number integer not null,
  update_id uuid references updates (id),
  body bytea not null,
  sha256 bytea not null,
  size_bytes bigint not null,
  resource_count integer not null,
  -- The update ended before it was through: what its journal had acknowledged.
  partial boolean not null default false,
  created_at timestamptz not null default now(),
  unique (stack_id, number)
);
alter table updates
  add foreign key (base_state) references states (id),
  add foreign key (state_id) references states (id);

-- Acknowledged journal entries, a row for each batch as it came; a batch that comes again (same digest) is there already.
create table journal_batches (
  id bigint generated always as identity,
  update_id uuid not null references updates (id),
  digest bytea not null,
  first_sequence bigint not null,
  last_sequence bigint not null,
  entries integer not null,
  -- JSON text of the entries, gzipped and sealed.
  body bytea not null,
  received_at timestamptz not null default now(),
  primary key (update_id, digest)
);

-- The newest full checkpoint of an update without a journal.
create table update_checkpoints (
  update_id uuid primary key references updates (id),
  body bytea not null,
  received_at timestamptz not null default now()
);

-- Engine events of bare CLI updates as the console shows them; those of an attempt are deployment_events. Numbers are the CLI's: gaps are told.
create table update_events (
  update_id uuid not null references updates (id),
  sequence integer not null,
  at timestamptz not null,
  -- Null: an event that says nothing to people, kept so that it is no gap.
  body jsonb,
  -- The event as the CLI sent it, gzipped and sealed.
  raw bytea not null,
  -- A hole before it that is still there some seconds later will not be filled any more.
  received_at timestamptz not null default now(),
  primary key (update_id, sequence)
);
