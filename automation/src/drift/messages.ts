import type { DriftAlertEnd, DriftAlertKind } from "../contract/drift.ts";
import type { NotificationKind } from "../contract/notifications.ts";
import type { Transaction } from "../database.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import type { ClosedAlert } from "./alerts-store.ts";
import { isStorm } from "./rules.ts";

/** The stack that is told of. */
export interface ToldStack {
  organisation: string;
  /** organisation/project/stack */
  subject: string;
}

/** An alert as a message has it: names and paths, never a value. */
export interface ToldAlert {
  id: string;
  kind: DriftAlertKind;
  summary: string;
}

const NAMED_IN_A_SUMMARY = 5;

/** Of which kind the messages of an alert are. */
const KINDS: Readonly<Record<DriftAlertKind, NotificationKind>> = {
  gone: "drift.found",
  "input-changed": "drift.found",
  "cannot-check": "drift.cannot-check",
  "many-gone": "drift.many-gone",
};

const NEXT_ACTIONS: Readonly<Record<DriftAlertKind, string>> = {
  gone: "Look at the alert: bring the resource back with slipway drift remediate, or take it out of the program.",
  "input-changed":
    "Look at the alert: undo it with slipway drift remediate, take it over into the source with slipway drift adopt, or ignore it for a time.",
  "cannot-check": "Correct what the reason names; the alert closes with the next check that can be made.",
  "many-gone":
    "Look whether the credentials, the account or the region are those of the stack. If it is all really gone, deploy the release again or destroy the stack.",
};

const ENDS: Readonly<Record<DriftAlertEnd, string>> = {
  resolved: "It differs no more.",
  changed: "It has another value now, which has an alert of its own.",
  ignored: "A rule ignores it from now on.",
  checked: "The stack could be checked again.",
};

/** Tells of new alerts: each by itself, and a storm by one message. `key` is the same however often this is repeated. */
export async function tellOpened(
  trx: Transaction,
  stack: ToldStack,
  alerts: readonly ToldAlert[],
  key: string,
): Promise<void> {
  if (isStorm(alerts.length)) {
    await tellMany(trx, stack, "drift.found", alerts, "drifted at once", key);
    return;
  }
  for (const alert of alerts)
    await tellOne(trx, stack, alert, `${stack.subject}: ${alert.summary}`, alert.id);
}

/** Tells again of alerts that nobody has closed for a week. */
export async function tellReminders(
  trx: Transaction,
  stack: ToldStack,
  alerts: readonly (ToldAlert & { reminders: number; openDays: number })[],
  key: string,
): Promise<void> {
  if (isStorm(alerts.length)) {
    await tellMany(trx, stack, "drift.found", alerts, "have differed for a week or longer", key);
    return;
  }
  for (const alert of alerts) {
    const what = `Still so after ${alert.openDays} days: ${stack.subject}: ${alert.summary}`;
    await tellOne(trx, stack, alert, what, `${alert.id} ${alert.reminders}`);
  }
}

/** Tells that alerts are over. */
export async function tellClosed(
  trx: Transaction,
  stack: ToldStack,
  alerts: readonly ClosedAlert[],
  key: string,
): Promise<void> {
  if (isStorm(alerts.length)) {
    await tellMany(trx, stack, "drift.closed", alerts, "are over at once", key);
    return;
  }
  for (const { id, summary, because } of alerts) {
    await enqueueNotification(trx, {
      ...stack,
      kind: "drift.closed",
      body: {
        what: `Over: ${stack.subject}: ${summary}`,
        who: null,
        why: ENDS[because],
        nextAction: null,
        page: pageOf(stack),
      },
      dedupeKey: id,
    });
  }
}

async function tellOne(
  trx: Transaction,
  stack: ToldStack,
  alert: ToldAlert,
  what: string,
  dedupeKey: string,
): Promise<void> {
  await enqueueNotification(trx, {
    ...stack,
    kind: KINDS[alert.kind],
    body: { what, who: null, why: null, nextAction: NEXT_ACTIONS[alert.kind], page: pageOf(stack) },
    dedupeKey,
  });
}

async function tellMany(
  trx: Transaction,
  stack: ToldStack,
  kind: NotificationKind,
  alerts: readonly ToldAlert[],
  what: string,
  dedupeKey: string,
): Promise<void> {
  const named = alerts.slice(0, NAMED_IN_A_SUMMARY).map(({ summary }) => summary);
  await enqueueNotification(trx, {
    ...stack,
    kind,
    body: {
      what: `${stack.subject}: ${alerts.length} differences ${what}.`,
      who: null,
      why: `Among them: ${named.join(" ")}`,
      nextAction:
        kind === "drift.closed" ? null : "Look at all of them on the stack's page before anything is done.",
      page: pageOf(stack),
    },
    dedupeKey,
  });
}

function pageOf({ subject }: ToldStack): string {
  return `/stacks/${subject}?tab=drift`;
}
