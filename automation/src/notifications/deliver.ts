import type { Clock } from "../clock.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import type { Boss } from "../dispatch/boss.ts";
import type { Logger } from "../logger.ts";
import { auditDestination } from "./audit.ts";
import type { ClaimedDelivery } from "./deliveries-store.ts";
import * as deliveries from "./deliveries-store.ts";
import { pauseDestination } from "./destinations-store.ts";
import { sendEmail } from "./email.ts";
import { messageText, webhookBody } from "./message.ts";
import { enqueueNotification } from "./outbox-store.ts";
import type { RetryPolicy } from "./rules.ts";
import { afterAttempt, mustPause } from "./rules.ts";
import type { DestinationSealing } from "./sealing.ts";
import { signatureHeaders } from "./signature.ts";
import type { SmtpSettings } from "./smtp-settings.ts";
import type { TryResult } from "./try-result.ts";
import { failed } from "./try-result.ts";
import type { WebhookNetwork } from "./webhook.ts";
import { postWebhook } from "./webhook.ts";

/** Longer than any try: 10 s of a webhook, 25 s of an e-mail. */
export const LEASE_MS = 40_000;
/** Tries at once to one destination, by all servers. */
export const PER_DESTINATION = 2;
/** Principal of what Slipway does by itself. */
const SLIPWAY = "slipway";

/** What delivering works with. */
export interface DeliveryDependencies {
  db: Database;
  boss: Pick<Boss, "send">;
  logger: Pick<Logger, "info" | "warn" | "error">;
  clock: Pick<Clock, "monotonicMs">;
  sealing: DestinationSealing;
  network: WebhookNetwork;
  /** Undefined: this installation sends no e-mail. */
  smtp: SmtpSettings | undefined;
  /** Origin of the console, for links. */
  publicUrl: string | undefined;
  policy: RetryPolicy;
  /** In [0, 1). */
  random: () => number;
  leaseMs?: number;
}

/**
 * Tries one delivery, when it is due and nobody else is at it. At least once, never "exactly": a server that dies between the receiver's answer and our record of it leaves the
 * message to be sent again, under the same id. Rejects only when the database fails; the delivery is tried again after its lease then.
 */
export async function deliver(deps: DeliveryDependencies, id: string, stopping: AbortSignal): Promise<void> {
  const claimed = await deliveries.claimDelivery(deps.db, id, {
    leaseMs: deps.leaseMs ?? LEASE_MS,
    perDestination: PER_DESTINATION,
    maxAttempts: deps.policy.maxAttempts,
  });
  if (typeof claimed === "string") return;
  const startedMs = deps.clock.monotonicMs();
  const result = await attempt(deps, claimed, stopping);
  await end(deps, claimed, result, deps.clock.monotonicMs() - startedMs);
}

async function attempt(
  deps: DeliveryDependencies,
  { destination, message, now }: ClaimedDelivery,
  stopping: AbortSignal,
): Promise<TryResult> {
  const content = await open(deps, destination);
  if (content === undefined)
    return failed("The destination's secrets cannot be opened with this server's keys.");
  if (content.type === "email") {
    if (deps.smtp === undefined) return failed("This installation has no mail server: SLIPWAY_SMTP_URL.");
    const text = messageText(message, deps.publicUrl);
    return sendEmail({ id: message.id, to: content.to, text }, deps.smtp, stopping);
  }
  const body = webhookBody(message, deps.publicUrl);
  const previous =
    content.previous !== null && new Date(content.previous.until) > now ? [content.previous.secret] : [];
  const headers = {
    "content-type": "application/json",
    "user-agent": "Slipway",
    "slipway-message-id": message.id,
    ...signatureHeaders({ id: message.id, at: now, body }, [content.secret, ...previous]),
  };
  return postWebhook({ url: content.url, headers, body }, deps.network, stopping);
}

async function open(deps: DeliveryDependencies, destination: ClaimedDelivery["destination"]) {
  try {
    return await deps.sealing.open(deps.db, destination.id, destination.sealed);
  } catch (error) {
    // Perhaps the key's provider does not answer: told in the log, and tried again like any failure.
    deps.logger.error({ err: error, destination: destination.id }, "a destination cannot be opened");
    return undefined;
  }
}

async function end(
  deps: DeliveryDependencies,
  claimed: ClaimedDelivery,
  result: TryResult,
  durationMs: number,
): Promise<void> {
  await withTransaction(deps.db, async (trx) => {
    // First the delivery's row: whoever ends it holds it, and the rows of its tries after it.
    const ending = await deliveries.lockForEnd(trx, claimed);
    await deliveries.recordTry(trx, claimed, result, durationMs);
    if (ending === undefined) return;
    const decision = afterAttempt(ending, result.outcome, deps.random(), deps.policy);
    // That it arrived stays true whoever holds it by now; anything else is for the holder to say.
    if (decision.status !== "delivered" && !ending.isHeld) return;
    switch (decision.status) {
      case "delivered":
        return deliveries.endDelivered(trx, claimed);
      case "pending": {
        const error = result.outcome.kind === "delivered" ? null : result.outcome.error;
        await deliveries.postpone(trx, claimed.id, decision.delayMs, error);
        await sendJob(deps, trx, claimed.id, decision.delayMs);
        return;
      }
      case "dead":
        return endDead(deps, trx, claimed, decision.error);
    }
  });
}

async function endDead(
  deps: DeliveryDependencies,
  trx: Transaction,
  claimed: ClaimedDelivery,
  error: string,
): Promise<void> {
  const { deadInARow, organisation, name, isPaused } = await deliveries.endDead(trx, claimed, error);
  deps.logger.warn(
    { delivery: claimed.id, destination: claimed.destination.id, error },
    "a message was given up",
  );
  if (isPaused || !mustPause(deadInARow)) return;
  const reason = `${deadInARow} messages in a row could not be delivered. The last one: ${error}`;
  await pauseDestination(trx, claimed.destination.id, { by: SLIPWAY, reason });
  const subject = `${organisation}/notifications/${name}`;
  const caller = { principal: SLIPWAY, requestId: null };
  await auditDestination(trx, caller, { organisation, destination: name }, "destination.paused", {
    deadInARow,
  });
  // Paused as it is, it does not get this one itself.
  await enqueueNotification(trx, {
    organisation,
    kind: "destination.paused",
    subject,
    body: {
      what: `Slipway sends nothing more to the destination ${name}.`,
      who: null,
      why: reason,
      nextAction: `Correct the receiver, then: slipway destinations resume ${name}; slipway notifications resend --destination ${name}`,
      page: `/notifications?organisation=${organisation}`,
    },
    dedupeKey: claimed.id,
  });
}

/** A job that delivers: a hint, since the sweep finds what is due without one. */
export function sendJob(
  { boss }: Pick<DeliveryDependencies, "boss">,
  trx: Transaction,
  id: string,
  delayMs = 0,
): Promise<string | null> {
  return boss.send(
    trx,
    "deliver-notification",
    { delivery: id },
    delayMs === 0 ? {} : { startAfter: Math.ceil(delayMs / 1000) },
  );
}
