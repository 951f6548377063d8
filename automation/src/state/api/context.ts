import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Actor, Verb } from "../../access/rules.ts";
import { decide } from "../../access/rules.ts";
import { StackPath } from "../../contract/identifiers.ts";
import type { Database, Transaction } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { checkUnused } from "../../stacks/rules.ts";
import { readStackUse, referStack } from "../../stacks/store.ts";
import { stackIsHeld } from "../writer.ts";
import { lockWriter } from "../writers-store.ts";
import { actorOfRequest } from "./auth.ts";
import type { StackContext } from "./stacks-store.ts";
import { resolveStack } from "./stacks-store.ts";

/** A path may name more than the stack. */
const StackOfPath = z.object(StackPath.shape);

/**
 * The stack of the request's path, once its actor can do `verb` with it. Throws SlipwayError `not_found` when there is none or when the actor may not
 * know of it, `forbidden` when the actor sees it but lacks the verb. `aliases`: earlier names of a renamed stack are answered too.
 */
export async function stackOf(
  db: Database,
  request: FastifyRequest,
  verb: Verb,
  { aliases = false }: { aliases?: boolean } = {},
): Promise<StackContext> {
  const path = StackOfPath.safeParse(request.params);
  const stack = path.success ? await resolveStack(db, path.data, { aliases }) : undefined;
  if (stack === undefined) throw noStack();
  allow(actorOfRequest(request), verb, stack);
  return stack;
}

/** Throws SlipwayError `not_found` or `forbidden` unless the actor can do this with the stack. */
export function allow(actor: Actor, verb: Verb, { stackId, name }: StackContext): void {
  const decision = decide(actor, verb, { organisation: name.organisation, stackId });
  if (decision === "hidden") throw noStack();
  if (decision === "forbidden") throw forbidden(actor, verb);
}

/** Locks a stack's row until the end of the transaction. Throws SlipwayError `not_found` when it was removed or renamed since it was looked for. */
export async function lockStack(trx: Transaction, { stackId, name }: StackContext): Promise<void> {
  const stack = await referStack(trx, name, { lock: true });
  if (stack?.id !== stackId) throw noStack();
}

/** Throws unless the actor can do this in an organisation: `not_found` when it may not know of it. */
export function allowIn(actor: Actor, verb: Verb, organisation: string): void {
  const decision = decide(actor, verb, { organisation });
  if (decision === "hidden") throw new SlipwayError("not_found", `There is no organisation ${organisation}.`);
  if (decision === "forbidden") throw forbidden(actor, verb);
}

/**
 * Locks a stack that nobody writes to: the right to write first, as updates take it, then its row. Throws SlipwayError `conflict` while an update runs or a deployment
 * is open.
 */
export async function lockFreeStack(trx: Transaction, stack: StackContext): Promise<void> {
  const { holder } = await lockWriter(trx, stack.stackId);
  await lockStack(trx, stack);
  if (holder !== null) throw await stackIsHeld(trx, stack.stackId);
  const { open } = await readStackUse(trx, stack.stackId);
  checkUnused({ open, isHeld: false });
}

function forbidden(actor: Actor, verb: Verb): SlipwayError {
  return new SlipwayError("forbidden", `${actor.name} does not have the permission '${verb}' here.`, {
    remedy: "Ask an admin of the organisation for a role that has it.",
  });
}

function noStack(): SlipwayError {
  return new SlipwayError("not_found", "There is no such stack.", {
    remedy: "pulumi stack ls --all lists those that you may see.",
  });
}
