import type { Actor } from "../access/rules.ts";
import type { UpdateKind, UpdateStatus } from "../contract/updates.ts";

/** How long a bare update of the CLI holds its stack without a renewal. The CLI assumes this figure and renews after half of it. */
export const UPDATE_LEASE_MS = 300_000;
/** For so long after a cancel the ends of operations that were under way are still recorded; the stack stays held. */
export const DRAIN_MS = 10_000;
/** Journal entries of this version are understood. */
export const JOURNAL_VERSION = 1;

/** How an update can end. */
export type EndStatus = Extract<UpdateStatus, "succeeded" | "failed" | "cancelled" | "expired">;

/** Whether an update only looks: the preview phase of `pulumi up` is an update with `dryRun`, so that the kind alone does not say it. */
export function isDryRun(kind: UpdateKind, options: { dryRun?: boolean | undefined }): boolean {
  return kind === "preview" || options.dryRun === true;
}

/** The right to write to a stack, as its locked row says. `holder` null: nobody has it. */
export interface WriterRow {
  holder: string | null;
  holderKind: "attempt" | "update" | null;
  epoch: number;
  /** By the database's clock. */
  isLive: boolean;
}

/** What is known when an update is to start. */
export interface StartSituation {
  status: UpdateStatus;
  dryRun: boolean;
  /** Who created the update. */
  principal: string;
  actor: Pick<Actor, "id" | "attempt">;
  writer: WriterRow;
  /** The number of a deployment that runs on the stack without holding it, because its automatic rollback is to follow. */
  rollbackPending: number | null;
}

/** `take`: the stack is free for a bare update; `free-expired`: end the expired update that has it, then take; `inherit`: write under the attempt's right. */
export type StartDecision =
  | { kind: "look" }
  | { kind: "take" }
  | { kind: "free-expired" }
  | { kind: "inherit"; epoch: number }
  | { kind: "held" }
  | { kind: "refused"; code: "conflict" | "forbidden" | "not_found"; detail: string; remedy?: string };

/** Whether, and under which right, an update starts. */
export function decideStart({
  status,
  dryRun,
  principal,
  actor,
  writer,
  rollbackPending,
}: StartSituation): StartDecision {
  if (actor.id !== principal) {
    return { kind: "refused", code: "forbidden", detail: "Somebody else created this update." };
  }
  if (status !== "requested") {
    return {
      kind: "refused",
      code: "conflict",
      detail: `This update is ${status}; an update starts once.`,
      remedy: "Run the command again.",
    };
  }
  if (dryRun) return { kind: "look" };
  if (actor.attempt !== null) {
    const { attempt } = actor;
    if (!attempt.mayChange) {
      return { kind: "refused", code: "forbidden", detail: "This attempt may only preview." };
    }
    const holds = writer.holder === attempt.attemptId && writer.epoch === attempt.epoch && writer.isLive;
    return holds
      ? { kind: "inherit", epoch: attempt.epoch }
      : {
          kind: "refused",
          code: "forbidden",
          detail: "The attempt no longer holds the right to write to this stack.",
        };
  }
  if (writer.holder === null) {
    return rollbackPending === null
      ? { kind: "take" }
      : {
          kind: "refused",
          code: "conflict",
          detail: `Deployment ${rollbackPending} of this stack failed, and its automatic rollback is about to start.`,
          remedy: "Wait until the rollback has ended.",
        };
  }
  return !writer.isLive && writer.holderKind === "update" ? { kind: "free-expired" } : { kind: "held" };
}

/** What `complete` means for an update: `end` it, `done` when it was recorded before (the first reply was lost), or a refusal. */
export type CompleteDecision = { kind: "end"; status: EndStatus } | { kind: "done" } | { kind: "refused" };

/** A completion repeats harmlessly. After a cancel it ends the wait for operations under way, and the update stays cancelled. */
export function decideComplete(
  update: { status: UpdateStatus; draining: boolean },
  asked: "succeeded" | "failed" | "cancelled",
): CompleteDecision {
  if (update.status === "running") return { kind: "end", status: update.draining ? "cancelled" : asked };
  return update.status === asked ? { kind: "done" } : { kind: "refused" };
}

/** What a cancel does. */
export type CancelDecision =
  | { kind: "drain" }
  | { kind: "drop" }
  | { kind: "done" }
  | { kind: "refused"; detail: string; remedy?: string };

/** A cancel repeats harmlessly. The update of an attempt ends with its deployment, whose processes are stopped first. */
export function decideCancel(update: {
  status: UpdateStatus;
  number: number | null;
  dryRun: boolean;
  deploymentId: string | null;
}): CancelDecision {
  if (update.status === "cancelled") return { kind: "done" };
  if (update.status === "requested") return { kind: "drop" };
  if (update.status !== "running") {
    return {
      kind: "refused",
      detail: `Nothing is to be cancelled: update ${update.number ?? "(a preview)"} of the stack is ${update.status}.`,
    };
  }
  if (update.dryRun) return { kind: "drop" };
  if (update.deploymentId !== null) {
    return {
      kind: "refused",
      detail: `Deployment ${update.deploymentId} runs this update.`,
      remedy: `Cancel the deployment: slipway cancel ${update.deploymentId}`,
    };
  }
  return { kind: "drain" };
}

/** Kinds of journal entries, as backend/journal.go of Pulumi 3.250 numbers them. */
const BEGIN = 0;
const SUCCESS = 1;
const REFRESH_SUCCESS = 3;
const OUTPUTS = 4;
const WRITE = 5;
const REBUILT_BASE = 7;

/** One journal entry, as far as a drain looks at it. */
export interface EntryFacts {
  kind: number;
  operationId: number;
}

/** Operations that a journal began and did not end. */
export function openOperations(
  entries: Iterable<EntryFacts>,
  before: ReadonlySet<number> = new Set(),
): Set<number> {
  const open = new Set(before);
  for (const { kind, operationId } of entries) {
    if (kind === BEGIN) open.add(operationId);
    else if (kind >= SUCCESS && kind <= REFRESH_SUCCESS) open.delete(operationId);
  }
  return open;
}

/** What a journal may refer to, as far as it is known: resources of the base by their index, and operations by their id. */
export interface Known {
  /** Null: the base has been replaced, by one whose size nobody has counted. */
  baseResources: number | null;
  highestOperation: number;
}

/** What a batch refers to although it is not there; null when everything is. */
export function danglingReference(
  batch: {
    highestBaseIndex: number;
    highestOperation: number;
    highestReferredOperation: number;
    replacesBase: boolean;
  },
  known: Known,
): string | null {
  const { baseResources, highestOperation } = known;
  if (!batch.replacesBase && baseResources !== null && batch.highestBaseIndex >= baseResources) {
    return `to resource ${batch.highestBaseIndex} of the state that the update began with, which has ${baseResources}`;
  }
  return batch.highestReferredOperation > Math.max(highestOperation, batch.highestOperation)
    ? `to operation ${batch.highestReferredOperation}, which did not come`
    : null;
}

/** What the entries of a journal make known. */
export function knownFrom(baseResources: number, entries: Iterable<EntryFacts>): Known {
  const known: Known = { baseResources, highestOperation: 0 };
  for (const { kind, operationId } of entries) {
    if (kind === WRITE || kind === REBUILT_BASE) known.baseResources = null;
    known.highestOperation = Math.max(known.highestOperation, operationId);
  }
  return known;
}

/** Whether an entry is still recorded during a drain: it tells what became of something that was begun before. */
export function isDrained({ kind }: EntryFacts): boolean {
  return kind >= SUCCESS && kind <= OUTPUTS;
}
