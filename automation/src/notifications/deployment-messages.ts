import { sql } from "kysely";
import type { DeploymentStatus } from "../contract/deployments.ts";
import type { NotificationKind } from "../contract/notifications.ts";
import type { Transaction } from "../database.ts";
import { enqueueNotification } from "./outbox-store.ts";
import type { ToldDeployment } from "./tell-deployment.ts";
import { tellDeployment } from "./tell-deployment.ts";

const KIND_OF_STATUS: Partial<Record<DeploymentStatus, NotificationKind>> = {
  succeeded: "deployment.succeeded",
  failed: "deployment.failed",
  cancelled: "deployment.cancelled",
  interrupted: "deployment.interrupted",
  rolled_back: "deployment.rolled_back",
};
/** Operations that change nothing: who asked for one looks at it, and drift has a message of its own. */
const UNTOLD_OPERATIONS = ["preview", "detect-drift"];

/** Named in one message. */
const MOST_READERS = 50;

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

/** Stacks of the same organisation whose programs have read the outputs of a deployment's stack since it began, by their names. Nobody rolls them back. */
async function readersOf(
  trx: Transaction,
  { deploymentId, organisation }: ToldDeployment,
): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select distinct concat_ws('/', p.organisation, p.name, s.name) as name
    from deployments d join output_reads o on o.stack_id = d.stack_id and o.last_at >= d.started_at
    join stacks s on s.id = o.reader_stack_id and s.removed_at is null join projects p on p.id = s.project_id
    where d.id = ${deploymentId} and p.organisation = ${organisation} order by 1 limit ${MOST_READERS}`.execute(
    trx,
  );
  return rows.map(({ name }) => name);
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
  const remedy = failure?.remedy ?? null;
  const readers = status === "rolled_back" ? await readersOf(trx, deployment) : [];
  await tellDeployment(trx, deployment, kind, {
    what: `Deployment ${facts.number} (${facts.operation}) ${wordOf(status)}.`,
    who: facts.requestedBy,
    why: failure?.detail ?? null,
    nextAction:
      readers.length === 0
        ? remedy
        : `${remedy === null ? "" : `${remedy} `}Look at what read its outputs meanwhile and was not rolled back: ${readers.join(", ")}.`,
  });
}

/** Tells that an automatic rollback begins, in the transaction that asks for it. */
export async function tellRollback(
  trx: Transaction,
  deployment: ToldDeployment,
  rollback: { release: number | null; why: string },
): Promise<void> {
  const facts = await factsOf(trx, deployment.deploymentId);
  if (facts === undefined) return;
  await tellDeployment(trx, deployment, "deployment.rolling_back", {
    what:
      rollback.release === null
        ? `Slipway removes what deployment ${facts.number} created, once somebody agrees to it.`
        : `Slipway rolls deployment ${facts.number} back to release ${rollback.release}.`,
    who: facts.requestedBy,
    why: rollback.why,
    nextAction: "Nothing now: another message tells how it ended.",
  });
}

/** Tells that a deployment waits for a person, in the transaction that holds it. */
export async function tellHeld(
  trx: Transaction,
  deployment: ToldDeployment,
  held: { why: string; onExpiry: "keep" | "rollback" },
): Promise<void> {
  const facts = await factsOf(trx, deployment.deploymentId);
  if (facts === undefined) return;
  const then = held.onExpiry === "keep" ? "what runs stays" : "it is rolled back";
  await tellDeployment(trx, deployment, "deployment.held", {
    what: `Deployment ${facts.number} (${facts.operation}) is held: somebody has to decide whether what it left stays.`,
    who: facts.requestedBy,
    why: held.why,
    nextAction: `Decide within the hour: slipway hold ${deployment.deploymentId} keep, or slipway hold ${deployment.deploymentId} rollback. After that ${then}.`,
  });
}

/** Tells that a rollback does something that nobody can undo, and waits for consent. */
export async function tellConsent(
  trx: Transaction,
  rollback: ToldDeployment,
  steps: readonly { id: string; detail: string }[],
): Promise<void> {
  const facts = await factsOf(trx, rollback.deploymentId);
  if (facts === undefined) return;
  await tellDeployment(trx, rollback, "rollback.consent", {
    what: `Rollback ${facts.number} would do ${steps.length === 1 ? "something" : `${steps.length} things`} that nobody can undo, and waits for consent.`,
    who: facts.requestedBy,
    why: steps.map(({ detail }) => detail).join(" "),
    nextAction: `Read each step; then slipway consent ${rollback.deploymentId}, or cancel it: slipway cancel ${rollback.deploymentId}. Within the hour; after that what runs stays.`,
    // Other steps than those that were told of ask for consent anew.
    more: steps.map(({ id }) => id).join(" "),
  });
}

/** Tells how an automatic rollback ended that did not help. */
export async function tellRollbackEnd(
  trx: Transaction,
  deployment: ToldDeployment,
  outcome: "rollback_failed" | "rolled_back_unhealthy",
  { why, remedy }: { why: string; remedy: string },
): Promise<void> {
  const facts = await factsOf(trx, deployment.deploymentId);
  if (facts === undefined) return;
  const kind = outcome === "rollback_failed" ? "rollback.failed" : "rollback.unhealthy";
  const what =
    outcome === "rollback_failed"
      ? `The rollback of deployment ${facts.number} failed, and the stack is frozen.`
      : `Deployment ${facts.number} was rolled back, and what runs now is unhealthy too.`;
  await tellDeployment(trx, deployment, kind, { what, who: facts.requestedBy, why, nextAction: remedy });
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
