import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { listableOrganisations } from "../access/rules.ts";
import { refuseUnprotecting } from "../approvals/refuse.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { endpoints } from "../contract/endpoints.ts";
import { InstantPlace } from "../database/instant-cursor.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { changeOnce } from "../http/idempotency.ts";
import { lockProject } from "../projects/store.ts";
import { endStaleDeployments } from "../seals/stale.ts";
import { sealConfigValue } from "../secrets/config-secrets.ts";
import type { Keyring } from "../secrets/keyring.ts";
import * as config from "./config-store.ts";
import { checkRemoval, fullConfigKey } from "./rules.ts";
import type { StackName, StackReference } from "./store.ts";
import * as store from "./store.ts";

export interface StackRoutesOptions {
  db: Database;
  keyring: Keyring;
}

/** Routes of stacks with their tags and config. */
export function stackRoutes(app: FastifyInstance, { db, keyring }: StackRoutesOptions): void {
  serve(app, endpoints.listStacks, async ({ query, actor }) => {
    const rows = await store.listStacks(db, {
      ...query,
      within: listableOrganisations(actor),
      after: decodeCursor(query.after, InstantPlace),
    });
    return pageFrom(
      rows,
      query.limit,
      ({ place: _, ...stack }) => stack,
      ({ place }) => place,
    );
  });

  serve(app, endpoints.createStack, async (call) =>
    changeOnce(db, endpoints.createStack, call, {
      prepare: () => Promise.resolve(),
      apply: async (trx) => {
        const { organisation, project: projectName, name, tags } = call.body;
        const names = { organisation, project: projectName, stack: name };
        const project = await lockProject(trx, organisation, projectName);
        if (project === undefined) throw missing.project({ organisation, project: projectName });
        const id = await store.insertStack(trx, { id: randomUUID(), projectId: project.id, name, tags });
        if (id === undefined) {
          throw new SlipwayError("already_exists", `The stack ${subjectOf(names)} exists already.`, {
            remedy: "Use it as it is.",
          });
        }
        await audit(trx, call.caller, "stack.created", names, { tags });
        return {
          body: found(await store.findStack(trx, names), names),
          location: `/v1/stacks/${subjectOf(names)}`,
        };
      },
    }),
  );

  serve(app, endpoints.getStack, async ({ params }) => found(await store.findStack(db, params), params));

  serve(app, endpoints.removeStack, async ({ params, caller }) =>
    change(db, params, async (trx, stack) => {
      checkRemoval(await store.readStackUse(trx, stack.id));
      await store.markStackRemoved(trx, stack.id);
      await audit(trx, caller, "stack.removed", params, {});
      return null;
    }),
  );

  serve(app, endpoints.replaceTags, async ({ params, body, caller, actor }) =>
    change(db, params, async (trx, stack) => {
      await refuseUnprotecting(trx, { stackId: stack.id, actor, tags: body.tags });
      await store.replaceTags(trx, stack.id, body.tags);
      await audit(trx, caller, "stack.tags_replaced", params, { tags: body.tags });
      return found(await store.findStack(trx, params), params);
    }),
  );

  serve(app, endpoints.listConfig, async ({ params }) => {
    const stack = found(await store.referStack(db, params), params);
    return { items: await config.listConfig(db, stack.id) };
  });

  serve(app, endpoints.setConfig, async ({ params, body, caller }) =>
    change(db, params, async (trx, stack) => {
      const key = fullConfigKey(params.key, params.project);
      const value: config.NewConfigValue = body.secret
        ? { secret: true, value: null, ciphertext: await sealConfigValue(keyring, trx, stack.id, body.value) }
        : { secret: false, value: body.value, ciphertext: null };
      const stored = await config.putConfig(trx, stack.id, key, value, caller.principal);
      await audit(trx, caller, "config.set", params, { key, secret: body.secret });
      // Whoever edits a value wants it to count in what was not yet done.
      await endStaleDeployments(trx, keyring, stack.id, caller.principal);
      return stored;
    }),
  );

  serve(app, endpoints.removeConfig, async ({ params, caller }) =>
    change(db, params, async (trx, stack) => {
      const key = fullConfigKey(params.key, params.project);
      if (!(await config.deleteConfig(trx, stack.id, key))) {
        throw new SlipwayError("not_found", `The stack has no config value ${key}.`);
      }
      await audit(trx, caller, "config.removed", params, { key });
      await endStaleDeployments(trx, keyring, stack.id, caller.principal);
      return null;
    }),
  );
}

/** Changes one stack in a transaction that nobody else changes it in. */
function change<T>(
  db: Database,
  name: StackName,
  work: (trx: Transaction, stack: StackReference) => Promise<T>,
): Promise<T> {
  return withTransaction(db, async (trx) => {
    const stack = found(await store.referStack(trx, name, { lock: true }), name);
    return work(trx, stack);
  });
}

/** What was looked for, or a `not_found` that names the stack. */
export function found<T>(stack: T | undefined, name: StackName): T {
  if (stack !== undefined) return stack;
  throw missing.stack(name);
}

function audit(
  trx: Transaction,
  caller: Caller,
  action: string,
  name: StackName,
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  return appendAudit(trx, {
    ...caller,
    action,
    organisation: name.organisation,
    subject: subjectOf(name),
    details,
  });
}
