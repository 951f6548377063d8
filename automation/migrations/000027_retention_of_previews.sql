-- What of old previews and seals is not kept for ever. The seal itself stays, with what it was made of: audit entries and approvals name it.

alter table seals
  -- Null: its steps are not kept any more, so that nothing can be compared with it.
  alter column body drop not null;

-- Retention asks by it which seals something can still be held to.
create index deployments_bound_to on deployments (bound_to) where bound_to is not null and finished_at is null;
