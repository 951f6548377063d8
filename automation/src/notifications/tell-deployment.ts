import { subjectOf } from "../audit/subject.ts";
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

/**
 * Tells of a deployment, in the transaction of what is told; its page is the link. The same kind is told once of each deployment, with `more` once of each that it says. Answers the message's id; null when
 * it was told before.
 */
export function tellDeployment(
  trx: Transaction,
  { deploymentId, organisation, project, stack }: ToldDeployment,
  kind: NotificationKind,
  {
    more,
    ...body
  }: { what: string; who: string | null; why: string | null; nextAction: string | null; more?: string },
): Promise<string | null> {
  return enqueueNotification(trx, {
    organisation,
    kind,
    subject: subjectOf({ organisation, project, stack }),
    body: { ...body, page: `/deployments/${deploymentId}` },
    dedupeKey: more === undefined ? deploymentId : `${deploymentId} ${more}`,
  });
}
