-- Pages of deployments, newest first, by what they are filtered by: without these a rare status or operation is looked for among all deployments that ever were.

create index deployments_by_status on deployments (status, requested_at desc, id desc);
create index deployments_by_operation on deployments (operation, status, requested_at desc, id desc);
create index deployments_of_operation on deployments (operation, requested_at desc, id desc);
create index deployments_of_stack on deployments (stack_id, requested_at desc, id desc);
