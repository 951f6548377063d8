-- What a deployment needs from another machine: the content of sources and built services in the database, and what a worker tells of itself.

-- The files below a data folder are a cache of these two tables. A row here and all of its chunks are written in one transaction: complete or not there.
create table artifact_contents (
  digest text primary key check (digest ~ '^sha256:[0-9a-f]{64}$'),
  -- SHA-256 of the stored bytes. That of a source is its digest; a service's digest is that of the folder which its archive carries.
  content_sha256 text not null check (content_sha256 ~ '^sha256:[0-9a-f]{64}$'),
  size_bytes bigint not null check (size_bytes >= 0),
  chunks integer not null check (chunks >= 0),
  stored_at timestamptz not null default now(),
  -- Moved on by each request that relies on it, at most hourly: what is removed for its age must be older than a request can take.
  used_at timestamptz not null default now()
);

create table artifact_chunks (
  digest text not null references artifact_contents (digest) on delete cascade,
  position integer not null check (position >= 0),
  body bytea not null,
  primary key (digest, position)
);
-- Archives are read and written whole: compressing each chunk would cost more time than it saves bytes on a local network.
alter table artifact_chunks alter column body set storage external;

-- Since when a worker claims nothing more; null while it does.
alter table workers add column draining_since timestamptz;
-- The keeper that a worker reaches, by the id that the keeper gives itself; null: none.
alter table workers add column keeper text;
-- The keeper that runs what a stack of the local target has deployed; null: nothing is deployed, or not by a keeper.
alter table stacks add column keeper text;
