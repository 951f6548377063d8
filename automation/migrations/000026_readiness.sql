-- 26:readiness
select 1;
