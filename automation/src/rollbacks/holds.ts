import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { DecideHold } from "../contract/verification.ts";
import type { Database, Transaction } from "../database.ts";
import type { Failure } from "../deployments/completion.ts";
import { audit, SLIPWAY, settle, settleCause } from "../deployments/completion.ts";
import { SlipwayError } from "../errors.ts";
import { acceptRelease, newestGoodRelease, pinnedRelease } from "../releases/store.ts";
import type { Held } from "./held-store.ts";
import { lockEndedHold, lockHeld, lockUnconsented } from "./held-store.ts";
import { decideHoldEnd, decideUndo, LONG_WINDOW_SECONDS, SHORT_WINDOW_SECONDS } from "./rules.ts";
import { countAutomatic, decideHoldRow } from "./store.ts";
import { beginRollback, markBad, refuseContent } from "./undo.ts";
import { moveVerification } from "./verification-store.ts";

/** Who decided about a hold, how, and why. */
interface Decision {
  by: "keep" | "rollback" | "expired" | "superseded";
  principal: string;
  reason: string;
}

/**
 * Ends a hold by a person's decision, in the caller's transaction. Throws SlipwayError `conflict` when the deployment is not held, was superseded, or waits for consent to its rollback;
 * `release_not_found` when there is nothing to roll back to.
 */
export async function decideHold(
  trx: Transaction,
  deploymentId: string,
  { decision, reason }: DecideHold,
  caller: { principal: string; requestId: string | null },
): Promise<void> {
  const held = await lockHeld(trx, deploymentId);
  if (held === undefined) {
    throw new SlipwayError("conflict", "The deployment is not held.", {
      remedy: "Somebody has decided, its time is over, or it never was. Look at its verification.",
    });
  }
  if (held.isSuperseded) {
    throw new SlipwayError(
      "conflict",
      "Something else has changed the stack since the deployment was held.",
      {
        remedy: "What it left is not what runs. Request a rollback, or deploy.",
      },
    );
  }
  if (held.why === "consent" && decision === "rollback") {
    throw new SlipwayError(
      "conflict",
      "Its rollback does what nobody can undo, and waits for consent to that.",
      {
        remedy: `Agree to its steps: slipway consent ${held.rolledBackBy}`,
      },
    );
  }
  if (decision === "rollback" && (await targetOf(trx, held)) === undefined) {
    throw new SlipwayError("release_not_found", "There is no good release to roll back to.", {
      remedy: "Keep what runs, or deploy a correction.",
    });
  }
  await appendAudit(trx, {
    ...caller,
    action: `hold.${decision}`,
    organisation: held.organisation,
    subject: subjectOf(held),
    details: { deployment: deploymentId, reason },
  });
  await endHold(trx, held, { by: decision, principal: caller.principal, reason });
}

/** Ends every hold and every wait for consent whose time is over by the database's clock, and the holds of stacks that somebody else has changed. Answers how many there were. */
export async function endHolds(db: Database): Promise<number> {
  for (let count = 0; ; count += 1) {
    const ended = await db.transaction().execute(async (trx) => {
      const held = await lockEndedHold(trx);
      if (held !== undefined) {
        const by = held.isSuperseded ? "superseded" : "expired";
        const reason =
          by === "superseded"
            ? "Something else has changed the stack since."
            : "Nobody decided within the time that there was.";
        await endHold(trx, held, { by, principal: SLIPWAY, reason });
        return true;
      }
      const unconsented = await lockUnconsented(trx);
      if (unconsented === undefined) return false;
      await settle(trx, unconsented, "expired", NOT_AGREED, SLIPWAY, unconsented.attempt, "waiting_approval");
      return true;
    });
    if (!ended) return count;
  }
}

const NOT_AGREED: Failure = {
  code: "consent_expired",
  detail: "Nobody agreed in time to what the rollback cannot undo. No resource was changed.",
  remedy: "Request the rollback again and agree to its steps.",
};

async function endHold(trx: Transaction, held: Held, decision: Decision): Promise<void> {
  const { by, principal, reason } = decision;
  if (held.why === "consent") {
    await dropRollback(trx, held, decision);
    return;
  }
  const end = decideHoldEnd({ by, onExpiry: held.onExpiry, wasUpdate: held.wasUpdate });
  const decided = { decision: by, by: principal, reason };
  if (end.kind === "rollback" && (await rollBack(trx, held, decision))) {
    await decideHoldRow(trx, held.deploymentId, decided);
    return;
  }
  await decideHoldRow(trx, held.deploymentId, decided);
  if (end.kind === "accept") await accept(trx, held, decision);
  else await leave(trx, held, decision);
}

/** Somebody vouches for what runs although its gates did not pass. */
async function accept(trx: Transaction, held: Held, { principal, reason }: Decision): Promise<void> {
  const { release } = held;
  if (release !== null && (await acceptRelease(trx, release.id, { by: principal, reason }))) {
    await audit(trx, held, "release.accepted", principal, {
      release: release.number,
      deployment: held.deploymentId,
      reason,
    });
  }
  const detail = `Accepted by ${principal}: ${reason}`;
  await moveVerification(trx, held, "succeeded", {
    reason: detail,
    evidence: { acceptedBy: principal },
    principal,
  });
  await settle(trx, held, "succeeded", null, principal, held.attempt);
}

/** What runs stays, and nobody says that it is well. */
async function leave(trx: Transaction, held: Held, { by, principal, reason }: Decision): Promise<void> {
  const before = held.failure ?? { code: "held", detail: held.reason, remedy: null };
  if (held.gateFailed)
    await markBad(trx, held, { release: held.release ?? undefined, failure: before, principal });
  const failure: Failure = {
    ...before,
    detail: `${before.detail} ${reason} ${by === "superseded" ? "Nothing was rolled back." : "What runs stays as it is."}`,
    remedy: "Look at what runs; then deploy a correction, or roll back by hand.",
  };
  const to = held.wasUpdate ? "update_failed" : "verification_failed";
  await moveVerification(trx, held, to, { reason, evidence: { decision: by }, principal });
  await settle(trx, held, "failed", failure, principal, held.attempt);
}

/** Begins the rollback of a held deployment; false when there is nothing to go back to, or it would be one too many of those that nobody asked for. */
async function rollBack(trx: Transaction, held: Held, { by, principal, reason }: Decision): Promise<boolean> {
  const target = await targetOf(trx, held);
  if (target === undefined) return false;
  if (by !== "rollback") {
    const begun = await countAutomatic(trx, held.stackId, {
      shortSeconds: SHORT_WINDOW_SECONDS,
      longSeconds: LONG_WINDOW_SECONDS,
    });
    // That the stack wants it at the end of a hold is what it agreed to.
    const settings = { automatic: true, onFirstFailure: "keep" } as const;
    if (decideUndo({ settings, target: target.number, begun }).kind !== "rollback") return false;
  }
  const failure = held.failure ?? { code: "held", detail: held.reason, remedy: null };
  const { sourceDigest, configDigest } = held;
  await refuseContent(trx, held, {
    release: held.release ?? undefined,
    failure: { ...failure, detail: by === "rollback" ? `${failure.detail} ${reason}` : failure.detail },
    principal,
    content: { sourceDigest, configDigest },
  });
  await beginRollback(trx, held, target, failure, {
    principal,
    requestedBy: by === "rollback" ? principal : SLIPWAY,
  });
  return true;
}

async function targetOf(trx: Transaction, held: Held) {
  const number = await newestGoodRelease(trx, held.stackId, held);
  return number === null ? undefined : pinnedRelease(trx, held.stackId, number);
}

/** Ends a rollback that waits for consent; nothing of it has begun. */
async function dropRollback(
  trx: Transaction,
  held: Held,
  { by, principal, reason }: Decision,
): Promise<void> {
  const { deploymentId, rolledBackBy } = held;
  if (rolledBackBy === null)
    throw new Error(`deployment ${deploymentId} is held for a rollback that is not there`);
  const rollback = { ...held, deploymentId: rolledBackBy };
  const status: Extract<DeploymentStatus, "cancelled" | "stale" | "expired"> =
    by === "keep" ? "cancelled" : by === "superseded" ? "stale" : "expired";
  const failure: Failure = { ...NOT_AGREED, detail: `${reason} No resource was changed.` };
  await decideHoldRow(trx, deploymentId, { decision: by, by: principal, reason });
  await settle(trx, rollback, status, failure, principal, 0, "waiting_approval");
  await settleCause(trx, rollback, deploymentId, { status, failure }, principal);
}
