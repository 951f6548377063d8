-- What is kept for how long, and which stacks of a restored installation may be older than the resources that they describe.

-- Rows only for what differs from the defaults of the program.
create table retention_settings (
  category text primary key,
  -- Null: whatever its age, whatever its size.
  max_age_days integer check (max_age_days > 0),
  max_bytes bigint check (max_bytes > 0),
  updated_at timestamptz not null default now(),
  updated_by text not null
);

create table retention_totals (
  category text primary key,
  removed bigint not null default 0,
  freed_bytes bigint not null default 0,
  last_run_at timestamptz not null
);

-- A stack of a restored installation, until somebody has compared its state with what is really there.
create table unreconciled_stacks (
  stack_id uuid primary key references stacks (id),
  -- Whatever happened after this is in no row of the database.
  backup_at timestamptz not null,
  restored_at timestamptz not null default now(),
  -- Null: the stack had no state.
  state_number integer
);
