-- Who may do what: principals, their role in each organisation, and the tokens that they or an attempt's engine present.

create table principals (
  id text primary key,
  kind text not null check (kind in ('owner', 'user', 'service')),
  name text not null,
  -- A service account belongs to one organisation and has a role in no other. People may be members of several.
  organisation text references organisations (name),
  created_at timestamptz not null default now(),
  -- A removed principal keeps its row, since audit names it; its name is free again.
  removed_at timestamptz,
  check ((kind = 'service') = (organisation is not null))
);
create unique index principals_live_name on principals (kind, coalesce(organisation, ''), name) where removed_at is null;
insert into principals (id, kind, name) values ('owner', 'owner', 'owner');

create table memberships (
  principal text not null references principals (id),
  organisation text not null references organisations (name),
  role text not null check (role in ('viewer', 'deployer', 'admin')),
  granted_at timestamptz not null default now(),
  granted_by text not null,
  primary key (principal, organisation)
);

alter table tokens drop constraint tokens_kind_check;
alter table tokens
  add constraint tokens_kind_check check (kind in ('owner', 'worker', 'user', 'service')),
  add column name text,
  add column expires_at timestamptz;
create index tokens_of_principal on tokens (principal);

-- What the engine of an attempt presents. Good only while the attempt holds its stack, and for that stack alone.
create table attempt_tokens (
  hash bytea primary key,
  attempt_id uuid not null references attempts (id),
  -- False: previews only.
  may_change boolean not null,
  created_at timestamptz not null default now()
);
create index attempt_tokens_attempt on attempt_tokens (attempt_id);

-- Which stacks' programs may read a stack's outputs from inside an attempt.
create table output_readers (
  stack_id uuid not null references stacks (id),
  reader_stack_id uuid not null references stacks (id),
  granted_at timestamptz not null default now(),
  granted_by text not null,
  primary key (stack_id, reader_stack_id)
);

-- Who has read them, for the owner of the outputs.
create table output_reads (
  stack_id uuid not null references stacks (id),
  reader_stack_id uuid references stacks (id),
  principal text not null,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  times integer not null default 1,
  unique nulls not distinct (stack_id, reader_stack_id, principal)
);
