import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { endAttempt } from "../attempts/store.ts";
import type { HoldCause } from "../contract/verification.ts";
import type { Transaction } from "../database.ts";
import type { EndingDeployment, Failure, StackSubject } from "../deployments/completion.ts";
import {
  appendStatus,
  audit,
  endDeployment,
  finishSteps,
  insertSteps,
  SLIPWAY,
} from "../deployments/completion.ts";
import { notify, WORK_CHANNEL } from "../deployments/events-store.ts";
import { tellHeld, tellRollback } from "../notifications/deployment-messages.ts";
import { OPERATION_VERSION, stepsOf } from "../pipeline/operations.ts";
import type { PinnedRelease } from "../releases/store.ts";
import { decideHealth, newestGoodRelease, pinnedRelease, quarantine } from "../releases/store.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { endUpdatesOfAttempt } from "../state/end-update.ts";
import { createdUrns } from "./created-store.ts";
import { decideUndo, LONG_WINDOW_SECONDS, SHORT_WINDOW_SECONDS } from "./rules.ts";
import { countAutomatic, findHold, insertHold, readSettings } from "./store.ts";
import { moveVerification } from "./verification-store.ts";

/** Most resources that one removal names; the options of a deployment take no more. */
const MOST_REMOVED = 1_000;

/** Source and config of a deployment. */
export interface Content {
  sourceDigest: string;
  configDigest: string;
}

/** Something that went wrong, in the transaction that ends its attempt. */
export interface Wrong {
  as: "update_failed" | "verification_failed";
  failure: Failure;
  /** What was seen: gates, counts. */
  evidence: Readonly<Record<string, unknown>>;
  content: Content;
  /** Recorded, its health not yet decided. */
  release: { id: string; number: number } | undefined;
  principal: string;
}

/**
 * Undoes what a deployment did, or holds it for a person, or says that there is nothing to go back to; in the transaction that ends its attempt. The caller holds the fence, and nothing of
 * the attempt runs any more.
 */
export async function undo(
  trx: Transaction,
  deps: { keyring: Keyring },
  deployment: EndingDeployment,
  wrong: Wrong,
): Promise<void> {
  const { as, failure, evidence, content, principal } = wrong;
  const { stackId, deploymentId } = deployment;
  await moveVerification(trx, deployment, as, { reason: failure.detail, evidence, principal });
  const settings = await readSettings(trx, stackId);
  const target = await newestGoodRelease(trx, stackId, content);
  const begun = await countAutomatic(trx, stackId, {
    shortSeconds: SHORT_WINDOW_SECONDS,
    longSeconds: LONG_WINDOW_SECONDS,
  });
  const decision = decideUndo({ settings, target, begun });
  switch (decision.kind) {
    case "hold":
      await holdAttempt(trx, deps, deployment, {
        why: decision.why,
        failure,
        detail: decision.detail,
        principal,
      });
      return;
    case "rollback": {
      const pinned = await pinnedRelease(trx, stackId, decision.target);
      if (pinned === undefined) throw new Error(`release ${decision.target} of stack ${stackId} is gone`);
      await refuseContent(trx, deployment, wrong);
      await releaseAttempt(trx, deps, deployment);
      await beginRollback(trx, deployment, pinned, failure, { principal, requestedBy: SLIPWAY });
      return;
    }
    case "destroy-created": {
      await markBad(trx, deployment, wrong);
      const urns = await createdUrns(trx, deploymentId);
      if (urns.length > 0 && urns.length <= MOST_REMOVED) {
        await releaseAttempt(trx, deps, deployment);
        await beginRemoval(trx, deployment, urns, failure, principal);
        return;
      }
      await endWithoutTarget(trx, deps, deployment, failure, principal);
      return;
    }
    case "nothing-to-go-back-to":
      // Nothing is quarantined either: refusing to try again would leave the stack as broken as it is.
      await markBad(trx, deployment, wrong);
      await endWithoutTarget(trx, deps, deployment, failure, principal);
  }
}

async function endWithoutTarget(
  trx: Transaction,
  deps: { keyring: Keyring },
  deployment: EndingDeployment,
  failure: Failure,
  principal: string,
): Promise<void> {
  const ending: Failure = {
    ...failure,
    detail: `${failure.detail} There is no good release to roll back to; the resources stay as they are.`,
    remedy: "Correct what the message names and deploy again.",
  };
  await endDeployment(trx, deps, deployment, { status: "failed", failure: ending, principal });
}

/** Holds a deployment at the end of its attempt: it keeps neither a worker nor the right to write. */
export async function holdAttempt(
  trx: Transaction,
  deps: { keyring: Keyring },
  deployment: EndingDeployment,
  held: { why: HoldCause; failure: Failure; detail: string | null; principal: string },
): Promise<void> {
  await releaseAttempt(trx, deps, deployment);
  await sql`
    update deployments set failure = ${JSON.stringify(held.failure)} where id = ${deployment.deploymentId}
  `.execute(trx);
  const reason = held.detail === null ? held.failure.detail : `${held.failure.detail} ${held.detail}`;
  await hold(trx, deployment, { why: held.why, reason, principal: held.principal });
}

/** Makes a deployment wait for a person, who is told. */
export async function hold(
  trx: Transaction,
  deployment: StackSubject & { attempt: number },
  { why, reason, principal }: { why: HoldCause; reason: string; principal: string },
): Promise<void> {
  const { deploymentId, stackId, attempt } = deployment;
  await moveVerification(trx, deployment, "held", { reason, evidence: { why }, principal });
  await insertHold(trx, { deploymentId, stackId, why, reason });
  await appendStatus(trx, deploymentId, attempt, "running", `${reason} Held: a person has to decide.`);
  const onExpiry = (await findHold(trx, deploymentId))?.onExpiry ?? "keep";
  // Of consent another message tells, which names the steps.
  if (why !== "consent") await tellHeld(trx, deployment, { why: reason, onExpiry });
  await notify(trx, WORK_CHANNEL, stackId);
}

/** Ends an attempt of a deployment that goes on without one. */
async function releaseAttempt(
  trx: Transaction,
  deps: { keyring: Keyring },
  deployment: EndingDeployment,
): Promise<void> {
  await finishSteps(trx, deployment.deploymentId);
  await endUpdatesOfAttempt(trx, deps, deployment.attemptId, "expired");
  await endAttempt(trx, deployment, "failed");
}

/** Marks the release of what went wrong as bad, when it made one. */
export async function markBad(
  trx: Transaction,
  deployment: StackSubject,
  { release, failure, principal }: Pick<Wrong, "release" | "failure" | "principal">,
): Promise<void> {
  if (release === undefined || !(await decideHealth(trx, release.id, "bad"))) return;
  await audit(trx, deployment, "release.marked_bad", principal, {
    release: release.number,
    deployment: deployment.deploymentId,
    reason: failure.detail,
  });
}

/** Marks the release as bad and refuses its source and config on the stack from now on. */
export async function refuseContent(
  trx: Transaction,
  deployment: StackSubject,
  wrong: Pick<Wrong, "release" | "failure" | "principal" | "content">,
): Promise<void> {
  const { stackId, deploymentId } = deployment;
  await markBad(trx, deployment, wrong);
  await quarantine(trx, {
    stackId,
    ...wrong.content,
    reason: wrong.failure.detail,
    kind: "health",
    deploymentId,
  });
  await audit(trx, deployment, "quarantine.set", wrong.principal, {
    deployment: deploymentId,
    kind: "health",
    ...wrong.content,
  });
}

/** Queues the one rollback of a deployment, which stays `running` without an attempt until that has ended. Answers its id. */
export async function beginRollback(
  trx: Transaction,
  cause: StackSubject & { attempt: number },
  target: PinnedRelease,
  failure: Failure,
  by: { principal: string; requestedBy: string },
): Promise<string> {
  return queueUndo(trx, cause, failure, by, {
    operation: "rollback",
    options: {},
    targetRelease: target.number,
    content: target,
    words: `Rolling back to release ${target.number}`,
  });
}

/** Queues the removal of what the first deployment of a stack has created; it waits for consent to each. */
async function beginRemoval(
  trx: Transaction,
  cause: StackSubject & { attempt: number },
  urns: readonly string[],
  failure: Failure,
  principal: string,
): Promise<string> {
  const { rows } = await sql<QueuedContent>`
    select source_digest as "sourceDigest", lockfile_digest as "lockfileDigest", git_commit as "commit", git_dirty as dirty,
      config, config_digest as "configDigest"
    from deployments where id = ${cause.deploymentId}
  `.execute(trx);
  const content = rows[0];
  if (content === undefined) throw new Error(`deployment ${cause.deploymentId} is gone`);
  const by = { principal, requestedBy: SLIPWAY };
  return queueUndo(trx, cause, failure, by, {
    operation: "destroy",
    options: { targets: [...urns] },
    targetRelease: null,
    content,
    words: "Removing what it created, after consent,",
  });
}

type QueuedContent = Pick<
  PinnedRelease,
  "lockfileDigest" | "commit" | "dirty" | "config" | "configDigest"
> & { sourceDigest: string | null };

async function queueUndo(
  trx: Transaction,
  cause: StackSubject & { attempt: number },
  failure: Failure,
  { principal, requestedBy }: { principal: string; requestedBy: string },
  what: {
    operation: "rollback" | "destroy";
    options: { targets?: string[] };
    targetRelease: number | null;
    content: QueuedContent;
    words: string;
  },
): Promise<string> {
  const id = randomUUID();
  const { stackId, deploymentId, attempt } = cause;
  const { operation, options, targetRelease, content } = what;
  const message = `Automatic rollback: ${failure.detail}`.slice(0, 1000);
  await sql`
    with numbered as (
      update stacks set next_deployment = next_deployment + 1 where id = ${stackId}
      returning next_deployment - 1 as number
    )
    insert into deployments (id, stack_id, number, operation, operation_version, options, message, requested_by, cause, caused_by, target_release,
      source_digest, lockfile_digest, git_commit, git_dirty, config, config_digest)
    select ${id}, ${stackId}, number, ${operation}, ${OPERATION_VERSION}, ${JSON.stringify(options)}, ${message}, ${requestedBy}, 'automatic-rollback',
      ${deploymentId}, ${targetRelease}, ${content.sourceDigest}, ${content.lockfileDigest}, ${content.commit},
      ${content.dirty}, ${JSON.stringify(content.config)}, ${content.configDigest}
    from numbered
  `.execute(trx);
  await insertSteps(trx, id, stepsOf(operation, options, OPERATION_VERSION));
  await sql`
    update deployments set rolled_back_by = ${id}, failure = ${JSON.stringify(failure)}
    where id = ${deploymentId} and status = 'running'
  `.execute(trx);
  await moveVerification(trx, cause, "rolling_back", {
    reason: `${failure.detail} ${what.words} by deployment ${id}.`,
    evidence: { rollback: id, targetRelease },
    principal,
  });
  await appendStatus(
    trx,
    deploymentId,
    attempt,
    "running",
    `${failure.detail} ${what.words} by deployment ${id}.`,
  );
  await appendStatus(trx, id, 0, "queued", `Undoes deployment ${deploymentId}: ${failure.detail}`);
  await audit(trx, cause, "deployment.requested", requestedBy, {
    deployment: id,
    operation,
    cause: "automatic-rollback",
    causedBy: deploymentId,
    ...(targetRelease === null ? {} : { targetRelease }),
    worker: principal,
  });
  await tellRollback(trx, cause, { release: targetRelease, why: failure.detail });
  await notify(trx, WORK_CHANNEL, stackId);
  return id;
}
