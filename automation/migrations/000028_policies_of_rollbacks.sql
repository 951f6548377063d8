-- An automatic rollback is stopped by no policy that is newer than the release that it goes back to, unless the rule says so; what it would have said is told.

alter table policy_rules
  add column holds_for_rollbacks boolean not null default false;

alter table policy_results
  drop constraint policy_results_outcome_check,
  add constraint policy_results_outcome_check check (outcome in ('violated', 'overridden', 'remediated', 'reported'));
