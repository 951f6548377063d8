-- Who decides about a change: sign-in sessions, groups of people, each stack's rules in all their versions, what waits for votes, and uses of an emergency.

-- Who made it: whoever holds the token of a service account has a part in what it asks for.
alter table tokens add column created_by text;
update tokens t set created_by = a.principal
from audit_entries a where a.action = 'token.created' and a.details ->> 'token' = t.id::text;

-- A person who signed in. Good for some hours by the database's clock, and then for nothing.
create table sign_ins (
  id uuid primary key,
  hash bytea not null unique,
  principal text not null references principals (id),
  -- With it the person signed in: once it is revoked, the session ends too.
  token_id uuid not null references tokens (id),
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz
);
create index sign_ins_of_principal on sign_ins (principal);

create table groups (
  id uuid primary key,
  organisation text not null references organisations (name),
  name text not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  unique (organisation, name)
);
create table group_members (
  group_id uuid not null references groups (id) on delete cascade,
  principal text not null references principals (id),
  added_at timestamptz not null default now(),
  added_by text not null,
  primary key (group_id, principal)
);

-- Every version stays: a seal and an automatic vote name the one that they were made by.
create table approval_rule_sets (
  stack_id uuid not null references stacks (id),
  version integer not null check (version > 0),
  rules jsonb not null,
  created_at timestamptz not null default now(),
  created_by text not null,
  primary key (stack_id, version)
);

-- Who wrote the commits that a source is made of, as git names them.
create table source_authors (
  source_digest text not null,
  name text not null,
  email text not null,
  primary key (source_digest, name, email)
);

-- A deployment that has to be approved, from its first preview on.
create table approvals (
  deployment_id uuid primary key references deployments (id),
  state text not null check (state in ('open', 'approved', 'begun', 'rejected', 'expired', 'stale', 'cancelled')),
  seal text not null,
  -- What the rules look at: the risk of the preview, and the types of what it changes.
  risk jsonb not null,
  types jsonb not null,
  requested_at timestamptz not null default now(),
  expires_at timestamptz not null,
  reminded_at timestamptz,
  decided_at timestamptz,
  begun_by uuid references attempts (id),
  check ((state = 'begun') = (begun_by is not null)),
  check ((state in ('open', 'approved')) = (decided_at is null)),
  check (expires_at > requested_at)
);
create index approvals_undecided on approvals (expires_at) where decided_at is null;

-- The latest word of each person, and of automatic rules (policy:<rule>@<version>).
create table approval_votes (
  deployment_id uuid not null references approvals (deployment_id),
  principal text not null,
  verdict text not null check (verdict in ('approve', 'reject')),
  seal text not null,
  comment text,
  -- In which a person said so.
  sign_in_id uuid references sign_ins (id),
  cast_at timestamptz not null default clock_timestamp(),
  primary key (deployment_id, principal),
  check ((sign_in_id is null) = starts_with(principal, 'policy:'))
);

-- Whatever ends a deployment ends what was to be decided about it.
create function end_approval_with_deployment() returns trigger language plpgsql as $$
begin
  update approvals set state = case when new.status in ('rejected', 'expired', 'stale') then new.status else 'cancelled' end, decided_at = now()
  where deployment_id = new.id and state in ('open', 'approved');
  return new;
end $$;
create trigger deployments_end_approval after update of status on deployments
  for each row when (old.finished_at is null and new.finished_at is not null) execute function end_approval_with_deployment();

-- That somebody passed the votes of a deployment by, and what others said of it afterwards.
create table emergencies (
  deployment_id uuid primary key references deployments (id),
  principal text not null,
  reason text not null,
  incident text not null,
  requested_at timestamptz not null default now(),
  expires_at timestamptz not null,
  review_due_at timestamptz not null,
  reviewed_at timestamptz,
  reviewed_by text,
  review text,
  check ((reviewed_at is null) = (reviewed_by is null)),
  check (reviewed_by <> principal)
);
create index emergencies_unreviewed on emergencies (principal) where reviewed_at is null;
