import type { Transaction } from "../database.ts";
import type { ToldDeployment } from "../notifications/tell-deployment.ts";
import { tellDeployment } from "../notifications/tell-deployment.ts";
import type { Demand } from "./evaluate.ts";
import type { Waiting } from "./store.ts";
import { missingInWords, signersOf, signOffCommand } from "./words.ts";

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

/** Tells that votes or a sign-off are asked for, or that they still are at half time. The link only opens a page. */
export async function tellRequested(
  trx: Transaction,
  { waiting, demand }: { waiting: Waiting; demand: Demand },
  isReminder: boolean,
): Promise<void> {
  const until = waiting.expiresAt.toISOString();
  const isUnsigned = demand.signOff !== null && signersOf(demand).length === 0;
  const what = isUnsigned ? missingInWords(demand, waiting) : "approval";
  const vote = `Read it and vote until ${until}: slipway approvals show ${waiting.deploymentId}`;
  const sign = `Read the checklist and sign it off until ${until}: ${signOffCommand(demand)}`;
  await tellDeployment(trx, waiting, "approval.requested", {
    more: isReminder ? "reminder" : waiting.seal,
    what: `Deployment ${waiting.number} (${waiting.operation}) ${isReminder ? "still waits" : "waits"} for ${what}.`,
    who: waiting.requestedBy,
    why: `Risk ${waiting.risk.tier}: ${waiting.risk.reasons.slice(0, 3).join(" ")}`,
    nextAction: isUnsigned ? (demand.rules.length === 0 ? sign : `${vote}. ${sign}`) : vote,
  });
}

/** Tells what was decided, and by whom. */
export async function tellDecided(
  trx: Transaction,
  waiting: Told,
  { word, by, why }: { word: "approved" | "rejected" | "stale"; by: string | null; why: string | null },
): Promise<void> {
  await tellDeployment(trx, waiting, "approval.decided", {
    more: `${word} ${waiting.seal}`,
    what: `Deployment ${waiting.number} (${waiting.operation}) ${word === "stale" ? "is stale" : `was ${word}`}.`,
    who: by,
    why,
    nextAction:
      word === "approved" ? null : "Request it again when what kept it is settled: it gets a new preview.",
  });
}

/** Tells that the time for a decision is over. */
export async function tellExpired(trx: Transaction, waiting: Told): Promise<void> {
  await tellDeployment(trx, waiting, "approval.expired", {
    more: waiting.seal,
    what: `Deployment ${waiting.number} (${waiting.operation}) expired: not enough people had approved it, or signed it off, in time.`,
    who: waiting.requestedBy,
    why: null,
    nextAction: "Request it again: it gets a new preview and new votes.",
  });
}

/** Tells all at once that somebody passed the votes by. */
export async function tellEmergency(
  trx: Transaction,
  about: ToldDeployment,
  {
    by,
    reason,
    incident,
    approvers,
  }: { by: string; reason: string; incident: string; approvers: readonly string[] },
): Promise<void> {
  await tellDeployment(trx, about, "approval.emergency", {
    what: `${by} passes the approval of a deployment by, in an emergency.`,
    who: by,
    why: `${reason} (${incident})`,
    nextAction: `Review it within 72 hours (slipway emergencies review ${about.deploymentId}). Asked: ${approvers.length === 0 ? "nobody is in the groups of the rules" : approvers.join(", ")}.`,
  });
}
