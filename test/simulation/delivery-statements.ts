import type { Rules } from "./rules.ts";
import type { Rows, Trx } from "./store.ts";

/** Where messages go. */
export const DESTINATIONS = ["webhook", "mail"] as const;
/** Messages are given up after so long, so that some are. */
const HORIZON_MS = 900_000;
/** Another server tries a delivery whose server was not heard of again. */
const DELIVERY_LEASE_MS = 30_000;

/** Puts a message into the outbox, in the transaction of what it tells of. */
export function tell(trx: Trx, about: string): void {
  const id = `message of ${about}`;
  trx.insert("messages", { id, about, at: trx.now });
  for (const destination of DESTINATIONS) {
    trx.insert("deliveries", {
      id: `${id} to ${destination}`,
      messageId: id,
      destination,
      status: "pending",
      attempts: 0,
      dueAt: trx.now,
      deadline: trx.now + HORIZON_MS,
    });
  }
}

/** Takes one delivery that is due; null when there is none. */
export function takeDelivery(trx: Trx, rules: Rules): Rows["deliveries"] | null {
  for (const delivery of trx.all("deliveries")) {
    if (delivery.status !== "pending" || delivery.dueAt > trx.now) continue;
    if (delivery.attempts > 0 && !rules.habits.deliversAgain) continue;
    const taken = { ...delivery, attempts: delivery.attempts + 1, dueAt: trx.now + DELIVERY_LEASE_MS };
    trx.put("deliveries", taken);
    return taken;
  }
  return null;
}

/** Records how a try ended; of a try that was given up in the meantime nothing. */
export function recordTry(
  trx: Trx,
  rules: Rules,
  taken: Rows["deliveries"],
  delivered: boolean,
  random: number,
): void {
  const delivery = trx.get("deliveries", taken.id);
  if (delivery.status !== "pending" || delivery.attempts !== taken.attempts) return;
  const outcome = delivered
    ? ({ kind: "delivered" } as const)
    : ({ kind: "failed", error: "no answer." } as const);
  const state = { attempts: taken.attempts, leftMs: delivery.deadline - trx.now };
  const decision = rules.afterAttempt(state, outcome, random);
  trx.put("deliveries", {
    ...delivery,
    status: decision.status,
    dueAt: decision.status === "pending" ? trx.now + decision.delayMs : delivery.dueAt,
  });
}

/** When the next delivery is due; null when all have ended. */
export function nextDelivery(trx: Trx): number | null {
  let next: number | null = null;
  for (const { status, dueAt } of trx.all("deliveries")) {
    if (status === "pending" && (next === null || dueAt < next)) next = dueAt;
  }
  return next;
}
