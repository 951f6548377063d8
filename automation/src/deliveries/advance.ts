import { setTimeout as pause } from "node:timers/promises";
import { can } from "../access/rules.ts";
import { findActorOfPrincipal } from "../access/store.ts";
import { appendAudit } from "../audit/store.ts";
import type { Transaction } from "../database.ts";
import { cancelDeployment } from "../deployments/cancel.ts";
import { SLIPWAY } from "../deployments/completion.ts";
import { queueDeployment } from "../deployments/request.ts";
import type { RequestedSource } from "../deployments/source.ts";
import type { DiskGuard } from "../disk/guard.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import type { Promotion } from "../promotions/source.ts";
import { promotedSource } from "../promotions/source.ts";
import { referStack } from "../stacks/store.ts";
import type { DeliveryOptions } from "./create.ts";
import { deliveryMessage } from "./create.ts";
import { decideDelivery, whyNot } from "./rules.ts";
import type { DeliveryRow, DeliveryStackRow } from "./store.ts";
import * as store from "./store.ts";

const LOOK_EVERY_MS = 1_000;

/** What the loop works with. */
export interface AdvanceDependencies extends DeliveryOptions {
  logger: Pick<Logger, "info" | "error">;
  /** Where space is low nothing new is begun. */
  disk: Pick<DiskGuard, "status">;
  /** Told after each pass that went through. */
  onPass?: () => void;
  /** Shorter in tests. */
  everyMs?: number;
}

/**
 * Brings open deliveries forward until `signal` aborts: begins the stacks whose wave has come, and ends what is over. Any number of servers may do it at once. Never rejects; what fails is
 * tried again.
 */
export async function advanceDeliveries(deps: AdvanceDependencies, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await advanceOnce(deps, signal);
      deps.onPass?.();
    } catch (error) {
      deps.logger.error({ error: messageOf(error) }, "deliveries could not be looked for");
    }
    // The only rejection is the abort, which the loop looks at.
    await pause(deps.everyMs ?? LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Brings every open delivery forward as far as it goes now. */
export async function advanceOnce(deps: AdvanceDependencies, signal: AbortSignal): Promise<void> {
  if ((await deps.disk.status()).low) return;
  for (const delivery of await store.openDeliveries(deps.db)) {
    if (signal.aborted) return;
    try {
      await advance(deps, delivery);
    } catch (error) {
      // One that cannot be brought forward must not keep the others; it stays open.
      deps.logger.error({ delivery: delivery.id, error: messageOf(error) }, "a delivery could not go on");
    }
  }
}

async function advance(deps: AdvanceDependencies, seen: DeliveryRow): Promise<void> {
  const decision = decideDelivery(seen, seen.stacks);
  switch (decision.kind) {
    case "wait":
      return;
    case "begin":
      for (const stack of decision.stacks) await begin(deps, seen, stack);
      return;
    case "drop":
    case "end":
      await deps.db.transaction().execute(async (trx) => {
        const delivery = await store.lockDelivery(trx, seen.id, { skip: true });
        if (delivery !== undefined && delivery.endedAt === null) await dropOrEnd(trx, deps, delivery);
      });
  }
}

/** What a stack would run, or why it cannot. */
type Taken =
  | { kind: "taken"; source: RequestedSource; promotion: Promotion }
  | { kind: "refused"; error: SlipwayError };

async function begin(deps: AdvanceDependencies, seen: DeliveryRow, stack: DeliveryStackRow): Promise<void> {
  // Reading a source takes time and no lock; whether it is still to be begun is decided again under the lock.
  const taken = await take(deps, seen, stack);
  await deps.db.transaction().execute(async (trx) => {
    const delivery = await store.lockDelivery(trx, seen.id, { skip: true });
    if (delivery === undefined || delivery.endedAt !== null) return;
    const decision = decideDelivery(delivery, delivery.stacks);
    const isNext =
      decision.kind === "begin" && decision.stacks.some(({ stackId }) => stackId === stack.stackId);
    // Another server has begun it, or somebody paused or cancelled the delivery meanwhile.
    if (!isNext) return;
    const { id, organisation, project } = delivery;
    const { stackId } = stack;
    try {
      const deploymentId = await queue(trx, deps, delivery, stack, taken);
      await store.recordDeployment(trx, { id, stackId, deploymentId });
      deps.logger.info({ delivery: id, stack: stack.stack, wave: stack.wave }, "a delivery goes on");
    } catch (error) {
      // Refused by a rule, before anything was written. What the database refused has ended the transaction.
      if (!(error instanceof SlipwayError)) throw error;
      const refusal = { code: error.code, detail: error.message, remedy: error.remedy ?? null };
      await store.recordRefusal(trx, { id, stackId, refusal });
      await appendAudit(trx, {
        principal: SLIPWAY,
        action: "delivery.refused",
        organisation,
        subject: `${organisation}/${project}/${stack.stack}`,
        details: { delivery: id, code: error.code, reason: error.message },
        requestId: null,
      });
    }
  });
}

async function take(
  deps: AdvanceDependencies,
  delivery: DeliveryRow,
  stack: DeliveryStackRow,
): Promise<Taken> {
  const { organisation, project } = delivery;
  try {
    const promote = deliveredRelease(delivery, stack);
    const target = { organisation, project, stack: stack.stack, id: stack.stackId };
    return { kind: "taken", ...(await promotedSource(deps, target, promote)) };
  } catch (error) {
    if (error instanceof SlipwayError) return { kind: "refused", error };
    throw error;
  }
}

/** The very release that the delivery brought to the stack before, whatever was released there since. */
function deliveredRelease(
  { from, stacks }: DeliveryRow,
  { stack, from: before }: DeliveryStackRow,
): { stack: string; release: number } {
  if (from !== null && from.stack === before) return from;
  const release = stacks.find((one) => one.stack === before)?.release;
  if (before === null || release == null) throw new Error(`nothing was delivered that ${stack} could take`);
  return { stack: before, release: release.number };
}

async function queue(
  trx: Transaction,
  deps: AdvanceDependencies,
  delivery: DeliveryRow,
  { stack, stackId, wave }: DeliveryStackRow,
  taken: Taken,
): Promise<string> {
  const { id, organisation, project, requestedBy } = delivery;
  const actor = await findActorOfPrincipal(trx, requestedBy);
  if (actor === undefined || !can(actor, "stack.deploy", { organisation, stackId })) {
    throw new SlipwayError(
      "forbidden",
      `${requestedBy}, who asked for the delivery, may not deploy here any more.`,
      {
        remedy: "Have somebody who may ask for a delivery of what is left.",
      },
    );
  }
  if (taken.kind === "refused") throw taken.error;
  const name = { organisation, project, stack };
  if ((await referStack(trx, name, { lock: true })) === undefined) {
    throw new SlipwayError("not_found", `${stack} was removed.`, { remedy: "Deliver without it." });
  }
  const deployment = await queueDeployment(trx, deps, {
    stackId,
    name,
    body: { operation: "update", options: {}, message: delivery.message ?? deliveryMessage(id, wave) },
    source: taken.source,
    promotion: taken.promotion,
    // Whoever asked for the delivery has asked for each of its deployments, so that their vote on it does not count.
    caller: { principal: requestedBy, requestId: null },
  });
  return deployment.id;
}

/** Cancels what has not begun and must not, or ends a delivery of which nothing runs. */
async function dropOrEnd(trx: Transaction, deps: AdvanceDependencies, delivery: DeliveryRow): Promise<void> {
  const decision = decideDelivery(delivery, delivery.stacks);
  const { id, organisation, project } = delivery;
  if (decision.kind === "drop") {
    const caller = { principal: SLIPWAY, requestId: null };
    for (const { deployment } of decision.stacks)
      if (deployment !== null) await cancelDeployment(trx, deps, { id: deployment.id, caller });
    return;
  }
  if (decision.kind !== "end") return;
  await store.endDelivery(trx, id, decision.outcome);
  const bad = delivery.stacks.find((stack) => whyNot(stack) !== null);
  const reason = bad === undefined ? null : `${bad.stack}: ${whyNot(bad)}`;
  const subject = `${organisation}/${project}`;
  await appendAudit(trx, {
    principal: SLIPWAY,
    action: `delivery.${decision.outcome}`,
    organisation,
    subject,
    details: { delivery: id, ...(reason === null ? {} : { reason }) },
    requestId: null,
  });
  deps.logger.info({ delivery: id, outcome: decision.outcome }, "a delivery has ended");
  if (decision.outcome !== "stopped" || bad === undefined) return;
  await enqueueNotification(trx, {
    organisation,
    kind: "delivery.stopped",
    subject: `${subject}/${bad.stack}`,
    body: {
      what: `A delivery of ${subject} stopped at ${bad.stack}; the stacks after it were left as they are.`,
      who: delivery.requestedBy,
      why: whyNot(bad),
      nextAction: "Correct what was not good there, and ask for a new delivery.",
      page: `/deliveries/${id}`,
    },
    dedupeKey: id,
  });
}
