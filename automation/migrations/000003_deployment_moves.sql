-- Every move of a deployment's status, so that no statement of any process makes another one. A test compares it with deployments/rules.ts.

create table deployment_moves (
  from_status text not null,
  to_status text not null,
  primary key (from_status, to_status)
);
insert into deployment_moves (from_status, to_status) values
  ('queued', 'running'), ('queued', 'failed'), ('queued', 'cancelled'), ('queued', 'expired'),
  ('running', 'queued'), ('running', 'waiting_approval'), ('running', 'succeeded'), ('running', 'failed'), ('running', 'cancelled'),
  ('running', 'stale'), ('running', 'interrupted'), ('running', 'rolled_back'),
  ('waiting_approval', 'queued'), ('waiting_approval', 'cancelled'), ('waiting_approval', 'rejected'), ('waiting_approval', 'expired'),
  ('waiting_approval', 'stale');

create function refuse_unknown_move() returns trigger language plpgsql as $$
begin
  if not exists (select 1 from deployment_moves where from_status = old.status and to_status = new.status) then
    raise exception 'a deployment does not move from % to %', old.status, new.status;
  end if;
  return new;
end $$;
create trigger deployments_known_moves before update of status on deployments
  for each row when (old.status is distinct from new.status) execute function refuse_unknown_move();
