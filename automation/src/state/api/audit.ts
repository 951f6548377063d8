import type { FastifyRequest } from "fastify";
import type { Actor } from "../../access/rules.ts";
import { appendAudit } from "../../audit/store.ts";
import { subjectOf } from "../../audit/subject.ts";
import type { Transaction } from "../../database.ts";
import type { StackName } from "../../stacks/store.ts";

/** Whose change of which stack an entry tells of. */
export interface StackChange {
  actor: Actor;
  request: FastifyRequest;
  stack: StackName;
}

/** Writes an entry about a stack in the transaction of the change. What the client says of itself is marked as its claim. */
export async function auditStack(
  trx: Transaction,
  { actor, request, stack }: StackChange,
  action: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const client = clientOf(request);
  await appendAudit(trx, {
    principal: actor.id,
    action,
    organisation: stack.organisation,
    subject: subjectOf(stack),
    details: { ...details, ...(client === null ? {} : { claimed: { client } }) },
    requestId: request.id,
  });
}

const LONGEST_CLIENT = 200;

/** What the client calls itself: `pulumi-cli/1 (v3.250.0; linux; cmd=up)`. Null when it says nothing that can be stored. */
export function clientOf(request: FastifyRequest): string | null {
  const text = request.headers["user-agent"];
  return text === undefined || text === "" ? null : text.slice(0, LONGEST_CLIENT);
}

/** The command that the CLI says it runs (`up`, `stack-import`); undefined for other clients. A claim: good for what is shown, not for what is allowed. */
export function commandOf(request: FastifyRequest): string | undefined {
  return /\bcmd=([a-z0-9-]+)/.exec(request.headers["user-agent"] ?? "")?.[1];
}
