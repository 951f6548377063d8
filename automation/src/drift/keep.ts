import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../clock.ts";
import type { Database, Transaction } from "../database.ts";
import { SLIPWAY } from "../deployments/completion.ts";
import { queueDeployment } from "../deployments/request.ts";
import type { HintSender } from "../dispatch/hints.ts";
import { messageOf, SlipwayError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { referStack } from "../stacks/store.ts";
import type { DueFollowUp, DueReminder } from "./follow-ups-store.ts";
import {
  lockDue,
  lockStarved,
  missingUrns,
  planBirths,
  settleFollowUp,
  takeReminders,
} from "./follow-ups-store.ts";
import { tellReminders } from "./messages.ts";
import { tellAlert } from "./record.ts";

const LOOK_EVERY_MS = 2_000;
/** What one deployment takes as its targets. What is left over is read by the next check. */
const MOST_READ_AGAIN = 1_000;
const REMINDERS_AT_ONCE = 1_000;

export interface KeepDriftDependencies {
  db: Database;
  keyring: Keyring;
  clock: Clock;
  logger: Pick<Logger, "info" | "error">;
  hints: HintSender;
  /** Told after each pass that went through. */
  onPass?: () => void;
}

/**
 * Asks for the checks that follow from updates and from other checks, and reminds of alerts, until `signal` aborts. Any number of servers may do it at once. Never rejects; what fails is
 * tried again.
 */
export async function keepDrift(deps: KeepDriftDependencies, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await keepDriftOnce(deps, signal);
      deps.onPass?.();
    } catch (error) {
      deps.logger.error(
        { error: messageOf(error) },
        "what follows from drift checks could not be looked for",
      );
    }
    // The only rejection is the abort, which the loop looks at.
    await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** One pass. Answers how many checks were queued. */
export async function keepDriftOnce(deps: KeepDriftDependencies, signal: AbortSignal): Promise<number> {
  await planBirths(deps.db);
  let queued = 0;
  while (!signal.aborted) {
    const done = await deps.db.transaction().execute((trx) => runNext(trx, deps));
    if (done === "none") break;
    if (done === "queued") queued += 1;
  }
  await deps.db.transaction().execute((trx) => tellStarved(trx, deps));
  await deps.db.transaction().execute(remind);
  return queued;
}

async function runNext(
  trx: Transaction,
  deps: KeepDriftDependencies,
): Promise<"none" | "queued" | "dropped"> {
  const due = await lockDue(trx);
  if (due === undefined) return "none";
  const name = { organisation: due.organisation, project: due.project, stack: due.stack };
  const stack = await referStack(trx, name, { lock: true });
  const targets =
    due.kind === "second-read" ? await missingUrns(trx, due.stackId, MOST_READ_AGAIN) : undefined;
  if (stack === undefined || targets?.length === 0) {
    await settleFollowUp(trx, due.id, null);
    return "dropped";
  }
  try {
    const deployment = await queueDeployment(trx, deps, {
      stackId: due.stackId,
      name,
      body: {
        operation: "detect-drift",
        options: targets === undefined ? {} : { targets },
        message: MESSAGES[due.kind],
      },
      source: null,
      caller: { principal: SLIPWAY, requestId: null },
    });
    await settleFollowUp(trx, due.id, deployment.id);
    deps.logger.info({ stack: name, kind: due.kind, deployment: deployment.id }, "asked for a drift check");
    return "queued";
  } catch (error) {
    // Refused by a rule, before anything was written. What the database refused has ended the transaction.
    if (!(error instanceof SlipwayError)) throw error;
    await settleFollowUp(trx, due.id, null);
    return "dropped";
  }
}

const MESSAGES: Readonly<Record<DueFollowUp["kind"], string>> = {
  birth: "Birth check: what differs right after the update is known from now on",
  "second-read": "Second read of what was not found",
  retry: "The stack was busy during the drift check before",
};

/** A busy stack is checked each day, or somebody hears that it could not be. */
async function tellStarved(trx: Transaction, { keyring }: KeepDriftDependencies): Promise<void> {
  for (const stack of await lockStarved(trx)) {
    const why =
      "A drift check has waited for a day behind what changes the stack, and none was made meanwhile.";
    await tellAlert(trx, keyring, stack, "cannot-check", why);
  }
}

async function remind(trx: Transaction): Promise<void> {
  const byStack = Map.groupBy(await takeReminders(trx, REMINDERS_AT_ONCE), ({ stackId }) => stackId);
  for (const [stackId, alerts] of byStack) {
    const [first] = alerts;
    if (first === undefined) continue;
    await tellReminders(trx, first, alerts, `${stackId} ${reminderKey(alerts)}`);
  }
}

/** The same for one set of reminders, and another one a week later. */
function reminderKey(alerts: readonly DueReminder[]): string {
  const [first] = alerts.map(({ id, reminders }) => `${id} ${reminders}`).sort();
  return first ?? "";
}
