-- 27:retention_of_previews
select 1;
