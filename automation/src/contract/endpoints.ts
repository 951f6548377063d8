import { z } from "zod";
import type { Verb } from "./access.ts";
import {
  AccessToken,
  CreateAccessToken,
  CreateOrganisation,
  Member,
  MemberName,
  NewAccessToken,
  Organisation,
  OutputReader,
  OutputReaders,
  Principal,
  SetMember,
  UserName,
} from "./access.ts";
import { approvalEndpoints } from "./approval-endpoints.ts";
import { AuditEntry } from "./audit.ts";
import {
  AccountedResource,
  ContinueDeployment,
  Deployment,
  DeploymentOperation,
  DeploymentStatus,
  DeploymentSummary,
  RequestDeployment,
  ResourceOutcome,
} from "./deployments.ts";
import { DiskStatus } from "./disk.ts";
import { documentEndpoints } from "./documents.ts";
import { driftEndpoints } from "./drift-endpoints.ts";
import { DeploymentEvent } from "./events.ts";
import { freezeEndpoints } from "./freezes.ts";
import { gateEndpoints } from "./gate-endpoints.ts";
import { Id, OrganisationName, PageQuery, ProjectName, pageOf, StackName, StackPath } from "./identifiers.ts";
import { DataKeyVersion, KeysRewrapped, KeysRotated, RewrapKeys, RotateKeys, WrappingKey } from "./keys.ts";
import { monitoringEndpoints } from "./monitoring.ts";
import { notificationEndpoints } from "./notification-endpoints.ts";
import { policyEndpoints } from "./policies.ts";
import { previewEndpoints } from "./preview-endpoints.ts";
import { CreateProject, Project, ProjectPath } from "./projects.ts";
import { promotionEndpoints } from "./promotion-endpoints.ts";
import { Pause, Queue, RunLimit, SetPause, SetRunLimit, Worker } from "./queue.ts";
import { readinessEndpoints } from "./readiness.ts";
import { Reconciled, ReconcileStack, UnreconciledStack } from "./reconciliation.ts";
import { ReleaseShipment } from "./release-shipment.ts";
import { LiftQuarantine, Quarantine, Release } from "./releases.ts";
import { RetentionLimits, RetentionPath, RetentionRule, RetentionRun, RunRetention } from "./retention.ts";
import { rollbackEndpoints } from "./rollback-endpoints.ts";
import {
  CreateSchedule,
  NextRuns,
  NextRunsQuery,
  Schedule,
  ScheduleName,
  ScheduleSlot,
  ScheduleTiming,
} from "./schedules.ts";
import { sealEndpoints } from "./seal-endpoints.ts";
import { secretVersionEndpoints } from "./secret-versions.ts";
import {
  ConfigKey,
  ConfigValue,
  CreateStack,
  ReplaceTags,
  SetConfig,
  Stack,
  StackOutputs,
} from "./stacks.ts";
import { PlanStateImport, StateImportPlan } from "./state-imports.ts";
import {
  HistoryEntry,
  StackResources,
  StackState,
  StackWriterAnswer,
  Update,
  UpdateEvent,
} from "./updates.ts";

/**
 * What a caller must be allowed to do on the organisation, the stack, the deployment or the update that the request names. `any`: whoever
 * presents a valid token; the handler decides what they get.
 */
export type Permission = Verb | "any";
type Schema = z.ZodType;

/** One row of the API: the server registers it, the client derives a method from it, OpenAPI is generated from it. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Fastify form, `:name` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly permission: Permission;
  /** What `:id` names, so that its stack can be found. */
  readonly about?: "deployment" | "update" | "delivery";
  readonly params?: Schema;
  readonly query?: Schema;
  readonly body?: Schema;
  /** Of the body; left out: what is usual. */
  readonly bodyLimitBytes?: number;
  /** Success status and its body; null: no content. Problems are common to all. */
  readonly success: { readonly status: 200 | 201 | 202 | 204; readonly body: Schema | null };
  /** Takes an Idempotency-Key header. */
  readonly idempotent?: true;
  /** `event-stream`: answers text/event-stream when asked for by Accept, else a page of events. */
  readonly stream?: true;
}

const STACK = "/v1/stacks/:organisation/:project/:stack";
const SCHEDULES = `${STACK}/schedules`;
const SchedulePath = StackPath.extend({ schedule: ScheduleName });
/** Seconds that a request waits for a terminal status before it answers with what is. */
export const WaitQuery = z.strictObject({ wait: z.coerce.number().int().min(0).max(60).default(0) });
export const EventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(5000).default(1000),
});
const byId = z.strictObject({ id: Id });
const ofOrganisation = z.strictObject({ organisation: OrganisationName });
const READER = `${STACK}/readers/:readerProject/:readerStack`;
const ReaderPath = StackPath.extend({ readerProject: ProjectName, readerStack: StackName });

export const endpoints = {
  ...approvalEndpoints,
  whoami: {
    method: "GET",
    path: "/v1/whoami",
    summary: "Who the token belongs to",
    permission: "any",
    success: { status: 200, body: Principal },
  },

  listTokens: {
    method: "GET",
    path: "/v1/tokens",
    summary: "Tokens of the caller and of whom they manage, newest first, without their values",
    permission: "any",
    query: PageQuery.extend({ ended: z.enum(["false", "true"]).default("false") }),
    success: { status: 200, body: pageOf(AccessToken) },
  },
  createToken: {
    method: "POST",
    path: "/v1/tokens",
    // Without an Idempotency-Key: the record of the answer would hold the value.
    summary: "Make a token; its value is in this answer and nowhere else",
    permission: "any",
    body: CreateAccessToken,
    success: { status: 201, body: NewAccessToken },
  },
  revokeToken: {
    method: "DELETE",
    path: "/v1/tokens/:id",
    summary: "Revoke a token at once",
    permission: "any",
    params: byId,
    success: { status: 204, body: null },
  },

  listOrganisations: {
    method: "GET",
    path: "/v1/organisations",
    summary: "Organisations that the caller is a member of, by name",
    permission: "any",
    success: { status: 200, body: z.object({ items: z.array(Organisation) }) },
  },
  createOrganisation: {
    method: "POST",
    path: "/v1/organisations",
    summary: "Create an organisation; for the owner of the installation",
    permission: "installation.manage",
    body: CreateOrganisation,
    success: { status: 201, body: Organisation },
  },
  listMembers: {
    method: "GET",
    path: "/v1/organisations/:organisation/members",
    summary: "People and service accounts of an organisation, by name",
    permission: "organisation.read",
    params: ofOrganisation,
    success: { status: 200, body: z.object({ items: z.array(Member) }) },
  },
  setMember: {
    method: "PUT",
    path: "/v1/organisations/:organisation/members/:member",
    summary: "Give somebody a role; who is not known yet is made",
    permission: "organisation.manage",
    params: ofOrganisation.extend({ member: MemberName }),
    body: SetMember,
    success: { status: 200, body: Member },
  },
  removeMember: {
    method: "DELETE",
    path: "/v1/organisations/:organisation/members/:member",
    summary: "Take a person's role away, or remove a service account with its tokens",
    permission: "organisation.manage",
    params: ofOrganisation.extend({ member: MemberName }),
    success: { status: 204, body: null },
  },
  removeUser: {
    method: "DELETE",
    path: "/v1/users/:user",
    summary: "Remove a person from all organisations, with all tokens; for the owner of the installation",
    permission: "installation.manage",
    params: z.strictObject({ user: UserName }),
    success: { status: 204, body: null },
  },

  listProjects: {
    method: "GET",
    path: "/v1/projects",
    summary: "Projects, newest first",
    permission: "any",
    query: PageQuery,
    success: { status: 200, body: pageOf(Project) },
  },
  createProject: {
    method: "POST",
    path: "/v1/projects",
    summary: "Register a folder as a project",
    permission: "project.create",
    body: CreateProject,
    success: { status: 201, body: Project },
    idempotent: true,
  },
  getProject: {
    method: "GET",
    path: "/v1/projects/:organisation/:project",
    summary: "One project",
    permission: "organisation.read",
    params: ProjectPath,
    success: { status: 200, body: Project },
  },
  removeProject: {
    method: "DELETE",
    path: "/v1/projects/:organisation/:project",
    summary: "Forget a project that has no stacks",
    permission: "project.remove",
    params: ProjectPath,
    success: { status: 204, body: null },
  },

  listStacks: {
    method: "GET",
    path: "/v1/stacks",
    summary: "Stacks, newest first",
    permission: "any",
    query: PageQuery.extend({ organisation: OrganisationName.optional(), project: ProjectName.optional() }),
    success: { status: 200, body: pageOf(Stack) },
  },
  createStack: {
    method: "POST",
    path: "/v1/stacks",
    summary: "Create a stack",
    permission: "stack.create",
    body: CreateStack,
    success: { status: 201, body: Stack },
    idempotent: true,
  },
  getStack: {
    method: "GET",
    path: STACK,
    summary: "One stack",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: Stack },
  },
  removeStack: {
    method: "DELETE",
    path: STACK,
    summary: "Remove a stack without resources; its history stays in the audit log",
    permission: "stack.remove",
    params: StackPath,
    success: { status: 204, body: null },
  },
  replaceTags: {
    method: "PUT",
    path: `${STACK}/tags`,
    summary: "Replace all tags",
    permission: "stack.configure",
    params: StackPath,
    body: ReplaceTags,
    success: { status: 200, body: Stack },
  },
  listConfig: {
    method: "GET",
    path: `${STACK}/config`,
    summary: "Config of the stack on the server; secret values are never returned",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: z.object({ items: z.array(ConfigValue) }) },
  },
  setConfig: {
    method: "PUT",
    path: `${STACK}/config/:key`,
    summary: "Set one config value",
    permission: "stack.configure",
    params: StackPath.extend({ key: ConfigKey }),
    body: SetConfig,
    success: { status: 200, body: ConfigValue },
  },
  removeConfig: {
    method: "DELETE",
    path: `${STACK}/config/:key`,
    summary: "Remove one config value",
    permission: "stack.configure",
    params: StackPath.extend({ key: ConfigKey }),
    success: { status: 204, body: null },
  },
  getOutputs: {
    method: "GET",
    path: `${STACK}/outputs`,
    summary: "Outputs of the current release; empty when there is none",
    permission: "stack.export",
    params: StackPath,
    success: { status: 200, body: StackOutputs },
  },

  requestDeployment: {
    method: "POST",
    path: `${STACK}/deployments`,
    summary: "Request a deployment",
    permission: "stack.deploy",
    params: StackPath,
    query: WaitQuery,
    body: RequestDeployment,
    success: { status: 202, body: Deployment },
    idempotent: true,
  },
  listStackDeployments: {
    method: "GET",
    path: `${STACK}/deployments`,
    summary: "Deployments of a stack, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery,
    success: { status: 200, body: pageOf(DeploymentSummary) },
  },
  listDeployments: {
    method: "GET",
    path: "/v1/deployments",
    summary: "Deployments of all stacks, newest first",
    permission: "any",
    query: PageQuery.extend({
      status: DeploymentStatus.optional(),
      operation: DeploymentOperation.optional(),
    }),
    success: { status: 200, body: pageOf(DeploymentSummary) },
  },
  getDeployment: {
    method: "GET",
    path: "/v1/deployments/:id",
    about: "deployment",
    summary: "One deployment with steps and gates",
    permission: "stack.read",
    params: byId,
    query: WaitQuery,
    success: { status: 200, body: Deployment },
  },
  cancelDeployment: {
    method: "POST",
    path: "/v1/deployments/:id/cancel",
    about: "deployment",
    summary: "Cancel; a running one is interrupted once, then ended",
    permission: "stack.cancel",
    params: byId,
    success: { status: 202, body: Deployment },
  },
  continueDeployment: {
    method: "POST",
    path: "/v1/deployments/:id/continue",
    about: "deployment",
    summary: "Go on with one that did not end by itself: refresh, then the same operation again",
    permission: "stack.deploy",
    params: byId,
    body: ContinueDeployment,
    success: { status: 202, body: Deployment },
    idempotent: true,
  },
  listDeploymentResources: {
    method: "GET",
    path: "/v1/deployments/:id/resources",
    about: "deployment",
    summary: "What became of each resource of one that did not end by itself, unknown ones first",
    permission: "stack.read",
    params: byId,
    query: PageQuery.extend({ outcome: ResourceOutcome.optional() }),
    success: { status: 200, body: pageOf(AccountedResource) },
  },
  listEvents: {
    method: "GET",
    path: "/v1/deployments/:id/events",
    about: "deployment",
    summary: "Events, live by Accept: text/event-stream with Last-Event-ID",
    permission: "stack.read",
    params: byId,
    query: EventsQuery,
    success: { status: 200, body: z.object({ items: z.array(DeploymentEvent), complete: z.boolean() }) },
    stream: true,
  },

  listQuarantines: {
    method: "GET",
    path: `${STACK}/quarantines`,
    summary: "Sources with their config that are refused on the stack, newest first",
    permission: "stack.read",
    query: PageQuery.extend({ lifted: z.enum(["false", "true"]).default("false") }),
    params: StackPath,
    success: { status: 200, body: pageOf(Quarantine) },
  },
  liftQuarantine: {
    method: "POST",
    path: `${STACK}/quarantines/:quarantine/lift`,
    summary: "Let a source with its config be deployed on the stack again",
    permission: "stack.deploy",
    params: StackPath.extend({ quarantine: Id }),
    body: LiftQuarantine,
    success: { status: 200, body: Quarantine },
  },

  listReleases: {
    method: "GET",
    path: `${STACK}/releases`,
    summary: "Releases, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery,
    success: { status: 200, body: pageOf(Release) },
  },
  getRelease: {
    method: "GET",
    path: `${STACK}/releases/:number`,
    summary: "One release",
    permission: "stack.read",
    params: StackPath.extend({ number: z.coerce.number().int().min(1) }),
    success: { status: 200, body: Release },
  },
  getShipment: {
    method: "GET",
    path: `${STACK}/releases/:number/shipment`,
    summary: "What a release put in place on AWS: versions of functions and of the site's objects",
    permission: "stack.read",
    params: StackPath.extend({ number: z.coerce.number().int().min(1) }),
    success: { status: 200, body: ReleaseShipment },
  },

  listHistory: {
    method: "GET",
    path: `${STACK}/history`,
    summary: "Deployments and runs of the Pulumi CLI that belong to none, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery,
    success: { status: 200, body: pageOf(HistoryEntry) },
  },
  listUpdates: {
    method: "GET",
    path: `${STACK}/updates`,
    summary: "Updates of a stack, those of deployments and previews included, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery,
    success: { status: 200, body: pageOf(Update) },
  },
  getStackUpdate: {
    method: "GET",
    path: `${STACK}/updates/:number`,
    summary: "One update by its number in the stack, which Pulumi calls the version",
    permission: "stack.read",
    params: StackPath.extend({ number: z.coerce.number().int().min(1).max(2_147_483_647) }),
    success: { status: 200, body: Update },
  },
  getUpdate: {
    method: "GET",
    path: "/v1/updates/:id",
    about: "update",
    summary: "One update",
    permission: "stack.read",
    params: byId,
    query: WaitQuery,
    success: { status: 200, body: Update },
  },
  cancelUpdate: {
    method: "POST",
    path: "/v1/updates/:id/cancel",
    about: "update",
    summary:
      "Cancel a run of the Pulumi CLI; within seconds it ends, frees its stack, and what it had recorded becomes the state",
    permission: "stack.cancel",
    params: byId,
    success: { status: 202, body: Update },
  },
  listUpdateEvents: {
    method: "GET",
    path: "/v1/updates/:id/events",
    about: "update",
    summary: "Events of an update, live by Accept: text/event-stream with Last-Event-ID",
    permission: "stack.read",
    params: byId,
    query: EventsQuery,
    success: { status: 200, body: z.object({ items: z.array(UpdateEvent), complete: z.boolean() }) },
    stream: true,
  },
  getWriter: {
    method: "GET",
    path: `${STACK}/writer`,
    summary: "Who holds the stack, until when, and what frees it",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: StackWriterAnswer },
  },
  listResources: {
    method: "GET",
    path: `${STACK}/resources`,
    summary: "Resources of the current state, without their values",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: StackResources },
  },
  listStates: {
    method: "GET",
    path: `${STACK}/states`,
    summary: "States of a stack, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery,
    success: { status: 200, body: pageOf(StackState) },
  },

  listReaders: {
    method: "GET",
    path: `${STACK}/readers`,
    summary: "Whose programs may read the stack's outputs, and who has",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: OutputReaders },
  },
  allowReader: {
    method: "PUT",
    path: READER,
    summary: "Let the program of another stack of the organisation read this stack's outputs",
    permission: "stack.configure",
    params: ReaderPath,
    success: { status: 200, body: OutputReader },
  },
  removeReader: {
    method: "DELETE",
    path: READER,
    summary: "Let it read them no more",
    permission: "stack.configure",
    params: ReaderPath,
    success: { status: 204, body: null },
  },

  listSchedules: {
    method: "GET",
    path: SCHEDULES,
    summary: "Schedules of a stack, by name",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: z.object({ items: z.array(Schedule) }) },
  },
  createSchedule: {
    method: "POST",
    path: SCHEDULES,
    summary: "Run an operation on a stack by cron or once; it runs with what its creator may do at that time",
    permission: "stack.deploy",
    params: StackPath,
    body: CreateSchedule,
    success: { status: 201, body: Schedule },
    idempotent: true,
  },
  previewSchedule: {
    method: "POST",
    path: `${SCHEDULES}/next`,
    summary: "When a schedule would run, before it is made; changes nothing",
    permission: "stack.read",
    params: StackPath,
    query: NextRunsQuery,
    body: ScheduleTiming,
    success: { status: 200, body: NextRuns },
  },
  getSchedule: {
    method: "GET",
    path: `${SCHEDULES}/:schedule`,
    summary: "One schedule",
    permission: "stack.read",
    params: SchedulePath,
    success: { status: 200, body: Schedule },
  },
  removeSchedule: {
    method: "DELETE",
    path: `${SCHEDULES}/:schedule`,
    summary: "Remove a schedule; what it has queued goes on",
    permission: "stack.deploy",
    params: SchedulePath,
    success: { status: 204, body: null },
  },
  pauseSchedule: {
    method: "POST",
    path: `${SCHEDULES}/:schedule/pause`,
    summary: "Let no more slots of a schedule come, until it is resumed",
    permission: "stack.deploy",
    params: SchedulePath,
    success: { status: 200, body: Schedule },
  },
  resumeSchedule: {
    method: "POST",
    path: `${SCHEDULES}/:schedule/resume`,
    summary: "Let slots come again; those of the pause are left out",
    permission: "stack.deploy",
    params: SchedulePath,
    success: { status: 200, body: Schedule },
  },
  listNextRuns: {
    method: "GET",
    path: `${SCHEDULES}/:schedule/next`,
    summary: "When a schedule runs next",
    permission: "stack.read",
    params: SchedulePath,
    query: NextRunsQuery,
    success: { status: 200, body: NextRuns },
  },
  listScheduleSlots: {
    method: "GET",
    path: `${SCHEDULES}/:schedule/slots`,
    summary: "What became of a schedule's slots, newest first",
    permission: "stack.read",
    params: SchedulePath,
    query: PageQuery,
    success: { status: 200, body: pageOf(ScheduleSlot) },
  },

  listRetention: {
    method: "GET",
    path: "/v1/retention",
    summary: "What is collected, with its limits and what was freed",
    permission: "installation.manage",
    success: { status: 200, body: z.object({ items: z.array(RetentionRule) }) },
  },
  setRetention: {
    method: "PUT",
    path: "/v1/retention/:category",
    summary: "Set how long and how much of a category is kept",
    permission: "installation.manage",
    params: RetentionPath,
    body: RetentionLimits,
    success: { status: 200, body: RetentionRule },
  },
  resetRetention: {
    method: "DELETE",
    path: "/v1/retention/:category",
    summary: "Keep a category as the program has it",
    permission: "installation.manage",
    params: RetentionPath,
    success: { status: 200, body: RetentionRule },
  },
  runRetention: {
    method: "POST",
    path: "/v1/retention/run",
    summary: "Collect now what is beyond its limits, or say what that would be",
    permission: "installation.manage",
    body: RunRetention,
    success: { status: 200, body: RetentionRun },
  },
  getDisk: {
    method: "GET",
    path: "/v1/disk",
    summary: "Whether the server has space for new work",
    permission: "any",
    success: { status: 200, body: DiskStatus },
  },
  listUnreconciledStacks: {
    method: "GET",
    path: "/v1/unreconciled-stacks",
    summary: "Stacks of a restored installation that refuse changes until they are reconciled, by name",
    permission: "any",
    success: { status: 200, body: z.object({ items: z.array(UnreconciledStack) }) },
  },
  reconcileStack: {
    method: "POST",
    path: `${STACK}/reconcile`,
    summary: "Let a restored stack be changed again, after its state was compared with what is there",
    permission: "stack.deploy",
    params: StackPath,
    body: ReconcileStack,
    success: { status: 200, body: Reconciled },
  },

  listKeys: {
    method: "GET",
    path: "/v1/keys",
    summary: "Wrapping keys, oldest first",
    permission: "installation.manage",
    success: { status: 200, body: z.object({ items: z.array(WrappingKey) }) },
  },
  rotateKeys: {
    method: "POST",
    path: "/v1/keys/rotate",
    summary: "Make a new version of the data keys of all stacks, some of them a request",
    permission: "installation.manage",
    body: RotateKeys,
    success: { status: 200, body: KeysRotated },
  },
  rewrapKeys: {
    method: "POST",
    path: "/v1/keys/rewrap",
    summary: "Move data keys to the wrapping key of the configuration, some of them a request",
    permission: "installation.manage",
    body: RewrapKeys,
    success: { status: 200, body: KeysRewrapped },
  },
  listDataKeys: {
    method: "GET",
    path: `${STACK}/data-keys`,
    summary: "Versions of a stack's data key, newest first",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: z.object({ items: z.array(DataKeyVersion) }) },
  },
  rotateDataKey: {
    method: "POST",
    path: `${STACK}/data-keys`,
    summary: "Make a new version of a stack's data key",
    permission: "organisation.manage",
    params: StackPath,
    success: { status: 201, body: DataKeyVersion },
  },

  planStateImport: {
    method: "POST",
    path: "/v1/state-imports/plan",
    summary: "Where the import of stacks from another backend stands; changes nothing",
    permission: "any",
    body: PlanStateImport,
    success: { status: 200, body: StateImportPlan },
  },

  ...notificationEndpoints,
  ...driftEndpoints,
  ...rollbackEndpoints,
  ...monitoringEndpoints,
  ...policyEndpoints,
  ...freezeEndpoints,
  ...promotionEndpoints,
  ...previewEndpoints,
  ...sealEndpoints,
  ...gateEndpoints,
  ...readinessEndpoints,
  ...secretVersionEndpoints,
  ...documentEndpoints,

  listQueue: {
    method: "GET",
    path: "/v1/queue",
    summary: "What runs, and what waits in the order in which it is claimed, with what each waits for",
    permission: "any",
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(100) }),
    success: { status: 200, body: Queue },
  },
  listPauses: {
    method: "GET",
    path: "/v1/pauses",
    summary: "What is paused, by whom and why",
    permission: "any",
    success: { status: 200, body: z.object({ items: z.array(Pause) }) },
  },
  pauseEverything: {
    method: "PUT",
    path: "/v1/pause",
    summary: "Claim nothing new in the whole installation; what runs goes on",
    permission: "installation.manage",
    body: SetPause,
    success: { status: 200, body: Pause },
  },
  resumeEverything: {
    method: "DELETE",
    path: "/v1/pause",
    summary: "Go on; pauses of projects and stacks stay",
    permission: "installation.manage",
    success: { status: 204, body: null },
  },
  pauseProject: {
    method: "PUT",
    path: "/v1/projects/:organisation/:project/pause",
    summary: "Claim nothing new of a project",
    permission: "project.pause",
    params: ProjectPath,
    body: SetPause,
    success: { status: 200, body: Pause },
  },
  resumeProject: {
    method: "DELETE",
    path: "/v1/projects/:organisation/:project/pause",
    summary: "Go on with a project; pauses of its stacks stay",
    permission: "project.pause",
    params: ProjectPath,
    success: { status: 204, body: null },
  },
  pauseStack: {
    method: "PUT",
    path: `${STACK}/pause`,
    summary:
      "Claim nothing new of a stack, and refuse updates of the Pulumi CLI; previews and cancels stay possible",
    permission: "stack.pause",
    params: StackPath,
    body: SetPause,
    success: { status: 200, body: Pause },
  },
  resumeStack: {
    method: "DELETE",
    path: `${STACK}/pause`,
    summary: "Go on with a stack",
    permission: "stack.pause",
    params: StackPath,
    success: { status: 204, body: null },
  },
  listLimits: {
    method: "GET",
    path: "/v1/limits",
    summary: "Most deployments at once: of the installation, and of projects that have a limit of their own",
    permission: "any",
    success: { status: 200, body: z.object({ items: z.array(RunLimit) }) },
  },
  setInstallationLimit: {
    method: "PUT",
    path: "/v1/limit",
    summary: "Limit how many deployments run at once in the whole installation",
    permission: "installation.manage",
    body: SetRunLimit,
    success: { status: 200, body: RunLimit },
  },
  removeInstallationLimit: {
    method: "DELETE",
    path: "/v1/limit",
    summary: "Let as many run as the workers can",
    permission: "installation.manage",
    success: { status: 204, body: null },
  },
  setProjectLimit: {
    method: "PUT",
    path: "/v1/projects/:organisation/:project/limit",
    summary: "Limit how many deployments of a project run at once",
    permission: "project.limit",
    params: ProjectPath,
    body: SetRunLimit,
    success: { status: 200, body: RunLimit },
  },
  removeProjectLimit: {
    method: "DELETE",
    path: "/v1/projects/:organisation/:project/limit",
    summary: "Remove a project's limit",
    permission: "project.limit",
    params: ProjectPath,
    success: { status: 204, body: null },
  },
  listWorkers: {
    method: "GET",
    path: "/v1/workers",
    summary: "Workers that run, drain or were lost lately",
    permission: "any",
    success: { status: 200, body: z.object({ items: z.array(Worker) }) },
  },

  listAudit: {
    method: "GET",
    path: "/v1/audit",
    summary: "Audit entries, newest first",
    permission: "any",
    query: PageQuery.extend({
      organisation: OrganisationName.optional(),
      project: ProjectName.optional(),
      stack: StackName.optional(),
      action: z.string().max(100).optional(),
    }),
    success: { status: 200, body: pageOf(AuditEntry) },
  },
} as const satisfies Record<string, Endpoint>;

export type EndpointName = keyof typeof endpoints;
