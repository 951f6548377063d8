import { type Client, ProblemError } from "@slipway/automation/client";
import {
  type Deployment,
  type DeploymentStatus,
  ENDED_UPDATE_STATUSES,
  type StackPath,
  TERMINAL_STATUSES,
  type Update,
} from "@slipway/automation/contract";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

/** Lists are read again this often while they are on screen. */
const LIST_INTERVAL_MS = 5_000;
/** The same of one that comes whole, however long it is. */
const LONG_LIST_INTERVAL_MS = 15_000;
/** The event stream tells of changes at once; this is for what it does not carry. */
const RUNNING_INTERVAL_MS = 2_000;
const PAGE_SIZE = 50;
const MAX_PAGE_SIZE = 200;
/** A vote of somebody else must show while a person decides. */
const APPROVAL_INTERVAL_MS = 3_000;

const keyOf = (stack: StackPath) => ["stack", stack.organisation, stack.project, stack.stack] as const;

export const queries = {
  whoami: (client: Client) => queryOptions({ queryKey: ["whoami"], queryFn: () => client.whoami() }),
  projects: (client: Client) =>
    queryOptions({
      queryKey: ["projects"],
      queryFn: () => client.listProjects({ query: { limit: MAX_PAGE_SIZE } }),
    }),
  stacks: (client: Client) =>
    infiniteQueryOptions({
      queryKey: ["stacks"],
      queryFn: ({ pageParam }) => client.listStacks({ query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  stack: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "itself"],
      queryFn: () => client.getStack({ params: stack }),
      refetchInterval: RUNNING_INTERVAL_MS,
    }),
  history: (client: Client, stack: StackPath) =>
    infiniteQueryOptions({
      queryKey: [...keyOf(stack), "history"],
      queryFn: ({ pageParam }) => client.listHistory({ params: stack, query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  writer: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "writer"],
      queryFn: () => client.getWriter({ params: stack }),
      refetchInterval: RUNNING_INTERVAL_MS,
    }),
  resources: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "resources"],
      queryFn: () => client.listResources({ params: stack }),
      refetchInterval: LONG_LIST_INTERVAL_MS,
    }),
  states: (client: Client, stack: StackPath) =>
    infiniteQueryOptions({
      queryKey: [...keyOf(stack), "states"],
      queryFn: ({ pageParam }) => client.listStates({ params: stack, query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  stackUpdate: (client: Client, stack: StackPath, number: number) =>
    queryOptions({
      queryKey: [...keyOf(stack), "update", number],
      queryFn: () => client.getStackUpdate({ params: { ...stack, number } }),
    }),
  deployments: (client: Client) =>
    infiniteQueryOptions({
      queryKey: ["deployments"],
      queryFn: ({ pageParam }) => client.listDeployments({ query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  account: (client: Client, id: string) =>
    infiniteQueryOptions({
      queryKey: ["deployment", id, "account"],
      queryFn: ({ pageParam }) =>
        client.listDeploymentResources({ params: { id }, query: pageOf(pageParam) }),
      ...paging,
      // Written once, with the end of the deployment.
      staleTime: Number.POSITIVE_INFINITY,
    }),
  releases: (client: Client, stack: StackPath) =>
    infiniteQueryOptions({
      queryKey: [...keyOf(stack), "releases"],
      queryFn: ({ pageParam }) => client.listReleases({ params: stack, query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  release: (client: Client, stack: StackPath, number: number) =>
    queryOptions({
      queryKey: [...keyOf(stack), "release", number],
      queryFn: () => client.getRelease({ params: { ...stack, number } }),
    }),
  config: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "config"],
      queryFn: () => client.listConfig({ params: stack }),
    }),
  outputs: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "outputs"],
      queryFn: () => client.getOutputs({ params: stack }),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  queue: (client: Client) =>
    queryOptions({
      queryKey: ["queue"],
      queryFn: () => client.listQueue(),
      refetchInterval: RUNNING_INTERVAL_MS,
    }),
  pauses: (client: Client) =>
    queryOptions({
      queryKey: ["pauses"],
      queryFn: () => client.listPauses(),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  limits: (client: Client) =>
    queryOptions({
      queryKey: ["limits"],
      queryFn: () => client.listLimits(),
      refetchInterval: LONG_LIST_INTERVAL_MS,
    }),
  workers: (client: Client) =>
    queryOptions({
      queryKey: ["workers"],
      queryFn: () => client.listWorkers(),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  drift: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "drift"],
      queryFn: () => client.getDrift({ params: stack }),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  driftChecks: (client: Client, stack: StackPath) =>
    infiniteQueryOptions({
      queryKey: [...keyOf(stack), "drift-checks"],
      queryFn: ({ pageParam }) => client.listDriftChecks({ params: stack, query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  driftAlerts: (client: Client, stack: StackPath, status: "open" | "closed") =>
    infiniteQueryOptions({
      queryKey: [...keyOf(stack), "drift-alerts", status],
      queryFn: ({ pageParam }) =>
        client.listDriftAlerts({ params: stack, query: { ...pageOf(pageParam), status } }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  driftIgnores: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "drift-ignores"],
      queryFn: () => client.listDriftIgnores({ params: stack }),
    }),
  driftVolatile: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "drift-volatile"],
      queryFn: () => client.listDriftVolatile({ params: stack }),
    }),
  rawDrift: (client: Client, stack: StackPath, check: string) =>
    queryOptions({
      queryKey: [...keyOf(stack), "raw-drift", check],
      queryFn: () => client.getRawDrift({ params: { ...stack, check } }),
    }),
  driftAdoption: (client: Client, stack: StackPath, alert: string) =>
    queryOptions({
      queryKey: [...keyOf(stack), "drift-adoption", alert],
      queryFn: () => client.getDriftAdoption({ params: { ...stack, alert } }),
    }),
  schedules: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "schedules"],
      queryFn: () => client.listSchedules({ params: stack }),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  nextRuns: (client: Client, stack: StackPath, { name, nextAt }: { name: string; nextAt: string | null }) =>
    queryOptions({
      queryKey: [...keyOf(stack), "next-runs", name, nextAt],
      queryFn: () => client.listNextRuns({ params: { ...stack, schedule: name }, query: { count: 3 } }),
    }),
  disk: (client: Client) =>
    queryOptions({
      queryKey: ["disk"],
      queryFn: () => client.getDisk(),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  unreconciled: (client: Client) =>
    queryOptions({
      queryKey: ["unreconciled"],
      queryFn: () => client.listUnreconciledStacks(),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  readers: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "readers"],
      queryFn: () => client.listReaders({ params: stack }),
      refetchInterval: LIST_INTERVAL_MS,
    }),
  audit: (client: Client, filter: Partial<StackPath> & { action?: string }) =>
    infiniteQueryOptions({
      queryKey: ["audit", filter],
      queryFn: ({ pageParam }) => client.listAudit({ query: { ...filter, ...pageOf(pageParam) } }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  deployment: (client: Client, id: string) =>
    queryOptions({
      queryKey: ["deployment", id],
      queryFn: () => client.getDeployment({ params: { id } }),
      refetchInterval: ({ state }) =>
        state.data !== undefined && isSettled(state.data) ? false : RUNNING_INTERVAL_MS,
    }),
  approvals: (client: Client, waitingFor: "me" | "anybody") =>
    infiniteQueryOptions({
      queryKey: ["approvals", waitingFor],
      queryFn: ({ pageParam }) => client.listApprovals({ query: { waitingFor, ...pageOf(pageParam) } }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  approval: (client: Client, id: string) =>
    queryOptions({
      queryKey: ["deployment", id, "approval"],
      queryFn: () => orNull(client.getApproval({ params: { id } })),
      refetchInterval: ({ state }) =>
        state.data === null || (state.data !== undefined && state.data.decidedAt !== null)
          ? false
          : APPROVAL_INTERVAL_MS,
    }),
  /** The first page of a preview's changes, with its counts; null before there is one. */
  preview: (client: Client, id: string, attempt: number, status: DeploymentStatus | undefined) =>
    queryOptions({
      // Another attempt previews anew; while one runs, it has not always come to it.
      queryKey: ["deployment", id, "preview", attempt, status],
      queryFn: () => orNull(client.getPreview({ params: { id }, query: { limit: 1, changed: "true" } })),
      refetchInterval: ({ state }) =>
        status === "running" && state.data == null ? RUNNING_INTERVAL_MS : false,
      placeholderData: (before) => before,
    }),
  previewSteps: (
    client: Client,
    id: string,
    attempt: number,
    { operation, search }: { operation: string | null; search: string },
  ) =>
    infiniteQueryOptions({
      queryKey: ["deployment", id, "preview", attempt, "steps", operation, search],
      queryFn: ({ pageParam }) =>
        client.getPreview({
          params: { id },
          query: {
            ...pageOf(pageParam),
            ...(operation === null ? { changed: "true" } : { operation }),
            ...(search === "" ? {} : { search }),
          },
        }),
      ...paging,
      staleTime: Number.POSITIVE_INFINITY,
    }),
  previewGraph: (client: Client, id: string) =>
    queryOptions({
      queryKey: ["deployment", id, "preview-graph"],
      queryFn: () => client.getPreviewGraph({ params: { id } }),
      staleTime: Number.POSITIVE_INFINITY,
    }),
  seal: (client: Client, id: string) =>
    queryOptions({
      queryKey: ["deployment", id, "seal"],
      queryFn: () => orNull(client.getSeal({ params: { id } })),
      refetchInterval: LONG_LIST_INTERVAL_MS,
    }),
  deploymentPolicies: (client: Client, id: string, status: string) =>
    queryOptions({
      // They speak in steps: another status may have come with more of them.
      queryKey: ["deployment", id, "policies", status],
      queryFn: () => client.getDeploymentPolicies({ params: { id } }),
      placeholderData: (before) => before,
    }),
  emergencies: (client: Client) =>
    infiniteQueryOptions({
      queryKey: ["emergencies"],
      queryFn: ({ pageParam }) => client.listEmergencies({ query: pageOf(pageParam) }),
      ...paging,
      refetchInterval: LIST_INTERVAL_MS,
    }),
  stackRules: (client: Client, stack: StackPath) =>
    queryOptions({
      queryKey: [...keyOf(stack), "rules"],
      queryFn: () => client.getStackRules({ params: stack, query: {} }),
    }),
  groups: (client: Client, organisation: string) =>
    queryOptions({
      queryKey: ["groups", organisation],
      queryFn: () => client.listGroups({ params: { organisation } }),
    }),
  organisations: (client: Client) =>
    queryOptions({ queryKey: ["organisations"], queryFn: () => client.listOrganisations() }),
  update: (client: Client, id: string) =>
    queryOptions({
      queryKey: ["update", id],
      queryFn: () => client.getUpdate({ params: { id } }),
      refetchInterval: ({ state }) =>
        state.data !== undefined && hasEnded(state.data) ? false : RUNNING_INTERVAL_MS,
    }),
};

/** Null for what is not there: not every deployment has each part. */
async function orNull<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof ProblemError && thrown.problem.status === 404) return null;
    throw thrown;
  }
}

const paging = {
  initialPageParam: null as string | null,
  getNextPageParam: (last: { next: string | null }) => last.next,
};

function pageOf(after: string | null) {
  return after === null ? { limit: PAGE_SIZE } : { limit: PAGE_SIZE, after };
}

/** Whether the deployment's status is one that it never leaves. */
export function isTerminal(deployment: Pick<Deployment, "status">): boolean {
  return TERMINAL_STATUSES.includes(deployment.status);
}

/** The same of an update. */
export function hasEnded(update: Pick<Update, "status">): boolean {
  return ENDED_UPDATE_STATUSES.includes(update.status);
}

/** A failed one may still get the id of its automatic rollback a moment later. */
function isSettled(deployment: Deployment): boolean {
  return isTerminal(deployment) && (deployment.status !== "failed" || deployment.rolledBackBy !== null);
}
