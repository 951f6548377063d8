-- Which version of its operation a deployment runs, what a worker can run, every move of an attempt, and when a step's state was recorded.

-- Deployments from before had the lists that are version 1 now.
alter table deployments add column operation_version integer not null default 1 check (operation_version > 0);

-- Versions of operations that the worker can run: it leaves every other deployment alone.
alter table workers add column operation_versions integer[] not null default '{1}';

-- By the database's clock: how old a verdict is that a successor may still go by.
alter table deployment_steps add column recorded_at timestamptz not null default now();

-- How many events its worker has stored: the same batch, sent again because a reply was lost, is known whenever either arrives.
alter table attempts add column events_written integer not null default 0;

create table attempt_moves (
  from_status text not null,
  to_status text not null,
  primary key (from_status, to_status)
);
insert into attempt_moves (from_status, to_status) values
  ('claimed', 'running'), ('claimed', 'failed'), ('claimed', 'cancelled'), ('claimed', 'lost'),
  ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'), ('running', 'lost');

-- An approval can end while its deployment is back in the queue, or is found to have ended by the worker that is about to update.
insert into deployment_moves (from_status, to_status) values
  ('queued', 'rejected'), ('queued', 'stale'), ('running', 'rejected'), ('running', 'expired');

create function refuse_unknown_attempt_move() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from attempt_moves where from_status = old.status and to_status = new.status) then
    raise exception 'an attempt does not move from % to %', old.status, new.status;
  end if;
  return new;
end $$;
create trigger attempts_known_moves before update of status on attempts
  for each row when (old.status is distinct from new.status) execute function refuse_unknown_attempt_move();
