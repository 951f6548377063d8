import { randomBytes, randomUUID } from "node:crypto";
import type { Actor } from "../access/rules.ts";
import { hashToken } from "../access/token.ts";
import { keepProtection, refuseUnapproved } from "../approvals/refuse.ts";
import { appendAudit } from "../audit/store.ts";
import type { UpdateKind } from "../contract/updates.ts";
import type { Transaction } from "../database.ts";
import { notify } from "../deployments/events-store.ts";
import { refusePaused } from "../dispatch/refuse-paused.ts";
import { SlipwayError } from "../errors.ts";
import { refuseFrozen } from "../freezes/refuse.ts";
import { refuseUnchecked } from "../policies/refuse.ts";
import { refuseUnpromotedRun } from "../promotions/refuse.ts";
import { refuseUnsignedRun } from "../readiness/refuse.ts";
import { refuseUnreconciled } from "../reconciliation/refuse.ts";
import { refuseAfterFailedRollback } from "../rollbacks/refusals.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { endUpdate } from "./end-update.ts";
import { holdWhileDatabaseIsAway } from "./hold.ts";
import { decideStart, isDryRun, JOURNAL_VERSION, UPDATE_LEASE_MS } from "./rules.ts";
import type { UpdateRow } from "./updates-store.ts";
import {
  extendLease,
  findStarted,
  insertUpdate,
  lockUpdate,
  replaceTags,
  runningUpdateOfStack,
  startUpdateRow,
  UPDATE_CHANNEL,
} from "./updates-store.ts";
import type { WriteDependencies, Writing } from "./write-state.ts";
import { refusal, targetOf, updateOfToken } from "./write-state.ts";
import { stackIsHeld } from "./writer.ts";
import { deploymentWithoutHolder, freeWriter, lockWriter, takeWriter } from "./writers-store.ts";

/** 256 bits: guessing one is hopeless, so that a plain hash of it may be stored. */
const TOKEN_BYTES = 32;
const MS_PER_SECOND = 1_000;

const RUN_OF_THE_CLI = "A run of the Pulumi CLI";

/** What the CLI asks for when it creates an update. */
export interface UpdateRequest {
  stackId: string;
  kind: UpdateKind;
  options: Readonly<Record<string, unknown>> & { dryRun?: boolean | undefined };
  /** Values of secrets are sealed already. */
  config: Readonly<Record<string, unknown>>;
  message: string | null;
  /** What the client says of itself. */
  claimed: Readonly<Record<string, string>>;
  /** User-Agent. */
  client: string | null;
  /** Where the request came from. */
  address: string | null;
}

/** Records that somebody wants to run an update (POST update, preview, refresh, destroy). Takes no lock and changes nothing. Answers its id. */
export async function createUpdate(
  { db }: Pick<WriteDependencies, "db">,
  actor: Actor,
  request: UpdateRequest,
  signal: AbortSignal,
): Promise<{ updateId: string; dryRun: boolean }> {
  const id = randomUUID();
  const dryRun = isDryRun(request.kind, request.options);
  // Asked again when it starts; here, so that the CLI says so before it shows what it would do.
  if (!dryRun && actor.attempt === null)
    await holdWhileDatabaseIsAway(async () => {
      await refuseUnapproved(db, request.stackId, RUN_OF_THE_CLI);
      await refuseUnchecked(db, request.stackId, RUN_OF_THE_CLI);
      await refuseUnpromotedRun(db, request.stackId, request.kind);
      await refuseUnsignedRun(db, request.stackId, request.kind);
    }, signal);
  const row = {
    ...request,
    id,
    dryRun,
    principal: actor.id,
    attemptId: actor.attempt?.attemptId ?? null,
    deploymentId: actor.attempt?.deploymentId ?? null,
  };
  await holdWhileDatabaseIsAway(() => insertUpdate(db, row), signal);
  return { updateId: id, dryRun };
}

/** What the CLI asks for when it starts one. */
export interface StartRequest {
  stackId: string;
  updateId: string;
  actor: Actor;
  /** They replace the stack's; undefined leaves them. */
  tags: Readonly<Record<string, string>> | undefined;
  /** The newest that the CLI writes; 0: none. */
  journalVersion: number;
  requestId: string;
  signal: AbortSignal;
  /** Shorter in tests. */
  leaseMs?: number;
}

/** What the CLI needs in order to go on. */
export interface StartedUpdate {
  version: number;
  token: string;
  /** Seconds since 1970. */
  tokenExpiration: number;
  journalVersion: number;
}

/**
 * Starts an update (POST to the update itself), in one transaction. A preview gets a token and nothing else. A bare update takes the right to write, after ending an
 * expired one that had it; an update of an attempt inherits the attempt's. From then on its base is frozen: nobody else can change the state. Throws SlipwayError
 * `conflict` with whoever holds the stack, `forbidden`, `not_found`.
 */
export async function startUpdate(deps: WriteDependencies, request: StartRequest): Promise<StartedUpdate> {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  const tokenHash = hashToken(token);
  const outcome = await holdWhileDatabaseIsAway(
    () => deps.db.transaction().execute((trx) => startOnce(trx, deps, request, tokenHash)),
    request.signal,
  );
  if (outcome.kind === "held") throw await stackIsHeld(deps.db, request.stackId);
  const { version, tokenExpiresAt, journalVersion } = outcome;
  return { version, token, tokenExpiration: toSeconds(tokenExpiresAt), journalVersion };
}

type StartOutcome =
  | { kind: "started"; version: number; tokenExpiresAt: Date; journalVersion: number }
  | { kind: "held" };

async function startOnce(
  trx: Transaction,
  deps: { keyring: Keyring },
  request: StartRequest,
  tokenHash: Buffer,
): Promise<StartOutcome> {
  const { stackId, updateId, actor } = request;
  // The reply to the commit of an earlier try was lost.
  const earlier = await findStarted(trx, updateId, tokenHash);
  if (earlier !== undefined) return { kind: "started", ...earlier };
  const writer = await lockWriter(trx, stackId);
  const update = await lockUpdate(trx, updateId);
  // Looked at under the lock that a removal takes too.
  if (update === undefined || update.stackId !== stackId || update.isRemoved) {
    throw new SlipwayError("not_found", "The stack has no such update.");
  }
  if (!update.dryRun && actor.attempt === null) {
    await refuseUnapproved(trx, stackId, RUN_OF_THE_CLI);
    await refuseUnchecked(trx, stackId, RUN_OF_THE_CLI);
    await refuseUnpromotedRun(trx, stackId, update.kind);
    await refuseUnsignedRun(trx, stackId, update.kind);
  }
  if (!update.dryRun) await refuseUnreconciled(trx, { ...update, stackId }, update.kind);
  if (!update.dryRun && actor.attempt === null && update.kind !== "refresh") {
    // A bare run names nothing: to the rules an import changes the stack as an update does.
    const operation = update.kind === "destroy" ? "destroy" : "update";
    await refuseAfterFailedRollback(trx, stackId, { operation, acknowledges: null });
  }
  const rollbackPending = writer.holder === null ? await deploymentWithoutHolder(trx, stackId) : null;
  const decision = decideStart({ ...update, actor, writer, rollbackPending });
  let epoch: number | null;
  switch (decision.kind) {
    case "held":
      return { kind: "held" };
    case "refused":
      throw new SlipwayError(
        decision.code,
        decision.detail,
        decision.remedy === undefined ? {} : { remedy: decision.remedy },
      );
    case "look":
      epoch = null;
      break;
    case "inherit":
      await endLeftover(trx, deps, stackId);
      epoch = decision.epoch;
      break;
    case "free-expired":
    case "take":
      await refusePaused(trx, stackId);
      await refuseFrozen(trx, stackId, {
        operation: update.kind,
        automaticRollback: false,
        emergency: false,
      });
      await endLeftover(trx, deps, stackId);
      if (writer.holder !== null)
        await freeWriter(trx, { stackId, updateId: writer.holder, epoch: writer.epoch });
      epoch = await takeWriter(trx, { stackId, updateId, leaseMs: request.leaseMs ?? UPDATE_LEASE_MS });
      break;
  }
  if (request.tags !== undefined && epoch !== null)
    await replaceTags(trx, stackId, await keepProtection(trx, stackId, request.tags));
  const journalVersion = Math.min(request.journalVersion, JOURNAL_VERSION);
  const leaseMs = request.leaseMs ?? UPDATE_LEASE_MS;
  const started = await startUpdateRow(trx, { updateId, stackId, epoch, tokenHash, leaseMs, journalVersion });
  if (epoch !== null) await auditStart(trx, update, started.version, epoch, request.requestId);
  await notify(trx, UPDATE_CHANNEL, updateId);
  return { kind: "started", ...started, journalVersion };
}

/** Ends what still counts as running on a stack that it may not write to any more: an expired bare update, or one that an attempt's killed CLI has left. */
async function endLeftover(trx: Transaction, deps: { keyring: Keyring }, stackId: string): Promise<void> {
  const id = await runningUpdateOfStack(trx, stackId);
  const leftover = id === undefined ? undefined : await lockUpdate(trx, id);
  if (leftover?.status !== "running") return;
  await endUpdate(trx, deps, leftover, leftover.drainUntil === null ? "expired" : "cancelled");
}

async function auditStart(
  trx: Transaction,
  update: UpdateRow,
  number: number,
  epoch: number,
  requestId: string,
): Promise<void> {
  const { organisation, project, stack, claimed, client, address, message, kind, deploymentId } = update;
  await appendAudit(trx, {
    principal: update.principal,
    action: "update.started",
    organisation,
    subject: `${organisation}/${project}/${stack}`,
    details: {
      update: update.id,
      number,
      kind,
      epoch,
      ...(deploymentId === null ? {} : { deployment: deploymentId }),
      address,
      // The client's own words, which nobody has checked.
      claimed: {
        ...claimed,
        ...(message === null ? {} : { message }),
        ...(client === null ? {} : { client }),
      },
    },
    requestId,
  });
}

/**
 * Renews the token of an update, and with it the right to write of a bare one (POST renew_lease). Answers the same token, for requests with it may be under way, and its later
 * end in seconds since 1970. Throws SlipwayError `forbidden` when the right is lost: the CLI then gives up.
 */
export async function renewLease(
  deps: WriteDependencies,
  writing: Writing,
  durationSeconds: number,
  longestMs: number = UPDATE_LEASE_MS,
): Promise<{ token: string; tokenExpiration: number }> {
  const target = targetOf(writing);
  const leaseMs = Math.min(Math.max(durationSeconds, 1) * MS_PER_SECOND, longestMs);
  const until = await holdWhileDatabaseIsAway(async () => {
    const found = await updateOfToken(deps.db, target);
    return deps.db.transaction().execute(async (trx) => {
      // The writer's row of an attempt is its worker's to renew.
      if (!found.dryRun && found.attemptId === null) await lockWriter(trx, found.stackId);
      const update = await lockUpdate(trx, found.id);
      const end = update === undefined ? undefined : await extendLease(trx, update, leaseMs);
      if (end === undefined) throw refusal(update ?? found, "lease");
      return end;
    });
  }, writing.signal);
  return { token: writing.token, tokenExpiration: toSeconds(until) };
}

function toSeconds(at: Date): number {
  return Math.floor(at.getTime() / MS_PER_SECOND);
}
