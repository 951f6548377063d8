import type { FastifyInstance } from "fastify";
import { missing } from "../access/missing.ts";
import { listOrganisations, lockOrganisation } from "../access/principals-store.ts";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { CreateFreeze, Freeze, FreezeWindow } from "../contract/freezes.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { findProject } from "../projects/store.ts";
import { localTime } from "../schedules/rules.ts";
import { found } from "../stacks/routes.ts";
import { referStack } from "../stacks/store.ts";
import type { Window } from "./rules.ts";
import { checkFreeze, windowsFrom } from "./rules.ts";
import type { FreezeRow, FreezeScope } from "./store.ts";
import * as store from "./store.ts";

/** Windows that the answer to a change shows. */
const SHOWN_WINDOWS = 3;

/** Routes of freezes. */
export function freezeRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listFreezes, async ({ params, query }) => {
    const now = await store.databaseNow(db);
    const rows = await store.listFreezes(db, params.organisation);
    // The owner may ask for any name.
    if (rows.length === 0 && (await listOrganisations(db, [params.organisation])).length === 0)
      throw missing.organisation(params.organisation);
    return { items: rows.map((row) => shown(row, now, query.count)) };
  });

  serve(app, endpoints.listStackFreezes, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const now = await store.databaseNow(db);
    return { items: (await store.freezesOfStack(db, stack.id)).map((row) => shown(row, now, query.count)) };
  });

  serve(app, endpoints.previewFreeze, async ({ body, query }) => {
    const now = await store.databaseNow(db);
    const times = checkFreeze(body, now);
    return {
      items: windowsFrom(times, now, query.count).map((window) => shownWindow(window, times.timeZone)),
    };
  });

  serve(app, endpoints.createFreeze, async ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      if (!(await lockOrganisation(trx, params.organisation)))
        throw missing.organisation(params.organisation);
      const now = await store.databaseNow(trx);
      const scope = await scopeOf(trx, params.organisation, body);
      const times = checkFreeze(body, now);
      const id = await store.insertFreeze(trx, {
        ...scope,
        times,
        reason: body.reason,
        setBy: caller.principal,
      });
      await appendAudit(trx, {
        ...caller,
        action: "freeze.set",
        organisation: params.organisation,
        subject: subjectOf(params.organisation, body.project ?? null, body.stack ?? null),
        details: { freeze: id, ...body },
      });
      const row = (await store.listFreezes(trx, params.organisation)).find((one) => one.id === id);
      if (row === undefined) throw new Error("the freeze that was just set is not there");
      return shown(row, now, SHOWN_WINDOWS);
    }),
  );

  serve(app, endpoints.removeFreeze, async ({ params, caller }) =>
    withTransaction(db, async (trx) => {
      const ended = await store.endFreeze(trx, params.organisation, params.freeze, caller.principal);
      if (ended === undefined)
        throw new SlipwayError("not_found", `The organisation has no freeze ${params.freeze}.`);
      await appendAudit(trx, {
        ...caller,
        action: "freeze.removed",
        organisation: params.organisation,
        subject: subjectOf(params.organisation, ended.project, ended.stack),
        details: { freeze: ended.id, reason: ended.reason },
      });
      return null;
    }),
  );
}

/** What somebody wants to freeze. Throws `not_found` for a project or stack that is not there, and `invalid_request` for a stack without its project. */
async function scopeOf(trx: Transaction, organisation: string, asked: CreateFreeze): Promise<FreezeScope> {
  const { project, stack } = asked;
  if (project === undefined) {
    if (stack === undefined) return { organisation, projectId: null, stackId: null };
    throw new SlipwayError("invalid_request", "A stack is named with its project.", {
      details: { issues: [{ path: "body.project", message: "goes with stack" }] },
    });
  }
  if (stack !== undefined) {
    const path = { organisation, project, stack };
    return { organisation, projectId: null, stackId: found(await referStack(trx, path), path).id };
  }
  const row = await findProject(trx, organisation, project);
  if (row === undefined) throw missing.project({ organisation, project });
  return { organisation, projectId: row.id, stackId: null };
}

function subjectOf(...parts: (string | null)[]): string {
  return parts.filter((part) => part !== null).join("/");
}

function shown(row: FreezeRow, now: Date, count: number): Freeze {
  const { times, ...freeze } = row;
  const windows = windowsFrom(times, now, count);
  return {
    ...freeze,
    cron: times.cron,
    durationMinutes: times.cron === null ? null : times.durationMinutes,
    timeZone: times.timeZone,
    setAt: freeze.setAt.toISOString(),
    active: windows.some(({ from }) => from.getTime() <= now.getTime()),
    windows: windows.map((window) => shownWindow(window, times.timeZone)),
  };
}

function shownWindow({ from, until }: Window, timeZone: string): FreezeWindow {
  return {
    from: from.toISOString(),
    until: until.toISOString(),
    localFrom: localTime(from, timeZone),
    localUntil: localTime(until, timeZone),
  };
}
