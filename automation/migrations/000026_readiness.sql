-- What has to be done before a stack takes something new and who signs that off, and which versions of an AWS stack's secrets were put by whom.

-- Without a row a stack asks for nothing.
create table readiness_settings (
  stack_id uuid primary key references stacks (id),
  required boolean not null,
  -- Items that people tick, each with name and title.
  manual jsonb not null,
  -- Names of automatic items that the stack leaves out.
  without jsonb not null,
  set_at timestamptz not null default now(),
  set_by text not null
);

-- That somebody did an item of the checklist, or took that back; the newest row of a candidate's item counts.
create table readiness_ticks (
  id bigint generated always as identity primary key,
  stack_id uuid not null references stacks (id),
  -- release:<id of another stack's release>, or source:<digest>.
  candidate text not null check (candidate ~ '^(release|source):'),
  item text not null,
  done boolean not null,
  note text,
  ticked_at timestamptz not null default clock_timestamp(),
  ticked_by text not null
);
create index readiness_ticks_of on readiness_ticks (stack_id, candidate, item, id desc);

-- A person's word that a stack may take a candidate.
create table sign_offs (
  id uuid primary key,
  stack_id uuid not null references stacks (id),
  candidate text not null check (candidate ~ '^(release|source):'),
  source_digest text not null,
  -- Over names and digests of the artifacts that the release pins; null: of a source, which is still to be built.
  artifacts_digest text,
  -- The checklist as it was.
  checklist jsonb not null,
  comment text not null,
  sign_in_id uuid not null references sign_ins (id),
  signed_at timestamptz not null default clock_timestamp(),
  signed_by text not null,
  withdrawn_at timestamptz,
  withdrawn_by text,
  check ((withdrawn_at is null) = (withdrawn_by is null)),
  check (starts_with(candidate, 'release:') = (artifacts_digest is not null))
);
create index sign_offs_of on sign_offs (stack_id, candidate) where withdrawn_at is null;

-- Never a value: where it was put, and under which id Secrets Manager keeps it.
create table secret_versions (
  id bigint generated always as identity primary key,
  stack_id uuid not null references stacks (id),
  slot text not null,
  arn text not null,
  version_id text not null,
  put_at timestamptz not null default clock_timestamp(),
  put_by text not null,
  unique (stack_id, slot, version_id)
);
