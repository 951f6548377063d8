-- Engine events as the CLI sent them, a batch in one piece: packing and sealing each event by itself cost the server more than all else about it.

create table update_event_batches (
  update_id uuid not null references updates (id),
  -- Lowest and highest number of its events. Batches may overlap: the CLI may send an event again in another batch.
  first_sequence integer not null,
  last_sequence integer not null,
  -- A JSON list of the events, gzipped and sealed. Of before this table: one event without the list.
  body bytea not null,
  received_at timestamptz not null default now(),
  primary key (update_id, first_sequence, last_sequence)
);
insert into update_event_batches (update_id, first_sequence, last_sequence, body, received_at)
select update_id, sequence, sequence, raw, received_at from update_events;
alter table update_events drop column raw;
