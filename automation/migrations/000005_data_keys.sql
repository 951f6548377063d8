-- Envelope encryption: each stack has data keys, which a wrapping key outside the database wraps.

create table wrapping_keys (
  -- Which key it is, as its provider names it: file:<fingerprint>, aws-kms:<arn>, vault:<mount>/<name>.
  id text primary key,
  -- A known text that the key has sealed: a wrong key is noticed at start, not at the first secret.
  canary bytea not null,
  created_at timestamptz not null default now(),
  -- Nothing is wrapped by it any more, and nothing may be: its holder can destroy it.
  retired_at timestamptz
);

create table data_keys (
  stack_id uuid not null references stacks (id),
  version integer not null check (version > 0),
  wrapping_key text not null references wrapping_keys (id),
  wrapped bytea not null,
  -- The time of the transaction that made it: how a reader tells its own uncommitted key from a committed one.
  created_at timestamptz not null default now(),
  primary key (stack_id, version)
);
create index data_keys_wrapping_key on data_keys (wrapping_key);

-- Keys that belong to no stack: config_v1 opens what was sealed before there were data keys, and makes config digests.
create table installation_keys (
  name text primary key,
  wrapping_key text not null references wrapping_keys (id),
  wrapped bytea not null,
  created_at timestamptz not null default now()
);
