-- Where a stack came from that was imported with its history: importing the same source again changes nothing.

create table state_imports (
  stack_id uuid primary key references stacks (id),
  -- Address of the backend, without credentials.
  source text not null,
  -- SHA-256 of all lines of the import, as the sender computed and the server checked it.
  digest bytea not null,
  principal text not null,
  imported_at timestamptz not null default now()
);
