import { sql } from "kysely";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { NotificationKind } from "../contract/notifications.ts";
import type { Transaction } from "../database.ts";
import { enqueueNotification } from "./outbox-store.ts";

/** A deployment as a message names it. */
export interface ToldDeployment {
  deploymentId: string;
  organisation: string;
  project: string;
  stack: string;
}

const KIND_OF_STATUS: Partial<Record<DeploymentStatus, NotificationKind>> = {
  succeeded: "deployment.succeeded",
  failed: "deployment.failed",
  cancelled: "deployment.cancelled",
  interrupted: "deployment.interrupted",
  rolled_back: "deployment.rolled_back",
};
/** Operations that change nothing: who asked for one looks at it, and drift has a message of its own. */
const UNTOLD_OPERATIONS = ["preview", "detect-drift"];

interface Facts {
  number: number;
  operation: string;
  requestedBy: string;
  cause: string | null;
}

async function factsOf(trx: Transaction, deploymentId: string): Promise<Facts | undefined> {
  const { rows } = await sql<Facts>`
    select number, operation, requested_by as "requestedBy", cause from deployments where id = ${deploymentId}`.execute(
    trx,
  );
  return rows[0];
}

/** Tells of a deployment's end, in the transaction that ends it. */
export async function tellEnd(
  trx: Transaction,
  deployment: ToldDeployment,
  status: DeploymentStatus,
  failure: { detail: string; remedy: string | null } | null,
): Promise<void> {
  const kind = KIND_OF_STATUS[status];
  const facts = kind === undefined ? undefined : await factsOf(trx, deployment.deploymentId);
  if (kind === undefined || facts === undefined || UNTOLD_OPERATIONS.includes(facts.operation)) return;
  // That an automatic rollback succeeded is told by the end of the deployment that it was for.
  if (facts.cause === "automatic-rollback" && status === "succeeded") return;
  await tell(trx, deployment, kind, {
    what: `Deployment ${facts.number} (${facts.operation}) ${wordOf(status)}.`,
    who: facts.requestedBy,
    why: failure?.detail ?? null,
    nextAction: failure?.remedy ?? null,
  });
}

/** Tells that an automatic rollback begins, in the transaction that asks for it. */
export async function tellRollback(
  trx: Transaction,
  deployment: ToldDeployment,
  rollback: { release: number; why: string },
): Promise<void> {
  const facts = await factsOf(trx, deployment.deploymentId);
  if (facts === undefined) return;
  await tell(trx, deployment, "deployment.rolling_back", {
    what: `Slipway rolls deployment ${facts.number} back to release ${rollback.release}.`,
    who: facts.requestedBy,
    why: rollback.why,
    nextAction: "Nothing now: another message tells how it ended.",
  });
}

/** Tells that a worker was lost in the middle of a deployment, in the transaction that takes it over. */
export async function tellLostWorker(
  trx: Transaction,
  lost: ToldDeployment & { attemptId: string; workerId: string },
): Promise<void> {
  const { organisation, project, stack } = lost;
  await enqueueNotification(trx, {
    organisation,
    kind: "worker.lost",
    subject: `${organisation}/${project}/${stack}`,
    body: {
      what: `The worker ${lost.workerId} was lost while it ran a deployment of this stack.`,
      who: null,
      why: "It sent no sign of life for longer than its lease.",
      nextAction:
        "See what became of the deployment, and whether the worker's machine is well: slipway doctor.",
      page: `/deployments/${lost.deploymentId}`,
    },
    dedupeKey: lost.attemptId,
  });
}

function tell(
  trx: Transaction,
  { deploymentId, organisation, project, stack }: ToldDeployment,
  kind: NotificationKind,
  body: { what: string; who: string; why: string | null; nextAction: string | null },
): Promise<string | null> {
  return enqueueNotification(trx, {
    organisation,
    kind,
    subject: `${organisation}/${project}/${stack}`,
    body: { ...body, page: `/deployments/${deploymentId}` },
    dedupeKey: deploymentId,
  });
}

function wordOf(status: DeploymentStatus): string {
  switch (status) {
    case "cancelled":
      return "was cancelled";
    case "interrupted":
      return "was interrupted";
    case "rolled_back":
      return "failed and was rolled back";
    default:
      return status;
  }
}
