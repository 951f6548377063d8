-- A forgotten project keeps its row, since the history of its removed stacks names it; its name is free again.

alter table projects add column removed_at timestamptz;
alter table projects drop constraint projects_organisation_name_key;
create unique index projects_live_name on projects (organisation, name) where removed_at is null;
