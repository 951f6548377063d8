import { subjectOf } from "../audit/subject.ts";
import type { Transaction } from "../database.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import type { Waiting } from "./store.ts";

type Told = Pick<
  Waiting,
  | "deploymentId"
  | "organisation"
  | "project"
  | "stack"
  | "number"
  | "operation"
  | "requestedBy"
  | "seal"
  | "risk"
  | "expiresAt"
>;

/** Tells that votes are asked for, or that they still are at half time. The link only opens a page. */
export async function tellRequested(trx: Transaction, waiting: Told, isReminder: boolean): Promise<void> {
  const until = waiting.expiresAt.toISOString();
  await tell(trx, waiting, "approval.requested", isReminder ? "reminder" : waiting.seal, {
    what: `Deployment ${waiting.number} (${waiting.operation}) ${isReminder ? "still waits" : "waits"} for approval.`,
    who: waiting.requestedBy,
    why: `Risk ${waiting.risk.tier}: ${waiting.risk.reasons.slice(0, 3).join(" ")}`,
    nextAction: `Read it and vote until ${until}: slipway approvals show ${waiting.deploymentId}`,
  });
}

/** Tells what was decided, and by whom. */
export async function tellDecided(
  trx: Transaction,
  waiting: Told,
  { word, by, why }: { word: "approved" | "rejected" | "stale"; by: string | null; why: string | null },
): Promise<void> {
  await tell(trx, waiting, "approval.decided", `${word} ${waiting.seal}`, {
    what: `Deployment ${waiting.number} (${waiting.operation}) ${word === "stale" ? "is stale" : `was ${word}`}.`,
    who: by,
    why,
    nextAction:
      word === "approved" ? null : "Request it again when what kept it is settled: it gets a new preview.",
  });
}

/** Tells that the time for a decision is over. */
export async function tellExpired(trx: Transaction, waiting: Told): Promise<void> {
  await tell(trx, waiting, "approval.expired", waiting.seal, {
    what: `Deployment ${waiting.number} (${waiting.operation}) expired: not enough people had approved it in time.`,
    who: waiting.requestedBy,
    why: null,
    nextAction: "Request it again: it gets a new preview and new votes.",
  });
}

/** Tells all at once that somebody passed the votes by. */
export async function tellEmergency(
  trx: Transaction,
  about: { deploymentId: string; organisation: string; project: string; stack: string },
  {
    by,
    reason,
    incident,
    approvers,
  }: { by: string; reason: string; incident: string; approvers: readonly string[] },
): Promise<void> {
  await enqueueNotification(trx, {
    organisation: about.organisation,
    kind: "approval.emergency",
    subject: `${about.organisation}/${about.project}/${about.stack}`,
    body: {
      what: `${by} passes the votes of a deployment by, in an emergency.`,
      who: by,
      why: `${reason} (${incident})`,
      nextAction: `Review it within 72 hours (slipway emergencies review ${about.deploymentId}). Asked: ${approvers.length === 0 ? "nobody is in the groups of the rules" : approvers.join(", ")}.`,
      page: `/deployments/${about.deploymentId}`,
    },
    dedupeKey: about.deploymentId,
  });
}

function tell(
  trx: Transaction,
  { deploymentId, organisation, project, stack }: Told,
  kind: "approval.requested" | "approval.decided" | "approval.expired",
  key: string,
  body: { what: string; who: string | null; why: string | null; nextAction: string | null },
): Promise<string | null> {
  return enqueueNotification(trx, {
    organisation,
    kind,
    subject: subjectOf({ organisation, project, stack }),
    body: { ...body, page: `/deployments/${deploymentId}` },
    dedupeKey: `${deploymentId} ${key}`,
  });
}
