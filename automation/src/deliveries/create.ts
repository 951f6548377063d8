import { randomUUID } from "node:crypto";
import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import type { Clock } from "../clock.ts";
import type { CreateStackDelivery } from "../contract/stack-deliveries.ts";
import type { Transaction } from "../database.ts";
import { queueDeployment } from "../deployments/request.ts";
import type { RequestedSource, SourceOptions } from "../deployments/source.ts";
import { requestedSource } from "../deployments/source.ts";
import type { HintSender } from "../dispatch/hints.ts";
import type { Caller } from "../http/endpoint.ts";
import { findProject } from "../projects/store.ts";
import type { Place } from "../promotions/rules.ts";
import { requestedRelease } from "../promotions/source.ts";
import { placeOf } from "../promotions/store.ts";
import type { StackReference } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import type { PlannedStack } from "./rules.ts";
import { planDelivery } from "./rules.ts";
import type { DeliveryRow } from "./store.ts";
import { findDelivery, insertDelivery } from "./store.ts";

export interface DeliveryOptions extends SourceOptions {
  clock: Clock;
  hints: HintSender;
}

/** A delivery that can be made, with the source of its first stack when that is deployed from the folder. */
export interface PreparedDelivery {
  projectId: string;
  planned: readonly PlannedStack[];
  stacks: ReadonlyMap<string, StackReference>;
  from: { releaseId: string; stack: string; release: number } | null;
  source: RequestedSource | null;
}

/** Looks at all that a delivery names before anything is written. Throws `not_found` for a project or a stack that is not there, the problems of a promotion, and those of sources/. */
export async function prepareDelivery(
  options: DeliveryOptions,
  body: CreateStackDelivery,
): Promise<PreparedDelivery> {
  const { db } = options;
  const { organisation, project: name, waves, from } = body;
  const project = await findProject(db, organisation, name);
  if (project === undefined) throw missing.project({ organisation, project: name });
  const stacks = new Map<string, StackReference>();
  const places = new Map<string, Place>();
  for (const stack of [...(from === undefined ? [] : [from.stack]), ...waves.flat()]) {
    const named = { organisation, project: name, stack };
    const found = await referStack(db, named);
    if (found === undefined) throw missing.stack(named);
    stacks.set(stack, found);
    places.set(stack, await placeOf(db, found.id));
  }
  const planned = planDelivery(body, (stack) => places.get(stack) ?? null);
  const [first] = planned;
  if (first === undefined) throw new Error("a delivery has at least one stack");
  const target = { organisation, project: name, stack: first.stack };
  if (from !== undefined) {
    const release = await requestedRelease(db, target, from);
    return {
      projectId: project.id,
      planned,
      stacks,
      from: { releaseId: release.id, stack: from.stack, release: release.number },
      source: null,
    };
  }
  const reference = { id: idOf(stacks, first.stack), name: first.stack, folder: project.folder };
  const source = await requestedSource(options, "update", reference);
  return { projectId: project.id, planned, stacks, from: null, source };
}

/** Records a delivery in the caller's transaction, and queues its first stack when that is deployed from the folder. */
export async function createDelivery(
  trx: Transaction,
  options: DeliveryOptions,
  body: CreateStackDelivery,
  { projectId, planned, stacks, from, source }: PreparedDelivery,
  caller: Caller,
): Promise<DeliveryRow> {
  const id = randomUUID();
  const { organisation, project } = body;
  let deploymentId: string | null = null;
  const [first] = planned;
  if (source !== null && first !== undefined) {
    const name = { organisation, project, stack: first.stack };
    const stack = await referStack(trx, name, { lock: true });
    if (stack === undefined) throw missing.stack(name);
    const message = body.message ?? deliveryMessage(id, first.wave);
    const deployment = await queueDeployment(trx, options, {
      stackId: stack.id,
      name,
      body: { operation: "update", options: {}, message },
      source,
      caller,
    });
    deploymentId = deployment.id;
  }
  await insertDelivery(trx, {
    id,
    projectId,
    requestedBy: caller.principal,
    message: body.message ?? null,
    fromReleaseId: from?.releaseId ?? null,
    stacks: planned.map(({ stack, wave, from: taken }, index) => ({
      stackId: idOf(stacks, stack),
      wave,
      fromStackId: taken === null ? null : idOf(stacks, taken),
      deploymentId: index === 0 ? deploymentId : null,
    })),
  });
  await appendAudit(trx, {
    ...caller,
    action: "delivery.created",
    organisation,
    subject: `${organisation}/${project}`,
    details: {
      delivery: id,
      waves: body.waves,
      from: from === null ? null : { stack: from.stack, release: from.release },
      ...(body.message === undefined ? {} : { message: body.message }),
    },
  });
  const created = await findDelivery(trx, id);
  if (created === undefined) throw new Error("the delivery that was just inserted is not there");
  return created;
}

/** What a deployment of a delivery says when its delivery says nothing. */
export function deliveryMessage(id: string, wave: number): string {
  return `Delivery ${id}, wave ${wave}`;
}

function idOf(stacks: ReadonlyMap<string, StackReference>, name: string): string {
  const stack = stacks.get(name);
  if (stack === undefined) throw new Error(`${name} was not looked up`);
  return stack.id;
}
