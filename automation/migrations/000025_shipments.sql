-- 25:shipments
select 1;
