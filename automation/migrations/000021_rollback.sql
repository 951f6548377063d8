-- What became of an update beside its status: verified, held for a person, undone; what a rollback cannot undo and who consented to that; stacks that a failed rollback has frozen.

create table verification_moves (
  -- '': nothing of it has begun.
  from_state text not null,
  to_state text not null,
  primary key (from_state, to_state)
);
insert into verification_moves (from_state, to_state) values
  ('', 'updating'),
  ('updating', 'verifying'), ('updating', 'update_failed'),
  ('verifying', 'succeeded'), ('verifying', 'held'), ('verifying', 'verification_failed'),
  ('update_failed', 'rolling_back'), ('update_failed', 'held'),
  ('verification_failed', 'rolling_back'), ('verification_failed', 'held'),
  ('held', 'succeeded'), ('held', 'rolling_back'), ('held', 'verification_failed'), ('held', 'update_failed'),
  ('rolling_back', 'held'), ('rolling_back', 'rolled_back'), ('rolling_back', 'rolled_back_unhealthy'), ('rolling_back', 'rollback_failed');

alter table deployments
  add column verification text,
  -- What slipway.yaml of its source says of its data: {schema, level, rollbackFloor}; written when its update begins.
  add column data_change jsonb,
  -- The failed rollback that whoever asked for it knows of.
  add column acknowledges uuid references deployments (id);

create function refuse_unknown_verification_move() returns trigger language plpgsql as $$
begin
  if not exists (
    select 1 from verification_moves where from_state = coalesce(old.verification, '') and to_state = coalesce(new.verification, '')
  ) then
    raise exception 'a deployment''s verification does not move from % to %', coalesce(old.verification, 'nothing'), coalesce(new.verification, 'nothing');
  end if;
  return new;
end $$;
create trigger deployments_known_verification_moves before update of verification on deployments
  for each row when (old.verification is distinct from new.verification) execute function refuse_unknown_verification_move();
create index deployments_held on deployments (stack_id) where verification = 'held' and finished_at is null;
create index deployments_automatic_rollbacks on deployments (stack_id, requested_at) where cause = 'automatic-rollback';

-- Every move with its reason and evidence, in order.
create table verifications (
  id bigint primary key generated always as identity,
  deployment_id uuid not null references deployments (id),
  state text not null,
  reason text not null,
  evidence jsonb not null default '{}',
  principal text not null,
  at timestamptz not null default now()
);
create index verifications_of_deployment on verifications (deployment_id, id);

-- A deployment that waits for a person to keep or to undo what it left, until a time by this database's clock.
create table deployment_holds (
  deployment_id uuid primary key references deployments (id),
  stack_id uuid not null references stacks (id),
  why text not null check (why in ('undecided', 'unhealthy-before', 'limit', 'not-authorised', 'consent')),
  reason text not null,
  held_at timestamptz not null default now(),
  expires_at timestamptz not null,
  decision text check (decision in ('keep', 'rollback', 'expired', 'superseded')),
  decided_at timestamptz,
  decided_by text,
  decision_reason text,
  check ((decision is null) = (decided_at is null) and (decision is null) = (decided_by is null))
);
create index deployment_holds_open on deployment_holds (expires_at) where decision is null;

-- What a rollback would do that nobody can undo, and who agreed to each of it.
create table rollback_consents (
  deployment_id uuid primary key references deployments (id),
  steps jsonb not null,
  asked_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- The ids of the steps that were agreed to; void as soon as `steps` has others.
  consented jsonb,
  consented_at timestamptz,
  consented_by text,
  reason text,
  check ((consented is null) = (consented_at is null) and (consented is null) = (consented_by is null))
);

-- A rollback that failed freezes its stack until a deployment by somebody who names it has succeeded.
create table failed_rollbacks (
  -- The deployment that was to be undone.
  deployment_id uuid primary key references deployments (id),
  stack_id uuid not null references stacks (id),
  rollback_id uuid not null references deployments (id),
  detail text not null,
  failed_at timestamptz not null default now(),
  settled_at timestamptz,
  settled_by uuid references deployments (id)
);
create index failed_rollbacks_open on failed_rollbacks (stack_id) where settled_at is null;

create table rollback_settings (
  stack_id uuid primary key references stacks (id),
  -- Whether a rollback that can be undone itself begins without being asked for.
  automatic boolean not null default true,
  -- Whether such a rollback passes approvals and freezes also when somebody asks for it.
  covers_requested boolean not null default false,
  on_hold_expiry text not null default 'keep' check (on_hold_expiry in ('keep', 'rollback')),
  on_first_failure text not null default 'keep' check (on_first_failure in ('keep', 'destroyCreated')),
  updated_at timestamptz not null default now(),
  updated_by text not null
);

alter table releases
  -- Whoever decided that it is kept although its gates had not passed. Such a release is never gone back to by itself.
  add column accepted_by text,
  add column accepted_reason text,
  add check ((accepted_by is null) = (accepted_reason is null));

alter table quarantines drop constraint quarantines_kind_check;
alter table quarantines
  add constraint quarantines_kind_check check (kind in ('health', 'crash', 'hand')),
  add column set_by text,
  add column lift_reason text;
