-- Generated from the catalog of a migrated database; a test compares it. The truth is in migrations/.

create table alarms (
  id uuid not null,
  kind text not null,
  fingerprint text not null,
  stack_id uuid not null,
  detail text not null,
  found_at timestamp with time zone not null default now(),
  acknowledged_at timestamp with time zone,
  acknowledged_by text,
  UNIQUE (fingerprint),
  PRIMARY KEY (id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((acknowledged_at IS NULL) = (acknowledged_by IS NULL))),
  CHECK ((kind = ANY (ARRAY['two-attempts'::text, 'repeated-update'::text, 'late-write'::text, 'epoch-went-back'::text, 'stuck-run'::text])))
);
CREATE INDEX alarms_newest ON alarms USING btree (found_at DESC, id DESC);
CREATE INDEX alarms_open ON alarms USING btree (found_at) WHERE (acknowledged_at IS NULL);

create table approval_rule_sets (
  stack_id uuid not null,
  version integer not null,
  rules jsonb not null,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  PRIMARY KEY (stack_id, version),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((version > 0))
);

create table approval_votes (
  deployment_id uuid not null,
  principal text not null,
  verdict text not null,
  seal text not null,
  comment text,
  sign_in_id uuid,
  cast_at timestamp with time zone not null default clock_timestamp(),
  PRIMARY KEY (deployment_id, principal),
  FOREIGN KEY (deployment_id) REFERENCES approvals(deployment_id),
  FOREIGN KEY (sign_in_id) REFERENCES sign_ins(id),
  CHECK (((sign_in_id IS NULL) = starts_with(principal, 'policy:'::text))),
  CHECK ((verdict = ANY (ARRAY['approve'::text, 'reject'::text])))
);

create table approvals (
  deployment_id uuid not null,
  state text not null,
  seal text not null,
  risk jsonb not null,
  types jsonb not null,
  requested_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  reminded_at timestamp with time zone,
  decided_at timestamp with time zone,
  begun_by uuid,
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (begun_by) REFERENCES attempts(id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  CHECK (((state = 'begun'::text) = (begun_by IS NOT NULL))),
  CHECK (((state = ANY (ARRAY['open'::text, 'approved'::text])) = (decided_at IS NULL))),
  CHECK ((expires_at > requested_at)),
  CHECK ((state = ANY (ARRAY['open'::text, 'approved'::text, 'begun'::text, 'rejected'::text, 'expired'::text, 'stale'::text, 'cancelled'::text])))
);
CREATE INDEX approvals_undecided ON approvals USING btree (expires_at) WHERE (decided_at IS NULL);

create table artifact_chunks (
  digest text not null,
  position integer not null,
  body bytea not null,
  PRIMARY KEY (digest, "position"),
  FOREIGN KEY (digest) REFERENCES artifact_contents(digest) ON DELETE CASCADE,
  CHECK (("position" >= 0))
);

create table artifact_contents (
  digest text not null,
  content_sha256 text not null,
  size_bytes bigint not null,
  chunks integer not null,
  stored_at timestamp with time zone not null default now(),
  used_at timestamp with time zone not null default now(),
  PRIMARY KEY (digest),
  CHECK ((chunks >= 0)),
  CHECK ((content_sha256 ~ '^sha256:[0-9a-f]{64}$'::text)),
  CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
  CHECK ((size_bytes >= 0))
);

create table artifacts (
  digest text not null,
  kind text not null,
  size_bytes bigint not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (digest),
  CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
  CHECK ((kind = ANY (ARRAY['source'::text, 'service'::text])))
);

create table attempt_looks (
  attempt_id uuid not null,
  stack_id uuid not null,
  expires_at timestamp with time zone not null,
  writer_epoch bigint not null,
  state_number integer not null,
  UNIQUE (stack_id),
  PRIMARY KEY (attempt_id),
  FOREIGN KEY (attempt_id) REFERENCES attempts(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table attempt_moves (
  from_status text not null,
  to_status text not null,
  PRIMARY KEY (from_status, to_status)
);

create table attempt_tokens (
  hash bytea not null,
  attempt_id uuid not null,
  may_change boolean not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (hash),
  FOREIGN KEY (attempt_id) REFERENCES attempts(id)
);
CREATE INDEX attempt_tokens_attempt ON attempt_tokens USING btree (attempt_id);

create table attempts (
  id uuid not null,
  deployment_id uuid not null,
  number integer not null,
  worker_id uuid not null,
  epoch bigint not null,
  status text not null,
  claimed_at timestamp with time zone not null default now(),
  finished_at timestamp with time zone,
  events_written integer not null default 0,
  containment jsonb,
  crashed boolean not null default false,
  UNIQUE (deployment_id, number),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (worker_id) REFERENCES workers(id),
  CHECK ((status = ANY (ARRAY['claimed'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'lost'::text])))
);
CREATE INDEX attempts_claimed ON attempts USING btree (claimed_at);
CREATE INDEX attempts_live ON attempts USING btree (worker_id) WHERE (status = ANY (ARRAY['claimed'::text, 'running'::text]));
CREATE UNIQUE INDEX attempts_one_live ON attempts USING btree (deployment_id) WHERE (status = ANY (ARRAY['claimed'::text, 'running'::text]));
CREATE TRIGGER attempts_known_moves BEFORE UPDATE OF status ON attempts FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION refuse_unknown_attempt_move();

create table audit_entries (
  sequence bigint not null generated always as identity,
  at timestamp with time zone not null default now(),
  principal text not null,
  action text not null,
  organisation text not null,
  subject text not null,
  details jsonb not null default '{}'::jsonb,
  request_id text,
  PRIMARY KEY (sequence)
);
CREATE INDEX audit_entries_subject ON audit_entries USING btree (subject, sequence DESC);
CREATE TRIGGER audit_entries_append_only BEFORE DELETE OR UPDATE ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

create table budgets (
  project_id uuid not null,
  step text not null,
  service text not null default ''::text,
  most_seconds double precision not null,
  fails boolean not null,
  updated_at timestamp with time zone not null default now(),
  updated_by text not null,
  PRIMARY KEY (project_id, step, service),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  CHECK (((NOT fails) OR (step = ANY (ARRAY['build'::text, 'test'::text, 'gates-before'::text])))),
  CHECK ((most_seconds > (0)::double precision)),
  CHECK ((step = ANY (ARRAY['build'::text, 'test'::text, 'gates-before'::text, 'update'::text, 'gates-after'::text])))
);

create table data_keys (
  stack_id uuid not null,
  version integer not null,
  wrapping_key text not null,
  wrapped bytea not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (stack_id, version),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  FOREIGN KEY (wrapping_key) REFERENCES wrapping_keys(id),
  CHECK ((version > 0))
);
CREATE INDEX data_keys_wrapping_key ON data_keys USING btree (wrapping_key);

create table deliveries (
  id uuid not null,
  project_id uuid not null,
  requested_by text not null,
  message text,
  from_release uuid,
  created_at timestamp with time zone not null default now(),
  paused_at timestamp with time zone,
  paused_by text,
  cancelled_at timestamp with time zone,
  cancelled_by text,
  outcome text,
  ended_at timestamp with time zone,
  PRIMARY KEY (id),
  FOREIGN KEY (from_release) REFERENCES releases(id),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  CHECK (((outcome IS NULL) = (ended_at IS NULL))),
  CHECK (((paused_at IS NULL) = (paused_by IS NULL))),
  CHECK (((cancelled_at IS NULL) = (cancelled_by IS NULL))),
  CHECK ((outcome = ANY (ARRAY['succeeded'::text, 'stopped'::text, 'cancelled'::text])))
);
CREATE INDEX deliveries_newest ON deliveries USING btree (created_at DESC, id DESC);
CREATE INDEX deliveries_open ON deliveries USING btree (created_at) WHERE (ended_at IS NULL);

create table delivery_stacks (
  delivery_id uuid not null,
  wave integer not null,
  position integer not null,
  stack_id uuid not null,
  from_stack_id uuid,
  deployment_id uuid,
  refusal jsonb,
  UNIQUE (deployment_id),
  PRIMARY KEY (delivery_id, stack_id),
  FOREIGN KEY (delivery_id) REFERENCES deliveries(id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (from_stack_id) REFERENCES stacks(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((deployment_id IS NULL) OR (refusal IS NULL))),
  CHECK ((wave >= 1))
);

create table deployment_accounts (
  deployment_id uuid not null,
  done integer not null,
  not_done integer not null,
  unknown integer not null,
  planned boolean not null,
  pending_creates jsonb not null default '[]'::jsonb,
  body bytea not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id)
);

create table deployment_events (
  deployment_id uuid not null,
  sequence integer not null,
  attempt integer not null,
  at timestamp with time zone not null,
  body jsonb not null,
  PRIMARY KEY (deployment_id, sequence),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id)
);

create table deployment_holds (
  deployment_id uuid not null,
  stack_id uuid not null,
  why text not null,
  reason text not null,
  held_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  decision text,
  decided_at timestamp with time zone,
  decided_by text,
  decision_reason text,
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((((decision IS NULL) = (decided_at IS NULL)) AND ((decision IS NULL) = (decided_by IS NULL)))),
  CHECK ((decision = ANY (ARRAY['keep'::text, 'rollback'::text, 'expired'::text, 'superseded'::text]))),
  CHECK ((why = ANY (ARRAY['undecided'::text, 'unhealthy-before'::text, 'limit'::text, 'not-authorised'::text, 'consent'::text])))
);
CREATE INDEX deployment_holds_open ON deployment_holds USING btree (expires_at) WHERE (decision IS NULL);

create table deployment_moves (
  from_status text not null,
  to_status text not null,
  PRIMARY KEY (from_status, to_status)
);

create table deployment_previews (
  deployment_id uuid not null,
  attempt integer not null,
  counts jsonb not null,
  step_count integer not null,
  truncated boolean not null,
  body bytea not null,
  previewed_at timestamp with time zone not null default now(),
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id)
);

create table deployment_steps (
  deployment_id uuid not null,
  position integer not null,
  name text not null,
  state text not null default 'waiting'::text,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  detail text,
  result jsonb,
  recorded_at timestamp with time zone not null default now(),
  PRIMARY KEY (deployment_id, name),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text])))
);
CREATE INDEX deployment_steps_finished ON deployment_steps USING btree (finished_at) WHERE (finished_at IS NOT NULL);

create table deployments (
  id uuid not null,
  stack_id uuid not null,
  number integer not null,
  operation text not null,
  status text not null default 'queued'::text,
  options jsonb not null default '{}'::jsonb,
  message text,
  requested_by text not null,
  cause text not null default 'request'::text,
  caused_by uuid,
  rolled_back_by uuid,
  target_release integer,
  source_digest text,
  lockfile_digest text,
  git_commit text,
  git_dirty boolean not null default false,
  config jsonb not null default '{}'::jsonb,
  config_digest text not null,
  changes jsonb not null default '{}'::jsonb,
  failure jsonb,
  cancel_requested_at timestamp with time zone,
  requested_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  operation_version integer not null default 1,
  runs_after uuid,
  queue_rank smallint not null generated always as (
CASE
    WHEN (cause = 'automatic-rollback'::text) THEN 0
    WHEN ((operation = 'rollback'::text) AND (runs_after IS NULL)) THEN 1
    WHEN (operation = 'detect-drift'::text) THEN 3
    ELSE 2
END) stored,
  continues uuid,
  cancelled_by text,
  trace_parent text,
  binding text,
  bound_to uuid,
  moved jsonb,
  verification text,
  data_change jsonb,
  acknowledges uuid,
  promoted_from uuid,
  UNIQUE (stack_id, number),
  PRIMARY KEY (id),
  FOREIGN KEY (acknowledges) REFERENCES deployments(id),
  FOREIGN KEY (bound_to) REFERENCES seals(deployment_id),
  FOREIGN KEY (caused_by) REFERENCES deployments(id),
  FOREIGN KEY (continues) REFERENCES deployments(id),
  FOREIGN KEY (promoted_from) REFERENCES releases(id),
  FOREIGN KEY (rolled_back_by) REFERENCES deployments(id),
  FOREIGN KEY (runs_after) REFERENCES deployments(id),
  FOREIGN KEY (source_digest) REFERENCES artifacts(digest),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((binding = ANY (ARRAY['exact'::text, 'equivalent'::text]))),
  CHECK ((cause = ANY (ARRAY['request'::text, 'automatic-rollback'::text]))),
  CHECK (((status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text, 'stale'::text, 'interrupted'::text, 'rolled_back'::text])) = (finished_at IS NOT NULL))),
  CHECK ((operation = ANY (ARRAY['preview'::text, 'update'::text, 'refresh'::text, 'destroy'::text, 'rollback'::text, 'detect-drift'::text, 'remediate-drift'::text]))),
  CHECK ((operation_version > 0)),
  CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'waiting_approval'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text, 'stale'::text, 'interrupted'::text, 'rolled_back'::text])))
);
CREATE INDEX deployments_automatic_rollbacks ON deployments USING btree (stack_id, requested_at) WHERE (cause = 'automatic-rollback'::text);
CREATE INDEX deployments_bound_to ON deployments USING btree (bound_to) WHERE ((bound_to IS NOT NULL) AND (finished_at IS NULL));
CREATE INDEX deployments_by_operation ON deployments USING btree (operation, status, requested_at DESC, id DESC);
CREATE INDEX deployments_by_status ON deployments USING btree (status, requested_at DESC, id DESC);
CREATE INDEX deployments_claimable ON deployments USING btree (queue_rank, requested_at, id) WHERE (status = 'queued'::text);
CREATE INDEX deployments_continues ON deployments USING btree (continues) WHERE (continues IS NOT NULL);
CREATE INDEX deployments_durations ON deployments USING btree (stack_id, operation, finished_at DESC) WHERE (status = 'succeeded'::text);
CREATE INDEX deployments_held ON deployments USING btree (stack_id) WHERE ((verification = 'held'::text) AND (finished_at IS NULL));
CREATE INDEX deployments_newest ON deployments USING btree (requested_at DESC, id DESC);
CREATE INDEX deployments_of_operation ON deployments USING btree (operation, requested_at DESC, id DESC);
CREATE INDEX deployments_of_stack ON deployments USING btree (stack_id, requested_at DESC, id DESC);
CREATE UNIQUE INDEX deployments_one_automatic_rollback ON deployments USING btree (caused_by) WHERE (cause = 'automatic-rollback'::text);
CREATE INDEX deployments_promoted_from ON deployments USING btree (promoted_from) WHERE (promoted_from IS NOT NULL);
CREATE INDEX deployments_queue ON deployments USING btree (stack_id, queue_rank, number) WHERE (status = 'queued'::text);
CREATE INDEX deployments_running ON deployments USING btree (stack_id) WHERE (status = 'running'::text);
CREATE INDEX deployments_runs_after ON deployments USING btree (runs_after) WHERE (runs_after IS NOT NULL);
CREATE TRIGGER deployments_end_approval AFTER UPDATE OF status ON deployments FOR EACH ROW WHEN (((old.finished_at IS NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION end_approval_with_deployment();
CREATE TRIGGER deployments_known_moves BEFORE UPDATE OF status ON deployments FOR EACH ROW WHEN ((old.status IS DISTINCT FROM new.status)) EXECUTE FUNCTION refuse_unknown_move();
CREATE TRIGGER deployments_known_verification_moves BEFORE UPDATE OF verification ON deployments FOR EACH ROW WHEN ((old.verification IS DISTINCT FROM new.verification)) EXECUTE FUNCTION refuse_unknown_verification_move();

create table drift_alerts (
  id uuid not null,
  stack_id uuid not null,
  kind text not null,
  fingerprint text not null,
  urn text,
  resource_type text,
  path text,
  summary text not null,
  sealed bytea,
  opened_at timestamp with time zone not null default now(),
  opened_by uuid not null,
  seen_at timestamp with time zone not null default now(),
  seen_by uuid not null,
  told_at timestamp with time zone not null default now(),
  reminders integer not null default 0,
  remediation uuid,
  closed_at timestamp with time zone,
  closed_because text,
  closed_by_rule uuid,
  PRIMARY KEY (id),
  FOREIGN KEY (remediation) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((closed_at IS NULL) = (closed_because IS NULL))),
  CHECK (((kind = ANY (ARRAY['gone'::text, 'input-changed'::text])) = (urn IS NOT NULL))),
  CHECK (((kind = 'input-changed'::text) = (path IS NOT NULL))),
  CHECK ((closed_because = ANY (ARRAY['resolved'::text, 'changed'::text, 'ignored'::text, 'checked'::text]))),
  CHECK ((kind = ANY (ARRAY['gone'::text, 'input-changed'::text, 'cannot-check'::text, 'many-gone'::text])))
);
CREATE INDEX drift_alerts_newest ON drift_alerts USING btree (stack_id, opened_at DESC, id DESC);
CREATE UNIQUE INDEX drift_alerts_open ON drift_alerts USING btree (stack_id, fingerprint) WHERE (closed_at IS NULL);
CREATE INDEX drift_alerts_told ON drift_alerts USING btree (told_at) WHERE (closed_at IS NULL);

create table drift_baselines (
  stack_id uuid not null,
  fingerprint text not null,
  state_number integer not null,
  urn text not null,
  path text not null,
  check_id uuid not null,
  PRIMARY KEY (stack_id, fingerprint),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table drift_checks (
  id uuid not null,
  stack_id uuid not null,
  deployment_id uuid not null,
  status text not null,
  cause text,
  checked_at timestamp with time zone not null default now(),
  state_number integer,
  release_number integer,
  gone integer not null default 0,
  input_changed integer not null default 0,
  output_only integer not null default 0,
  resources jsonb not null default '[]'::jsonb,
  kind text not null default 'whole'::text,
  unconfirmed integer not null default 0,
  quiet integer not null default 0,
  sealed bytea,
  UNIQUE (deployment_id),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((status = 'unknown'::text) = (cause IS NOT NULL))),
  CHECK (((status = 'drifted'::text) = ((gone + input_changed) > 0))),
  CHECK ((kind = ANY (ARRAY['whole'::text, 'birth'::text, 'second-read'::text]))),
  CHECK ((status = ANY (ARRAY['clean'::text, 'drifted'::text, 'unknown'::text])))
);
CREATE INDEX drift_checks_newest ON drift_checks USING btree (stack_id, checked_at DESC, id DESC);

create table drift_follow_ups (
  id uuid not null,
  stack_id uuid not null,
  kind text not null,
  state_number integer,
  due_at timestamp with time zone not null,
  deployment_id uuid,
  created_at timestamp with time zone not null default now(),
  dropped_at timestamp with time zone,
  UNIQUE (deployment_id),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((kind = 'birth'::text) = (state_number IS NOT NULL))),
  CHECK (((deployment_id IS NULL) OR (dropped_at IS NULL))),
  CHECK ((kind = ANY (ARRAY['birth'::text, 'second-read'::text, 'retry'::text])))
);
CREATE UNIQUE INDEX drift_follow_ups_birth ON drift_follow_ups USING btree (stack_id, state_number) WHERE (kind = 'birth'::text);
CREATE INDEX drift_follow_ups_due ON drift_follow_ups USING btree (due_at) WHERE ((deployment_id IS NULL) AND (dropped_at IS NULL));
CREATE UNIQUE INDEX drift_follow_ups_open ON drift_follow_ups USING btree (stack_id, kind) WHERE ((deployment_id IS NULL) AND (dropped_at IS NULL) AND (kind <> 'birth'::text));

create table drift_ignores (
  id uuid not null,
  stack_id uuid not null,
  urn_glob text not null,
  path text,
  reason text not null,
  expires_at timestamp with time zone not null,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  matched_at timestamp with time zone,
  removed_at timestamp with time zone,
  removed_by text,
  PRIMARY KEY (id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((expires_at <= (created_at + '180 days'::interval))),
  CHECK (((removed_at IS NULL) = (removed_by IS NULL)))
);
CREATE INDEX drift_ignores_of_stack ON drift_ignores USING btree (stack_id) WHERE (removed_at IS NULL);

create table drift_missing (
  stack_id uuid not null,
  urn text not null,
  first_at timestamp with time zone not null default now(),
  check_id uuid not null,
  PRIMARY KEY (stack_id, urn),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table drift_volatile (
  stack_id uuid not null,
  urn text not null,
  path text not null,
  state_number integer not null,
  last_value text not null,
  moves integer not null default 1,
  moved_at timestamp with time zone not null default now(),
  learned_at timestamp with time zone,
  switched_off_at timestamp with time zone,
  switched_off_by text,
  PRIMARY KEY (stack_id, urn, path),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((switched_off_at IS NULL) = (switched_off_by IS NULL))),
  CHECK (((switched_off_at IS NULL) OR (learned_at IS NOT NULL)))
);

create table emergencies (
  deployment_id uuid not null,
  principal text not null,
  reason text not null,
  incident text not null,
  requested_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  review_due_at timestamp with time zone not null,
  reviewed_at timestamp with time zone,
  reviewed_by text,
  review text,
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  CHECK (((reviewed_at IS NULL) = (reviewed_by IS NULL))),
  CHECK ((reviewed_by <> principal))
);
CREATE INDEX emergencies_unreviewed ON emergencies USING btree (principal) WHERE (reviewed_at IS NULL);

create table environments (
  project_id uuid not null,
  position integer not null,
  stack_id uuid not null,
  only_promoted boolean not null,
  UNIQUE (stack_id),
  PRIMARY KEY (project_id, "position"),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((("position" > 0) OR (NOT only_promoted))),
  CHECK (("position" >= 0))
);

create table failed_rollbacks (
  deployment_id uuid not null,
  stack_id uuid not null,
  rollback_id uuid not null,
  detail text not null,
  failed_at timestamp with time zone not null default now(),
  settled_at timestamp with time zone,
  settled_by uuid,
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (rollback_id) REFERENCES deployments(id),
  FOREIGN KEY (settled_by) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);
CREATE INDEX failed_rollbacks_open ON failed_rollbacks USING btree (stack_id) WHERE (settled_at IS NULL);

create table freezes (
  id uuid not null,
  organisation text not null,
  project_id uuid,
  stack_id uuid,
  reason text not null,
  starts_at timestamp with time zone,
  ends_at timestamp with time zone,
  cron text,
  duration_minutes integer,
  time_zone text not null,
  set_at timestamp with time zone not null default now(),
  set_by text not null,
  removed_at timestamp with time zone,
  removed_by text,
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((starts_at IS NULL) = (ends_at IS NULL))),
  CHECK (((cron IS NULL) = (duration_minutes IS NULL))),
  CHECK (((cron IS NULL) <> (starts_at IS NULL))),
  CHECK ((starts_at < ends_at)),
  CHECK (((stack_id IS NULL) OR (project_id IS NULL))),
  CHECK (((removed_at IS NULL) = (removed_by IS NULL))),
  CHECK (((duration_minutes >= 1) AND (duration_minutes <= 527040)))
);
CREATE INDEX freezes_live ON freezes USING btree (organisation) WHERE (removed_at IS NULL);

create table gate_baselines (
  deployment_id uuid not null,
  name text not null,
  measurement jsonb not null,
  PRIMARY KEY (deployment_id, name),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id)
);

create table gate_results (
  deployment_id uuid not null,
  name text not null,
  phase text not null,
  required boolean not null,
  verdict text not null,
  detail text not null,
  measurements jsonb not null,
  measured_at timestamp with time zone not null,
  dry_run boolean not null default false,
  unhealthy_before boolean not null default false,
  evidence jsonb not null default '{}'::jsonb,
  output text,
  PRIMARY KEY (deployment_id, phase, name),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  CHECK ((phase = ANY (ARRAY['before'::text, 'after'::text]))),
  CHECK ((verdict = ANY (ARRAY['pass'::text, 'fail'::text, 'inconclusive'::text, 'error'::text])))
);

create table group_members (
  group_id uuid not null,
  principal text not null,
  added_at timestamp with time zone not null default now(),
  added_by text not null,
  PRIMARY KEY (group_id, principal),
  FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE,
  FOREIGN KEY (principal) REFERENCES principals(id)
);

create table groups (
  id uuid not null,
  organisation text not null,
  name text not null,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  UNIQUE (organisation, name),
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name)
);

create table idempotency_keys (
  principal text not null,
  key text not null,
  fingerprint text not null,
  status integer not null,
  location text,
  body jsonb not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (principal, key)
);

create table installation_keys (
  name text not null,
  wrapping_key text not null,
  wrapped bytea not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (name),
  FOREIGN KEY (wrapping_key) REFERENCES wrapping_keys(id)
);

create table journal_batches (
  id bigint not null generated always as identity,
  update_id uuid not null,
  digest bytea not null,
  first_sequence bigint not null,
  last_sequence bigint not null,
  entries integer not null,
  body bytea not null,
  received_at timestamp with time zone not null default now(),
  PRIMARY KEY (update_id, digest),
  FOREIGN KEY (update_id) REFERENCES updates(id)
);

create table memberships (
  principal text not null,
  organisation text not null,
  role text not null,
  granted_at timestamp with time zone not null default now(),
  granted_by text not null,
  PRIMARY KEY (principal, organisation),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  FOREIGN KEY (principal) REFERENCES principals(id),
  CHECK ((role = ANY (ARRAY['viewer'::text, 'deployer'::text, 'admin'::text])))
);

create table notification_attempts (
  delivery_id uuid not null,
  number integer not null,
  started_at timestamp with time zone not null default now(),
  finished_at timestamp with time zone,
  outcome text,
  status_code integer,
  error text,
  duration_ms integer,
  PRIMARY KEY (delivery_id, number),
  FOREIGN KEY (delivery_id) REFERENCES notification_deliveries(id) ON DELETE CASCADE,
  CHECK ((outcome = ANY (ARRAY['delivered'::text, 'failed'::text, 'refused'::text])))
);

create table notification_deliveries (
  id uuid not null,
  notification_id uuid not null,
  destination_id uuid not null,
  status text not null default 'pending'::text,
  attempts integer not null default 0,
  next_at timestamp with time zone not null default now(),
  claim integer not null default 0,
  claimed boolean not null default false,
  deadline timestamp with time zone not null,
  error text,
  created_at timestamp with time zone not null default now(),
  finished_at timestamp with time zone,
  UNIQUE (notification_id, destination_id),
  PRIMARY KEY (id),
  FOREIGN KEY (destination_id) REFERENCES notification_destinations(id),
  FOREIGN KEY (notification_id) REFERENCES notifications(id) ON DELETE CASCADE,
  CHECK (((status = 'pending'::text) = (finished_at IS NULL))),
  CHECK (((status = 'pending'::text) OR (NOT claimed))),
  CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text])))
);
CREATE INDEX notification_deliveries_claimed ON notification_deliveries USING btree (destination_id) WHERE claimed;
CREATE INDEX notification_deliveries_due ON notification_deliveries USING btree (next_at) WHERE (status = 'pending'::text);
CREATE INDEX notification_deliveries_newest ON notification_deliveries USING btree (created_at DESC, id DESC);
CREATE INDEX notification_deliveries_of_destination ON notification_deliveries USING btree (destination_id, created_at DESC, id DESC);

create table notification_destinations (
  id uuid not null,
  organisation text not null,
  name text not null,
  type text not null,
  sealed bytea,
  shown text not null,
  kinds text[],
  stacks text[],
  min_severity text not null default 'info'::text,
  installation boolean not null default false,
  paused_at timestamp with time zone,
  paused_by text,
  paused_reason text,
  dead_in_a_row integer not null default 0,
  last_delivered_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  created_by text not null,
  removed_at timestamp with time zone,
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  CHECK (((sealed IS NULL) = (removed_at IS NOT NULL))),
  CHECK (((paused_at IS NULL) = (paused_by IS NULL))),
  CHECK ((min_severity = ANY (ARRAY['info'::text, 'warning'::text, 'critical'::text]))),
  CHECK ((type = ANY (ARRAY['webhook'::text, 'email'::text])))
);
CREATE UNIQUE INDEX notification_destinations_live_name ON notification_destinations USING btree (organisation, name) WHERE (removed_at IS NULL);

create table notifications (
  id uuid not null,
  organisation text,
  kind text not null,
  subject text not null,
  body jsonb not null,
  dedupe_key text not null,
  only_destination uuid,
  created_at timestamp with time zone not null default now(),
  routed_at timestamp with time zone,
  UNIQUE NULLS NOT DISTINCT (organisation, kind, dedupe_key),
  PRIMARY KEY (id)
);
CREATE INDEX notifications_age ON notifications USING btree (created_at);
CREATE INDEX notifications_unrouted ON notifications USING btree (created_at) WHERE (routed_at IS NULL);

create table organisations (
  name text not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (name)
);

create table output_readers (
  stack_id uuid not null,
  reader_stack_id uuid not null,
  granted_at timestamp with time zone not null default now(),
  granted_by text not null,
  PRIMARY KEY (stack_id, reader_stack_id),
  FOREIGN KEY (reader_stack_id) REFERENCES stacks(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table output_reads (
  stack_id uuid not null,
  reader_stack_id uuid,
  principal text not null,
  first_at timestamp with time zone not null default now(),
  last_at timestamp with time zone not null default now(),
  times integer not null default 1,
  UNIQUE NULLS NOT DISTINCT (stack_id, reader_stack_id, principal),
  FOREIGN KEY (reader_stack_id) REFERENCES stacks(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table pauses (
  id uuid not null,
  scope text not null,
  project_id uuid,
  stack_id uuid,
  reason text not null,
  paused_by text not null,
  paused_at timestamp with time zone not null default now(),
  PRIMARY KEY (id),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((scope = 'project'::text) = (project_id IS NOT NULL))),
  CHECK (((scope = 'stack'::text) = (stack_id IS NOT NULL))),
  CHECK ((scope = ANY (ARRAY['everything'::text, 'project'::text, 'stack'::text])))
);
CREATE UNIQUE INDEX pauses_everything ON pauses USING btree (scope) WHERE (scope = 'everything'::text);
CREATE UNIQUE INDEX pauses_project ON pauses USING btree (project_id) WHERE (scope = 'project'::text);
CREATE UNIQUE INDEX pauses_stack ON pauses USING btree (stack_id) WHERE (scope = 'stack'::text);

create table policy_checks (
  deployment_id uuid not null,
  attempt integer not null,
  set_digest text not null,
  set_version integer not null,
  packs jsonb not null,
  content text not null,
  seal text not null,
  stopped boolean not null,
  checked_at timestamp with time zone not null default now(),
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id)
);

create table policy_overriders (
  organisation text not null,
  principal text not null,
  granted_at timestamp with time zone not null default now(),
  granted_by text not null,
  PRIMARY KEY (organisation, principal),
  FOREIGN KEY (organisation) REFERENCES organisations(name)
);

create table policy_overrides (
  id uuid not null,
  stack_id uuid not null,
  deployment_id uuid not null,
  seal text not null,
  content text not null,
  findings jsonb not null,
  reason text not null,
  overridden_by text not null,
  overridden_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  used_by uuid,
  UNIQUE (deployment_id),
  UNIQUE (used_by),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  FOREIGN KEY (used_by) REFERENCES deployments(id),
  CHECK ((content ~ '^sha256:[0-9a-f]{64}$'::text)),
  CHECK ((seal ~ '^sha256:[0-9a-f]{64}$'::text))
);
CREATE INDEX policy_overrides_unused ON policy_overrides USING btree (stack_id) WHERE (used_by IS NULL);

create table policy_packs (
  id uuid not null,
  organisation text not null,
  name text not null,
  version text not null,
  description text not null default ''::text,
  digest text not null,
  lockfile_digest text not null,
  size_bytes bigint not null,
  published_at timestamp with time zone not null default now(),
  published_by text not null,
  UNIQUE (organisation, name, version),
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  CHECK ((digest ~ '^sha256:[0-9a-f]{64}$'::text)),
  CHECK ((lockfile_digest ~ '^sha256:[0-9a-f]{64}$'::text))
);

create table policy_results (
  id bigint not null generated always as identity,
  deployment_id uuid not null,
  attempt integer not null,
  step text not null,
  rule_id uuid,
  pack text not null,
  version text,
  policy text not null,
  level text not null,
  outcome text not null,
  urn text,
  message text not null,
  recorded_at timestamp with time zone not null default now(),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (rule_id) REFERENCES policy_rules(id),
  CHECK ((level = ANY (ARRAY['mandatory'::text, 'advisory'::text, 'remediate'::text]))),
  CHECK ((outcome = ANY (ARRAY['violated'::text, 'overridden'::text, 'remediated'::text, 'reported'::text])))
);
CREATE INDEX policy_results_of ON policy_results USING btree (deployment_id, attempt, id);

create table policy_rules (
  id uuid not null,
  organisation text not null,
  project_id uuid,
  tag_name text,
  tag_value text,
  kind text not null,
  pack_id uuid,
  config jsonb not null default '{}'::jsonb,
  level text not null,
  overridable boolean not null,
  enabled_at timestamp with time zone not null default now(),
  enabled_by text not null,
  disabled_at timestamp with time zone,
  disabled_by text,
  holds_for_rollbacks boolean not null default false,
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  FOREIGN KEY (pack_id) REFERENCES policy_packs(id),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  CHECK (((kind = 'pack'::text) = (pack_id IS NOT NULL))),
  CHECK (((kind = 'pack'::text) OR (level <> 'pack'::text))),
  CHECK (((tag_name IS NULL) = (tag_value IS NULL))),
  CHECK (((disabled_at IS NULL) = (disabled_by IS NULL))),
  CHECK ((kind = ANY (ARRAY['pack'::text, 'required-tags'::text, 'protected-types'::text]))),
  CHECK ((level = ANY (ARRAY['pack'::text, 'mandatory'::text, 'advisory'::text])))
);
CREATE INDEX policy_rules_live ON policy_rules USING btree (organisation) WHERE (disabled_at IS NULL);

create table policy_versions (
  organisation text not null,
  version integer not null,
  PRIMARY KEY (organisation),
  FOREIGN KEY (organisation) REFERENCES organisations(name)
);

create table principals (
  id text not null,
  kind text not null,
  name text not null,
  organisation text,
  created_at timestamp with time zone not null default now(),
  removed_at timestamp with time zone,
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  CHECK (((kind = 'service'::text) = (organisation IS NOT NULL))),
  CHECK ((kind = ANY (ARRAY['owner'::text, 'user'::text, 'service'::text])))
);
CREATE UNIQUE INDEX principals_live_name ON principals USING btree (kind, COALESCE(organisation, ''::text), name) WHERE (removed_at IS NULL);

create table projects (
  id uuid not null,
  organisation text not null,
  name text not null,
  folder text,
  created_at timestamp with time zone not null default now(),
  removed_at timestamp with time zone,
  PRIMARY KEY (id),
  FOREIGN KEY (organisation) REFERENCES organisations(name)
);
CREATE UNIQUE INDEX projects_live_name ON projects USING btree (organisation, name) WHERE (removed_at IS NULL);

create table quarantines (
  stack_id uuid not null,
  source_digest text not null,
  config_digest text not null,
  reason text not null,
  created_at timestamp with time zone not null default now(),
  lifted_at timestamp with time zone,
  lifted_by text,
  id uuid not null default gen_random_uuid(),
  kind text not null default 'health'::text,
  deployment_id uuid,
  set_by text,
  lift_reason text,
  UNIQUE (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((kind = ANY (ARRAY['health'::text, 'crash'::text, 'hand'::text])))
);
CREATE UNIQUE INDEX quarantines_in_force ON quarantines USING btree (stack_id, source_digest, config_digest) WHERE (lifted_at IS NULL);

create table readiness_settings (
  stack_id uuid not null,
  required boolean not null,
  manual jsonb not null,
  without jsonb not null,
  set_at timestamp with time zone not null default now(),
  set_by text not null,
  PRIMARY KEY (stack_id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table readiness_ticks (
  id bigint not null generated always as identity,
  stack_id uuid not null,
  candidate text not null,
  item text not null,
  done boolean not null,
  note text,
  ticked_at timestamp with time zone not null default clock_timestamp(),
  ticked_by text not null,
  PRIMARY KEY (id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((candidate ~ '^(release|source):'::text))
);
CREATE INDEX readiness_ticks_of ON readiness_ticks USING btree (stack_id, candidate, item, id DESC);

create table release_artifacts (
  release_id uuid not null,
  name text not null,
  digest text not null,
  PRIMARY KEY (release_id, name),
  FOREIGN KEY (digest) REFERENCES artifacts(digest),
  FOREIGN KEY (release_id) REFERENCES releases(id)
);

create table releases (
  id uuid not null,
  stack_id uuid not null,
  number integer not null,
  deployment_id uuid not null,
  health text not null default 'pending'::text,
  rollback_of integer,
  source_digest text not null,
  lockfile_digest text,
  git_commit text,
  git_dirty boolean not null,
  config jsonb not null,
  config_digest text not null,
  pulumi_version text not null,
  plugins jsonb not null,
  outputs jsonb not null,
  requested_by text not null,
  message text,
  created_at timestamp with time zone not null default now(),
  health_decided_at timestamp with time zone,
  accepted_by text,
  accepted_reason text,
  UNIQUE (deployment_id),
  UNIQUE (stack_id, number),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (source_digest) REFERENCES artifacts(digest),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((accepted_by IS NULL) = (accepted_reason IS NULL))),
  CHECK ((health = ANY (ARRAY['pending'::text, 'good'::text, 'bad'::text])))
);

create table required_gate_versions (
  stack_id uuid not null,
  version integer not null,
  PRIMARY KEY (stack_id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table required_gates (
  stack_id uuid not null,
  phase text not null,
  name text not null,
  definition jsonb not null,
  set_by text not null,
  set_at timestamp with time zone not null default now(),
  PRIMARY KEY (stack_id, phase, name),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((phase = ANY (ARRAY['before'::text, 'after'::text])))
);

create table retention_settings (
  category text not null,
  max_age_days integer,
  max_bytes bigint,
  updated_at timestamp with time zone not null default now(),
  updated_by text not null,
  PRIMARY KEY (category),
  CHECK ((max_age_days > 0)),
  CHECK ((max_bytes > 0))
);

create table retention_totals (
  category text not null,
  removed bigint not null default 0,
  freed_bytes bigint not null default 0,
  last_run_at timestamp with time zone not null,
  PRIMARY KEY (category)
);

create table rollback_consents (
  deployment_id uuid not null,
  steps jsonb not null,
  asked_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  consented jsonb,
  consented_at timestamp with time zone,
  consented_by text,
  reason text,
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  CHECK ((((consented IS NULL) = (consented_at IS NULL)) AND ((consented IS NULL) = (consented_by IS NULL))))
);

create table rollback_settings (
  stack_id uuid not null,
  automatic boolean not null default true,
  covers_requested boolean not null default false,
  on_hold_expiry text not null default 'keep'::text,
  on_first_failure text not null default 'keep'::text,
  updated_at timestamp with time zone not null default now(),
  updated_by text not null,
  PRIMARY KEY (stack_id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((on_first_failure = ANY (ARRAY['keep'::text, 'destroyCreated'::text]))),
  CHECK ((on_hold_expiry = ANY (ARRAY['keep'::text, 'rollback'::text])))
);

create table run_limits (
  id uuid not null,
  project_id uuid,
  most integer not null,
  set_by text not null,
  set_at timestamp with time zone not null default now(),
  PRIMARY KEY (id),
  FOREIGN KEY (project_id) REFERENCES projects(id),
  CHECK (((most >= 1) AND (most <= 10000)))
);
CREATE UNIQUE INDEX run_limits_instance ON run_limits USING btree (((project_id IS NULL))) WHERE (project_id IS NULL);
CREATE UNIQUE INDEX run_limits_project ON run_limits USING btree (project_id) WHERE (project_id IS NOT NULL);

create table schedule_slots (
  schedule_id uuid not null,
  slot timestamp with time zone not null,
  outcome text not null,
  deployment_id uuid,
  detail text,
  slots integer not null default 1,
  recorded_at timestamp with time zone not null default now(),
  UNIQUE (deployment_id),
  PRIMARY KEY (schedule_id, slot),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (schedule_id) REFERENCES schedules(id),
  CHECK (((outcome = 'queued'::text) = (deployment_id IS NOT NULL))),
  CHECK ((outcome = ANY (ARRAY['queued'::text, 'missed'::text, 'skipped'::text, 'refused'::text, 'failed'::text]))),
  CHECK ((slots > 0))
);

create table schedules (
  id uuid not null,
  stack_id uuid not null,
  name text not null,
  operation text not null,
  options jsonb not null default '{}'::jsonb,
  cron text,
  once_at timestamp with time zone,
  time_zone text not null,
  jitter_seconds integer not null default 0,
  missed text not null,
  allow_destroy boolean not null default false,
  owner text not null,
  created_at timestamp with time zone not null default now(),
  since_at timestamp with time zone not null default now(),
  next_slot timestamp with time zone,
  next_at timestamp with time zone,
  paused_at timestamp with time zone,
  paused_by text,
  removed_at timestamp with time zone,
  removed_by text,
  PRIMARY KEY (id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((cron IS NULL) <> (once_at IS NULL))),
  CHECK (((operation <> 'destroy'::text) OR allow_destroy)),
  CHECK (((next_slot IS NULL) = (next_at IS NULL))),
  CHECK (((next_at IS NULL) OR ((paused_at IS NULL) AND (removed_at IS NULL)))),
  CHECK (((paused_at IS NULL) = (paused_by IS NULL))),
  CHECK (((removed_at IS NULL) = (removed_by IS NULL))),
  CHECK (((jitter_seconds >= 0) AND (jitter_seconds <= 21600))),
  CHECK ((missed = ANY (ARRAY['run-once'::text, 'record'::text]))),
  CHECK ((operation = ANY (ARRAY['detect-drift'::text, 'preview'::text, 'update'::text, 'refresh'::text, 'destroy'::text])))
);
CREATE INDEX schedules_due ON schedules USING btree (next_at) WHERE (next_at IS NOT NULL);
CREATE UNIQUE INDEX schedules_live_name ON schedules USING btree (stack_id, name) WHERE (removed_at IS NULL);

create table schema_versions (
  version integer not null,
  name text not null,
  applied_at timestamp with time zone not null default now(),
  PRIMARY KEY (version)
);

create table seals (
  deployment_id uuid not null,
  stack_id uuid not null,
  attempt integer not null,
  digest text not null,
  items jsonb not null,
  body bytea,
  sealed_at timestamp with time zone not null default now(),
  PRIMARY KEY (deployment_id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);
CREATE INDEX seals_of_stack ON seals USING btree (stack_id, digest, sealed_at DESC);

create table secret_versions (
  id bigint not null generated always as identity,
  stack_id uuid not null,
  slot text not null,
  arn text not null,
  version_id text not null,
  put_at timestamp with time zone not null default clock_timestamp(),
  put_by text not null,
  UNIQUE (stack_id, slot, version_id),
  PRIMARY KEY (id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table shipments (
  id uuid not null,
  stack_id uuid not null,
  deployment_id uuid not null,
  release_id uuid not null,
  restored_from uuid,
  manifest jsonb not null,
  shipment jsonb not null,
  parts jsonb not null,
  shipped_at timestamp with time zone not null default now(),
  UNIQUE (deployment_id),
  UNIQUE (release_id),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (release_id) REFERENCES releases(id),
  FOREIGN KEY (restored_from) REFERENCES releases(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);
CREATE INDEX shipments_of_stack ON shipments USING btree (stack_id, shipped_at DESC);

create table sign_ins (
  id uuid not null,
  hash bytea not null,
  principal text not null,
  token_id uuid not null,
  created_at timestamp with time zone not null default now(),
  expires_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  UNIQUE (hash),
  PRIMARY KEY (id),
  FOREIGN KEY (principal) REFERENCES principals(id),
  FOREIGN KEY (token_id) REFERENCES tokens(id)
);
CREATE INDEX sign_ins_of_principal ON sign_ins USING btree (principal);

create table sign_offs (
  id uuid not null,
  stack_id uuid not null,
  candidate text not null,
  source_digest text not null,
  artifacts_digest text,
  checklist jsonb not null,
  comment text not null,
  sign_in_id uuid not null,
  signed_at timestamp with time zone not null default clock_timestamp(),
  signed_by text not null,
  withdrawn_at timestamp with time zone,
  withdrawn_by text,
  PRIMARY KEY (id),
  FOREIGN KEY (sign_in_id) REFERENCES sign_ins(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK ((candidate ~ '^(release|source):'::text)),
  CHECK (((withdrawn_at IS NULL) = (withdrawn_by IS NULL))),
  CHECK ((starts_with(candidate, 'release:'::text) = (artifacts_digest IS NOT NULL)))
);
CREATE INDEX sign_offs_of ON sign_offs USING btree (stack_id, candidate) WHERE (withdrawn_at IS NULL);

create table source_authors (
  source_digest text not null,
  name text not null,
  email text not null,
  PRIMARY KEY (source_digest, name, email)
);

create table stack_aliases (
  organisation text not null,
  project text not null,
  stack text not null,
  stack_id uuid not null,
  created_at timestamp with time zone not null default now(),
  PRIMARY KEY (organisation, project, stack),
  FOREIGN KEY (organisation) REFERENCES organisations(name),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table stack_config (
  stack_id uuid not null,
  key text not null,
  secret boolean not null,
  value text,
  ciphertext bytea,
  updated_at timestamp with time zone not null default now(),
  updated_by text not null,
  PRIMARY KEY (stack_id, key),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((secret AND (value IS NULL) AND (ciphertext IS NOT NULL)) OR ((NOT secret) AND (value IS NOT NULL) AND (ciphertext IS NULL))))
);

create table stack_pins (
  stack_id uuid not null,
  shipment_id uuid not null,
  pinned_at timestamp with time zone not null default now(),
  PRIMARY KEY (stack_id),
  FOREIGN KEY (shipment_id) REFERENCES shipments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table stack_writers (
  stack_id uuid not null,
  holder uuid,
  epoch bigint not null default 0,
  expires_at timestamp with time zone,
  holder_kind text,
  PRIMARY KEY (stack_id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  CHECK (((holder IS NULL) = (holder_kind IS NULL))),
  CHECK ((holder_kind = ANY (ARRAY['attempt'::text, 'update'::text])))
);

create table stacks (
  id uuid not null,
  project_id uuid not null,
  name text not null,
  tags jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default now(),
  removed_at timestamp with time zone,
  next_deployment integer not null default 1,
  next_release integer not null default 1,
  resource_count integer,
  next_update integer not null default 1,
  keeper text,
  PRIMARY KEY (id),
  FOREIGN KEY (project_id) REFERENCES projects(id)
);
CREATE UNIQUE INDEX stacks_live_name ON stacks USING btree (project_id, name) WHERE (removed_at IS NULL);

create table state_imports (
  stack_id uuid not null,
  source text not null,
  digest bytea not null,
  principal text not null,
  imported_at timestamp with time zone not null default now(),
  PRIMARY KEY (stack_id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table states (
  id uuid not null,
  stack_id uuid not null,
  number integer not null,
  update_id uuid,
  body bytea not null,
  sha256 bytea not null,
  size_bytes bigint not null,
  resource_count integer not null,
  partial boolean not null default false,
  created_at timestamp with time zone not null default now(),
  UNIQUE (stack_id, number),
  PRIMARY KEY (id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  FOREIGN KEY (update_id) REFERENCES updates(id)
);

create table step_runs (
  deployment_id uuid not null,
  attempt integer not null,
  step text not null,
  service text not null default ''::text,
  succeeded boolean not null,
  duration_ms integer not null,
  finished_at timestamp with time zone not null default now(),
  PRIMARY KEY (deployment_id, attempt, step, service),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  CHECK ((duration_ms >= 0))
);
CREATE INDEX step_runs_finished ON step_runs USING btree (finished_at);

create table tokens (
  id uuid not null,
  principal text not null,
  kind text not null,
  hash bytea not null,
  created_at timestamp with time zone not null default now(),
  revoked_at timestamp with time zone,
  name text,
  expires_at timestamp with time zone,
  created_by text,
  UNIQUE (hash),
  PRIMARY KEY (id),
  CHECK ((kind = ANY (ARRAY['owner'::text, 'worker'::text, 'user'::text, 'service'::text])))
);
CREATE INDEX tokens_of_principal ON tokens USING btree (principal);

create table unreconciled_stacks (
  stack_id uuid not null,
  backup_at timestamp with time zone not null,
  restored_at timestamp with time zone not null default now(),
  state_number integer,
  PRIMARY KEY (stack_id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);

create table update_checkpoints (
  update_id uuid not null,
  body bytea not null,
  received_at timestamp with time zone not null default now(),
  PRIMARY KEY (update_id),
  FOREIGN KEY (update_id) REFERENCES updates(id)
);

create table update_event_batches (
  update_id uuid not null,
  first_sequence integer not null,
  last_sequence integer not null,
  body bytea not null,
  received_at timestamp with time zone not null default now(),
  PRIMARY KEY (update_id, first_sequence, last_sequence),
  FOREIGN KEY (update_id) REFERENCES updates(id)
);

create table update_events (
  update_id uuid not null,
  sequence integer not null,
  at timestamp with time zone not null,
  body jsonb,
  received_at timestamp with time zone not null default now(),
  PRIMARY KEY (update_id, sequence),
  FOREIGN KEY (update_id) REFERENCES updates(id)
);

create table updates (
  id uuid not null,
  stack_id uuid not null,
  kind text not null,
  dry_run boolean not null,
  status text not null default 'requested'::text,
  number integer,
  attempt_id uuid,
  deployment_id uuid,
  epoch bigint,
  principal text not null,
  message text,
  claimed jsonb not null default '{}'::jsonb,
  client text,
  address text,
  options jsonb not null default '{}'::jsonb,
  config jsonb not null default '{}'::jsonb,
  token_hash bytea,
  token_expires_at timestamp with time zone,
  drain_until timestamp with time zone,
  cancelled_by text,
  journal_version integer not null default 0,
  base_state uuid,
  state_id uuid,
  resource_changes jsonb,
  resource_count integer,
  failure text,
  requested_at timestamp with time zone not null default now(),
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  UNIQUE (stack_id, number),
  UNIQUE (token_hash),
  PRIMARY KEY (id),
  FOREIGN KEY (attempt_id) REFERENCES attempts(id),
  FOREIGN KEY (base_state) REFERENCES states(id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id),
  FOREIGN KEY (state_id) REFERENCES states(id),
  CHECK (((status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])) = (finished_at IS NOT NULL))),
  CHECK ((dry_run OR (status = 'requested'::text) OR ((number IS NOT NULL) AND (epoch IS NOT NULL)))),
  CHECK ((kind = ANY (ARRAY['preview'::text, 'update'::text, 'refresh'::text, 'destroy'::text, 'import'::text, 'edit'::text]))),
  CHECK ((status = ANY (ARRAY['requested'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])))
);
CREATE INDEX updates_changes_started ON updates USING btree (started_at) WHERE (NOT dry_run);
CREATE INDEX updates_live_of_attempt ON updates USING btree (attempt_id) WHERE (status = 'running'::text);
CREATE INDEX updates_newest ON updates USING btree (stack_id, requested_at DESC, id DESC);
CREATE UNIQUE INDEX updates_one_running ON updates USING btree (stack_id) WHERE ((status = 'running'::text) AND (NOT dry_run));

create table validation_reports (
  id bigint not null generated always as identity,
  stack_id uuid not null,
  deployment_id uuid not null,
  attempt integer not null,
  gate text not null,
  report jsonb not null,
  validated_at timestamp with time zone not null default now(),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id),
  FOREIGN KEY (stack_id) REFERENCES stacks(id)
);
CREATE INDEX validation_reports_of ON validation_reports USING btree (stack_id, id DESC);

create table verification_moves (
  from_state text not null,
  to_state text not null,
  PRIMARY KEY (from_state, to_state)
);

create table verifications (
  id bigint not null generated always as identity,
  deployment_id uuid not null,
  state text not null,
  reason text not null,
  evidence jsonb not null default '{}'::jsonb,
  principal text not null,
  at timestamp with time zone not null default now(),
  PRIMARY KEY (id),
  FOREIGN KEY (deployment_id) REFERENCES deployments(id)
);
CREATE INDEX verifications_of_deployment ON verifications USING btree (deployment_id, id);

create table workers (
  id uuid not null,
  host text not null,
  started_at timestamp with time zone not null default now(),
  seen_at timestamp with time zone not null default now(),
  operation_versions integer[] not null default '{1}'::integer[],
  concurrency integer,
  stopped_at timestamp with time zone,
  draining_since timestamp with time zone,
  keeper text,
  place jsonb,
  PRIMARY KEY (id),
  CHECK ((concurrency >= 1))
);

create table wrapping_keys (
  id text not null,
  canary bytea not null,
  created_at timestamp with time zone not null default now(),
  retired_at timestamp with time zone,
  PRIMARY KEY (id)
);

CREATE OR REPLACE FUNCTION public.end_approval_with_deployment()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  update approvals set state = case when new.status in ('rejected', 'expired', 'stale') then new.status else 'cancelled' end, decided_at = now()
  where deployment_id = new.id and state in ('open', 'approved');
  return new;
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_audit_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$ begin raise exception 'audit entries are never changed or removed'; end $function$;

CREATE OR REPLACE FUNCTION public.refuse_unknown_attempt_move()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (select 1 from attempt_moves where from_status = old.status and to_status = new.status) then
    raise exception 'an attempt does not move from % to %', old.status, new.status;
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_unknown_move()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (select 1 from deployment_moves where from_status = old.status and to_status = new.status) then
    raise exception 'a deployment does not move from % to %', old.status, new.status;
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_unknown_verification_move()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (
    select 1 from verification_moves where from_state = coalesce(old.verification, '') and to_state = coalesce(new.verification, '')
  ) then
    raise exception 'a deployment''s verification does not move from % to %', coalesce(old.verification, 'nothing'), coalesce(new.verification, 'nothing');
  end if;
  return new;
end $function$;

