import type { FastifyInstance } from "fastify";
import { peopleWhoDeploy } from "../access/groups-store.ts";
import { requireSignIn } from "../approvals/sign-in.ts";
import type { SignOffChange } from "../approvals/sign-off.ts";
import { countSignOffs } from "../approvals/sign-off.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { ChooseCandidate } from "../contract/readiness.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { found } from "../stacks/routes.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import { holdSignOffs } from "./asked-store.ts";
import type { ChosenCandidate } from "./candidate.ts";
import { chooseCandidate } from "./candidate.ts";
import { readReadiness } from "./read.ts";
import { checkManual, refuseLockOut, refuseOpen } from "./rules.ts";
import * as store from "./store.ts";

/** Routes of the checklist of a stack and of sign-offs. */
export function readinessRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.getReadiness, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    return readReadiness(db, { ...params, id: stack.id }, query);
  });

  serve(app, endpoints.setReadinessSettings, ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const before = await store.readSettings(trx, stack.id);
      const next = {
        required: body.required ?? before.required,
        manual: body.manual ?? before.manual,
        without: body.without ?? before.without,
      };
      checkManual(next.manual);
      const others = await peopleWhoDeploy(trx, params.organisation);
      others.delete(caller.principal);
      refuseLockOut(next.required, others.size);
      await store.writeSettings(trx, stack.id, next, caller.principal);
      await audit(trx, caller, "readiness.settings_set", params, next);
      if (before.required && !next.required)
        await countSignOffs(trx, changed(stack.id, caller, { what: "sign_off_not_asked", candidate: null }));
      return next;
    }),
  );

  serve(app, endpoints.tickReadiness, ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      requireSignIn(actor);
      const { item, done, note, ...choice } = body;
      const target = { ...params, id: stack.id };
      const candidate = await requireCandidate(trx, target, choice);
      const { manual } = await store.readSettings(trx, stack.id);
      if (!manual.some(({ name }) => name === item)) {
        throw new SlipwayError("not_found", `The checklist has no item ${item} that people tick.`, {
          remedy: `It has: ${manual.map(({ name }) => name).join(", ") || "none"}.`,
        });
      }
      await store.insertTick(trx, stack.id, candidate.key, {
        item,
        done,
        note: note ?? null,
        by: caller.principal,
      });
      await audit(trx, caller, done ? "readiness.ticked" : "readiness.unticked", params, {
        item,
        candidate: candidate.shown,
        ...(note === undefined ? {} : { note }),
      });
      return readReadiness(trx, target, choice);
    }),
  );

  serve(app, endpoints.signOff, ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const { id: signInId } = requireSignIn(actor);
      const { comment, ...choice } = body;
      const target = { ...params, id: stack.id };
      await holdSignOffs(trx, stack.id, { gives: true });
      const candidate = await requireCandidate(trx, target, choice);
      const { checklist } = await readReadiness(trx, target, choice);
      refuseOpen(checklist);
      const { shown } = candidate;
      const id = await store.insertSignOff(trx, stack.id, {
        candidate: candidate.key,
        sourceDigest: shown.sourceDigest,
        artifactsDigest: shown.kind === "release" ? shown.artifactsDigest : null,
        checklist,
        comment,
        by: caller.principal,
        signInId,
      });
      await audit(trx, caller, "readiness.signed_off", params, { signOff: id, candidate: shown, comment });
      const given = { what: "signed_off", candidate: candidate.key, comment } as const;
      await countSignOffs(trx, changed(stack.id, caller, given));
      return readReadiness(trx, target, choice);
    }),
  );

  serve(app, endpoints.withdrawSignOff, ({ params, caller, actor }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      requireSignIn(actor);
      const { signOff, ...name } = params;
      const ended = await store.endSignOff(trx, stack.id, signOff, caller.principal);
      if (ended === undefined) {
        throw new SlipwayError("not_found", "The stack has no such sign-off.", {
          remedy: "slipway readiness show lists them.",
        });
      }
      if (ended.isNew) {
        const { candidate } = ended;
        await audit(trx, caller, "readiness.sign_off_withdrawn", name, { signOff, candidate });
        await countSignOffs(trx, changed(stack.id, caller, { what: "sign_off_withdrawn", candidate }));
      }
      return readReadiness(trx, { ...name, id: stack.id }, {});
    }),
  );
}

async function requireCandidate(
  trx: Transaction,
  stack: StackName & { id: string },
  choice: ChooseCandidate,
): Promise<ChosenCandidate> {
  const candidate = await chooseCandidate(trx, stack, choice);
  if (candidate !== null) return candidate;
  throw new SlipwayError("release_not_found", "There is nothing that the stack could take next.", {
    remedy: "Deploy the stack before it, name its release, or name a source that was previewed here.",
  });
}

function changed(
  stackId: string,
  { principal, requestId }: Caller,
  {
    comment = null,
    ...change
  }: Pick<SignOffChange, "what" | "candidate"> & Partial<Pick<SignOffChange, "comment">>,
): SignOffChange {
  return { ...change, stackId, by: principal, comment, requestId };
}

function audit(
  trx: Transaction,
  caller: Caller,
  action: string,
  stack: StackName,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { organisation } = stack;
  return appendAudit(trx, { ...caller, action, organisation, subject: subjectOf(stack), details });
}
