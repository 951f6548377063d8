import type { ColumnType, Generated } from "kysely";
import type { ApprovalState, Risk, StackRules } from "../contract/approvals.ts";
import type { AlarmKind } from "../contract/monitoring.ts";
import type { NotificationBody } from "../contract/notifications.ts";
import type { AutomaticItem, ChecklistItem, ManualItem } from "../contract/readiness.ts";
import type { MovedItem } from "../contract/seals.ts";
import type { HoldCause, IrreversibleStep } from "../contract/verification.ts";

/** Read as what was stored, written as JSON text: pg would turn an array into a Postgres array. */
type Json<T> = ColumnType<T, string, string>;
type JsonWithDefault<T> = ColumnType<T, string | undefined, string>;
/** Always set by the database's clock (`default now()` or `sql`now()``). */
type Instant = ColumnType<Date, Date | undefined, Date>;
type NullableInstant = ColumnType<Date | null, Date | null | undefined, Date | null>;

/** One value of a config snapshot: clear text, or base64 of what secrets/config-secrets.ts sealed. */
export type StoredConfigValue = { secret: false; value: string } | { secret: true; ciphertext: string };
export type StoredConfig = Record<string, StoredConfigValue>;

/** The tables of the migrations, as Kysely sees them. A test compares the columns with the real schema. */
export interface Tables {
  organisations: { name: string; created_at: Instant };
  projects: {
    id: string;
    organisation: string;
    name: string;
    /** Null: the Pulumi CLI made the project. */
    folder: string | null;
    created_at: Instant;
    removed_at: NullableInstant;
  };
  stacks: {
    id: string;
    project_id: string;
    name: string;
    tags: JsonWithDefault<Record<string, string>>;
    created_at: Instant;
    removed_at: NullableInstant;
    next_deployment: Generated<number>;
    next_release: Generated<number>;
    next_update: Generated<number>;
    resource_count: number | null;
    keeper: string | null;
  };
  stack_aliases: {
    organisation: string;
    project: string;
    stack: string;
    stack_id: string;
    created_at: Instant;
  };
  stack_config: {
    stack_id: string;
    key: string;
    secret: boolean;
    value: string | null;
    ciphertext: Buffer | null;
    updated_at: Instant;
    updated_by: string;
  };
  tokens: {
    id: string;
    principal: string;
    kind: "owner" | "worker" | "user" | "service";
    hash: Buffer;
    name: string | null;
    created_at: Instant;
    expires_at: NullableInstant;
    revoked_at: NullableInstant;
    created_by: string | null;
  };
  sign_ins: {
    id: string;
    hash: Buffer;
    principal: string;
    token_id: string;
    created_at: Instant;
    expires_at: Instant;
    ended_at: NullableInstant;
  };
  groups: { id: string; organisation: string; name: string; created_at: Instant; created_by: string };
  group_members: { group_id: string; principal: string; added_at: Instant; added_by: string };
  approval_rule_sets: {
    stack_id: string;
    version: number;
    rules: Json<StackRules>;
    created_at: Instant;
    created_by: string;
  };
  source_authors: { source_digest: string; name: string; email: string };
  approvals: {
    deployment_id: string;
    state: ApprovalState;
    seal: string;
    risk: Json<Risk>;
    types: Json<string[]>;
    requested_at: Instant;
    expires_at: Instant;
    reminded_at: NullableInstant;
    decided_at: NullableInstant;
    begun_by: string | null;
  };
  approval_votes: {
    deployment_id: string;
    principal: string;
    verdict: "approve" | "reject";
    seal: string;
    comment: string | null;
    sign_in_id: string | null;
    cast_at: Instant;
  };
  emergencies: {
    deployment_id: string;
    principal: string;
    reason: string;
    incident: string;
    requested_at: Instant;
    expires_at: Instant;
    review_due_at: Instant;
    reviewed_at: NullableInstant;
    reviewed_by: string | null;
    review: string | null;
  };
  principals: {
    id: string;
    kind: "owner" | "user" | "service";
    name: string;
    /** Of a service account. */
    organisation: string | null;
    created_at: Instant;
    removed_at: NullableInstant;
  };
  memberships: {
    principal: string;
    organisation: string;
    role: "viewer" | "deployer" | "admin";
    granted_at: Instant;
    granted_by: string;
  };
  attempt_tokens: { hash: Buffer; attempt_id: string; may_change: boolean; created_at: Instant };
  output_readers: { stack_id: string; reader_stack_id: string; granted_at: Instant; granted_by: string };
  output_reads: {
    stack_id: string;
    reader_stack_id: string | null;
    principal: string;
    first_at: Instant;
    last_at: Instant;
    times: Generated<number>;
  };
  wrapping_keys: { id: string; canary: Buffer; created_at: Instant; retired_at: NullableInstant };
  data_keys: {
    stack_id: string;
    version: number;
    wrapping_key: string;
    wrapped: Buffer;
    created_at: Instant;
  };
  installation_keys: { name: string; wrapping_key: string; wrapped: Buffer; created_at: Instant };
  alarms: {
    id: string;
    kind: AlarmKind;
    fingerprint: string;
    stack_id: string;
    detail: string;
    found_at: Instant;
    acknowledged_at: NullableInstant;
    acknowledged_by: string | null;
  };
  artifacts: { digest: string; kind: "source" | "service"; size_bytes: number; created_at: Instant };
  artifact_contents: {
    digest: string;
    content_sha256: string;
    size_bytes: number;
    chunks: number;
    stored_at: Instant;
    used_at: Instant;
  };
  artifact_chunks: { digest: string; position: number; body: Buffer };
  workers: {
    id: string;
    host: string;
    started_at: Instant;
    seen_at: Instant;
    operation_versions: Generated<number[]>;
    draining_since: NullableInstant;
    concurrency: number | null;
    stopped_at: NullableInstant;
    keeper: string | null;
    place: ColumnType<unknown, string | null | undefined, string | null>;
  };
  deployments: {
    id: string;
    stack_id: string;
    number: number;
    operation: string;
    operation_version: Generated<number>;
    status: Generated<string>;
    options: JsonWithDefault<Record<string, unknown>>;
    message: string | null;
    requested_by: string;
    cause: Generated<string>;
    caused_by: string | null;
    rolled_back_by: string | null;
    target_release: number | null;
    source_digest: string | null;
    lockfile_digest: string | null;
    git_commit: string | null;
    git_dirty: Generated<boolean>;
    config: JsonWithDefault<StoredConfig>;
    config_digest: string;
    changes: JsonWithDefault<Record<string, number>>;
    failure: ColumnType<
      { code: string; detail: string; remedy: string | null } | null,
      string | null | undefined,
      string | null
    >;
    cancel_requested_at: NullableInstant;
    cancelled_by: string | null;
    continues: string | null;
    runs_after: string | null;
    trace_parent: string | null;
    binding: "exact" | "equivalent" | null;
    bound_to: string | null;
    moved: ColumnType<MovedItem[] | null, string | null | undefined, string | null>;
    verification: string | null;
    data_change: ColumnType<unknown, string | null | undefined, string | null>;
    acknowledges: string | null;
    /** Id of another stack's release whose source and artifacts it takes. */
    promoted_from: string | null;
    requested_at: Instant;
    started_at: NullableInstant;
    finished_at: NullableInstant;
    /** Of claims: 0 is first. */
    queue_rank: ColumnType<number, never, never>;
  };
  environments: { project_id: string; position: number; stack_id: string; only_promoted: boolean };
  deliveries: {
    id: string;
    project_id: string;
    requested_by: string;
    message: string | null;
    from_release: string | null;
    created_at: Instant;
    paused_at: NullableInstant;
    paused_by: string | null;
    cancelled_at: NullableInstant;
    cancelled_by: string | null;
    outcome: "succeeded" | "stopped" | "cancelled" | null;
    ended_at: NullableInstant;
  };
  delivery_stacks: {
    delivery_id: string;
    wave: number;
    position: number;
    stack_id: string;
    from_stack_id: string | null;
    deployment_id: string | null;
    refusal: ColumnType<
      { code: string; detail: string; remedy: string | null } | null,
      string | null | undefined,
      string | null
    >;
  };
  step_runs: {
    deployment_id: string;
    attempt: number;
    step: string;
    /** Empty: the step as a whole. */
    service: Generated<string>;
    succeeded: boolean;
    duration_ms: number;
    finished_at: Instant;
  };
  budgets: {
    project_id: string;
    step: string;
    /** Empty: the step as a whole. */
    service: Generated<string>;
    most_seconds: number;
    fails: boolean;
    updated_at: Instant;
    updated_by: string;
  };
  pauses: {
    id: string;
    scope: "everything" | "project" | "stack";
    project_id: string | null;
    stack_id: string | null;
    reason: string;
    paused_by: string;
    paused_at: Instant;
  };
  run_limits: { id: string; project_id: string | null; most: number; set_by: string; set_at: Instant };
  deployment_moves: { from_status: string; to_status: string };
  attempt_moves: { from_status: string; to_status: string };
  verification_moves: { from_state: string; to_state: string };
  verifications: {
    id: Generated<number>;
    deployment_id: string;
    state: string;
    reason: string;
    evidence: JsonWithDefault<Record<string, unknown>>;
    principal: string;
    at: Instant;
  };
  deployment_holds: {
    deployment_id: string;
    stack_id: string;
    why: HoldCause;
    reason: string;
    held_at: Instant;
    expires_at: Date;
    decision: "keep" | "rollback" | "expired" | "superseded" | null;
    decided_at: NullableInstant;
    decided_by: string | null;
    decision_reason: string | null;
  };
  rollback_consents: {
    deployment_id: string;
    steps: Json<IrreversibleStep[]>;
    asked_at: Instant;
    expires_at: Date;
    consented: ColumnType<string[] | null, string | null | undefined, string | null>;
    consented_at: NullableInstant;
    consented_by: string | null;
    reason: string | null;
  };
  failed_rollbacks: {
    deployment_id: string;
    stack_id: string;
    rollback_id: string;
    detail: string;
    failed_at: Instant;
    settled_at: NullableInstant;
    settled_by: string | null;
  };
  rollback_settings: {
    stack_id: string;
    automatic: Generated<boolean>;
    covers_requested: Generated<boolean>;
    on_hold_expiry: Generated<"keep" | "rollback">;
    on_first_failure: Generated<"keep" | "destroyCreated">;
    updated_at: Instant;
    updated_by: string;
  };
  deployment_steps: {
    deployment_id: string;
    position: number;
    name: string;
    state: Generated<string>;
    started_at: NullableInstant;
    finished_at: NullableInstant;
    detail: string | null;
    recorded_at: Instant;
    result: ColumnType<unknown, string | null | undefined, string | null>;
  };
  attempts: {
    id: string;
    deployment_id: string;
    number: number;
    worker_id: string;
    epoch: number;
    status: string;
    claimed_at: Instant;
    finished_at: NullableInstant;
    events_written: Generated<number>;
    /** Where it runs; see pipeline/place.ts. */
    containment: ColumnType<unknown, string | null | undefined, string | null>;
    crashed: Generated<boolean>;
  };
  deployment_accounts: {
    deployment_id: string;
    done: number;
    not_done: number;
    unknown: number;
    planned: boolean;
    pending_creates: JsonWithDefault<{ urn: string; type: string; mayExist: boolean }[]>;
    body: Buffer;
    created_at: Instant;
  };
  stack_writers: {
    stack_id: string;
    /** Id of an attempt or of an update, as `holder_kind` says. */
    holder: string | null;
    holder_kind: "attempt" | "update" | null;
    epoch: Generated<number>;
    expires_at: NullableInstant;
  };
  deployment_events: {
    deployment_id: string;
    sequence: number;
    attempt: number;
    at: Date;
    body: Json<unknown>;
  };
  gate_results: {
    deployment_id: string;
    name: string;
    phase: string;
    required: boolean;
    verdict: string;
    detail: string;
    measurements: Json<unknown>;
    measured_at: Date;
    dry_run: Generated<boolean>;
    unhealthy_before: Generated<boolean>;
    evidence: ColumnType<unknown, string | undefined, string>;
    output: string | null;
  };
  gate_baselines: {
    deployment_id: string;
    name: string;
    measurement: Json<unknown>;
  };
  required_gates: {
    stack_id: string;
    phase: "before" | "after";
    name: string;
    definition: Json<unknown>;
    set_by: string;
    set_at: Instant;
  };
  required_gate_versions: {
    stack_id: string;
    version: number;
  };
  releases: {
    id: string;
    stack_id: string;
    number: number;
    deployment_id: string;
    health: Generated<string>;
    rollback_of: number | null;
    source_digest: string;
    lockfile_digest: string | null;
    git_commit: string | null;
    git_dirty: boolean;
    config: Json<StoredConfig>;
    config_digest: string;
    pulumi_version: string;
    plugins: Json<{ name: string; version: string | null }[]>;
    outputs: Json<Record<string, unknown>>;
    requested_by: string;
    message: string | null;
    created_at: Instant;
    health_decided_at: NullableInstant;
    accepted_by: string | null;
    accepted_reason: string | null;
  };
  release_artifacts: { release_id: string; name: string; digest: string };
  quarantines: {
    id: Generated<string>;
    kind: Generated<"health" | "crash" | "hand">;
    set_by: string | null;
    lift_reason: string | null;
    deployment_id: string | null;
    stack_id: string;
    source_digest: string;
    config_digest: string;
    reason: string;
    created_at: Instant;
    lifted_at: NullableInstant;
    lifted_by: string | null;
  };
  schedules: {
    id: string;
    stack_id: string;
    name: string;
    operation: string;
    options: JsonWithDefault<Record<string, unknown>>;
    cron: string | null;
    once_at: NullableInstant;
    time_zone: string;
    jitter_seconds: Generated<number>;
    missed: string;
    allow_destroy: Generated<boolean>;
    owner: string;
    created_at: Instant;
    since_at: Instant;
    next_slot: NullableInstant;
    next_at: NullableInstant;
    paused_at: NullableInstant;
    paused_by: string | null;
    removed_at: NullableInstant;
    removed_by: string | null;
  };
  schedule_slots: {
    schedule_id: string;
    slot: Date;
    outcome: string;
    deployment_id: string | null;
    detail: string | null;
    slots: Generated<number>;
    recorded_at: Instant;
  };
  /** The leases of attempts that only look. */
  attempt_looks: {
    attempt_id: string;
    stack_id: string;
    expires_at: Date;
    writer_epoch: number;
    state_number: number;
  };
  drift_checks: {
    id: string;
    stack_id: string;
    deployment_id: string;
    status: string;
    cause: string | null;
    checked_at: Instant;
    state_number: number | null;
    release_number: number | null;
    gone: Generated<number>;
    input_changed: Generated<number>;
    output_only: Generated<number>;
    resources: JsonWithDefault<unknown>;
    kind: Generated<string>;
    unconfirmed: Generated<number>;
    quiet: Generated<number>;
    sealed: Buffer | null;
  };
  drift_alerts: {
    id: string;
    stack_id: string;
    kind: string;
    fingerprint: string;
    urn: string | null;
    resource_type: string | null;
    path: string | null;
    summary: string;
    sealed: Buffer | null;
    opened_at: Instant;
    opened_by: string;
    seen_at: Instant;
    seen_by: string;
    told_at: Instant;
    reminders: Generated<number>;
    remediation: string | null;
    closed_at: NullableInstant;
    closed_because: string | null;
    closed_by_rule: string | null;
  };
  drift_ignores: {
    id: string;
    stack_id: string;
    urn_glob: string;
    path: string | null;
    reason: string;
    expires_at: Date;
    created_at: Instant;
    created_by: string;
    matched_at: NullableInstant;
    removed_at: NullableInstant;
    removed_by: string | null;
  };
  drift_baselines: {
    stack_id: string;
    fingerprint: string;
    state_number: number;
    urn: string;
    path: string;
    check_id: string;
  };
  drift_volatile: {
    stack_id: string;
    urn: string;
    path: string;
    state_number: number;
    last_value: string;
    moves: Generated<number>;
    moved_at: Instant;
    learned_at: NullableInstant;
    switched_off_at: NullableInstant;
    switched_off_by: string | null;
  };
  drift_missing: { stack_id: string; urn: string; first_at: Instant; check_id: string };
  /** Checks that Slipway asks for by itself. */
  drift_follow_ups: {
    id: string;
    stack_id: string;
    kind: string;
    state_number: number | null;
    due_at: Date;
    deployment_id: string | null;
    created_at: Instant;
    dropped_at: NullableInstant;
  };
  audit_entries: {
    sequence: Generated<number>;
    at: Instant;
    principal: string;
    action: string;
    organisation: string;
    subject: string;
    details: JsonWithDefault<Record<string, unknown>>;
    request_id: string | null;
  };
  idempotency_keys: {
    principal: string;
    key: string;
    fingerprint: string;
    status: number;
    location: string | null;
    body: Json<unknown>;
    created_at: Instant;
  };
  updates: {
    id: string;
    stack_id: string;
    kind: string;
    dry_run: boolean;
    status: Generated<string>;
    number: number | null;
    attempt_id: string | null;
    deployment_id: string | null;
    epoch: number | null;
    principal: string;
    message: string | null;
    claimed: JsonWithDefault<Record<string, string>>;
    client: string | null;
    address: string | null;
    options: JsonWithDefault<Record<string, unknown>>;
    config: JsonWithDefault<Record<string, unknown>>;
    token_hash: Buffer | null;
    token_expires_at: NullableInstant;
    drain_until: NullableInstant;
    cancelled_by: string | null;
    journal_version: Generated<number>;
    base_state: string | null;
    state_id: string | null;
    resource_changes: ColumnType<Record<string, number> | null, string | null | undefined, string | null>;
    resource_count: number | null;
    failure: string | null;
    requested_at: Instant;
    started_at: NullableInstant;
    finished_at: NullableInstant;
  };
  states: {
    id: string;
    stack_id: string;
    number: number;
    update_id: string | null;
    body: Buffer;
    sha256: Buffer;
    size_bytes: number;
    resource_count: number;
    partial: Generated<boolean>;
    created_at: Instant;
  };
  retention_settings: {
    category: string;
    max_age_days: number | null;
    max_bytes: number | null;
    updated_at: Instant;
    updated_by: string;
  };
  retention_totals: {
    category: string;
    removed: Generated<number>;
    freed_bytes: Generated<number>;
    last_run_at: Instant;
  };
  unreconciled_stacks: {
    stack_id: string;
    backup_at: Instant;
    restored_at: Instant;
    state_number: number | null;
  };
  state_imports: {
    stack_id: string;
    source: string;
    digest: Buffer;
    principal: string;
    imported_at: Instant;
  };
  journal_batches: {
    id: Generated<number>;
    update_id: string;
    digest: Buffer;
    first_sequence: number;
    last_sequence: number;
    entries: number;
    body: Buffer;
    received_at: Instant;
  };
  update_checkpoints: { update_id: string; body: Buffer; received_at: Instant };
  update_events: {
    update_id: string;
    sequence: number;
    at: Date;
    body: ColumnType<unknown, string | null, string | null>;
    received_at: Instant;
  };
  deployment_previews: {
    deployment_id: string;
    attempt: number;
    counts: Json<Record<string, number>>;
    step_count: number;
    truncated: boolean;
    body: Buffer;
    previewed_at: Instant;
  };
  seals: {
    deployment_id: string;
    stack_id: string;
    attempt: number;
    digest: string;
    items: Json<Record<string, unknown>>;
    body: Buffer | null;
    sealed_at: Instant;
  };
  update_event_batches: {
    update_id: string;
    first_sequence: number;
    last_sequence: number;
    body: Buffer;
    received_at: Instant;
  };
  notification_destinations: {
    id: string;
    organisation: string;
    name: string;
    type: "webhook" | "email";
    /** Null once removed. */
    sealed: Buffer | null;
    shown: string;
    kinds: string[] | null;
    stacks: string[] | null;
    min_severity: Generated<"info" | "warning" | "critical">;
    installation: Generated<boolean>;
    paused_at: NullableInstant;
    paused_by: string | null;
    paused_reason: string | null;
    dead_in_a_row: Generated<number>;
    last_delivered_at: NullableInstant;
    created_at: Instant;
    created_by: string;
    removed_at: NullableInstant;
  };
  notifications: {
    id: string;
    /** Null: about the installation. */
    organisation: string | null;
    kind: string;
    subject: string;
    body: Json<NotificationBody>;
    dedupe_key: string;
    only_destination: string | null;
    created_at: Instant;
    routed_at: NullableInstant;
  };
  notification_deliveries: {
    id: string;
    notification_id: string;
    destination_id: string;
    status: Generated<"pending" | "delivered" | "dead">;
    attempts: Generated<number>;
    next_at: Instant;
    claim: Generated<number>;
    claimed: Generated<boolean>;
    deadline: Date;
    error: string | null;
    created_at: Instant;
    finished_at: NullableInstant;
  };
  notification_attempts: {
    delivery_id: string;
    number: number;
    started_at: Instant;
    finished_at: NullableInstant;
    outcome: "delivered" | "failed" | "refused" | null;
    status_code: number | null;
    error: string | null;
    duration_ms: number | null;
  };
  policy_packs: {
    id: string;
    organisation: string;
    name: string;
    version: string;
    description: Generated<string>;
    digest: string;
    lockfile_digest: string;
    size_bytes: number;
    published_at: Instant;
    published_by: string;
  };
  policy_rules: {
    id: string;
    organisation: string;
    project_id: string | null;
    tag_name: string | null;
    tag_value: string | null;
    kind: "pack" | "required-tags" | "protected-types";
    pack_id: string | null;
    config: JsonWithDefault<Record<string, unknown>>;
    level: "pack" | "mandatory" | "advisory";
    overridable: boolean;
    holds_for_rollbacks: ColumnType<boolean, boolean | undefined, boolean>;
    enabled_at: Instant;
    enabled_by: string;
    disabled_at: NullableInstant;
    disabled_by: string | null;
  };
  policy_versions: { organisation: string; version: number };
  policy_overriders: { organisation: string; principal: string; granted_at: Instant; granted_by: string };
  policy_results: {
    id: Generated<string>;
    deployment_id: string;
    attempt: number;
    step: string;
    rule_id: string | null;
    pack: string;
    version: string | null;
    policy: string;
    level: "mandatory" | "advisory" | "remediate";
    outcome: "violated" | "overridden" | "remediated" | "reported";
    urn: string | null;
    message: string;
    recorded_at: Instant;
  };
  policy_overrides: {
    id: string;
    stack_id: string;
    deployment_id: string;
    seal: string;
    content: string;
    findings: Json<unknown>;
    reason: string;
    overridden_by: string;
    overridden_at: Instant;
    expires_at: Date;
    used_by: string | null;
  };
  policy_checks: {
    deployment_id: string;
    attempt: number;
    set_digest: string;
    set_version: number;
    packs: Json<unknown>;
    content: string;
    seal: string;
    stopped: boolean;
    checked_at: Instant;
  };
  readiness_settings: {
    stack_id: string;
    required: boolean;
    manual: Json<ManualItem[]>;
    without: Json<AutomaticItem[]>;
    set_at: Instant;
    set_by: string;
  };
  readiness_ticks: {
    id: Generated<number>;
    stack_id: string;
    candidate: string;
    item: string;
    done: boolean;
    note: string | null;
    ticked_at: Instant;
    ticked_by: string;
  };
  sign_offs: {
    id: string;
    stack_id: string;
    candidate: string;
    source_digest: string;
    artifacts_digest: string | null;
    checklist: Json<ChecklistItem[]>;
    comment: string;
    sign_in_id: string;
    signed_at: Instant;
    signed_by: string;
    withdrawn_at: NullableInstant;
    withdrawn_by: string | null;
  };
  secret_versions: {
    id: Generated<number>;
    stack_id: string;
    slot: string;
    arn: string;
    version_id: string;
    put_at: Instant;
    put_by: string;
  };
  freezes: {
    id: string;
    organisation: string;
    project_id: string | null;
    stack_id: string | null;
    reason: string;
    starts_at: NullableInstant;
    ends_at: NullableInstant;
    cron: string | null;
    duration_minutes: number | null;
    time_zone: string;
    set_at: Instant;
    set_by: string;
    removed_at: NullableInstant;
    removed_by: string | null;
  };
  shipments: {
    id: string;
    stack_id: string;
    deployment_id: string;
    release_id: string;
    restored_from: string | null;
    manifest: Json<unknown>;
    shipment: Json<unknown>;
    parts: Json<unknown>;
    shipped_at: Instant;
  };
  stack_pins: { stack_id: string; shipment_id: string; pinned_at: Instant };
  validation_reports: {
    id: Generated<string>;
    stack_id: string;
    deployment_id: string;
    attempt: number;
    gate: string;
    report: Json<unknown>;
    validated_at: Instant;
  };
}
