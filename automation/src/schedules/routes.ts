import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { appendAudit } from "../audit/store.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { NextRuns, Schedule } from "../contract/schedules.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { checkOptions } from "../deployments/rules.ts";
import { SlipwayError } from "../errors.ts";
import { decodeCursor, pageFrom } from "../http/cursor.ts";
import type { Caller } from "../http/endpoint.ts";
import { serve } from "../http/endpoint.ts";
import { changeOnce } from "../http/idempotency.ts";
import { found } from "../stacks/routes.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import { dueAt, nextSlot } from "./due.ts";
import type { Timing } from "./rules.ts";
import { checkTiming, localTime, slotsAfter } from "./rules.ts";
import type { ScheduleRow } from "./store.ts";
import * as store from "./store.ts";

const SlotPlace = z.tuple([z.iso.datetime()]);

/** Routes of schedules. */
export function scheduleRoutes(app: FastifyInstance, { db }: { db: Database }): void {
  serve(app, endpoints.listSchedules, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return { items: await store.listSchedules(db, stack.id) };
  });

  serve(app, endpoints.createSchedule, async (call) =>
    changeOnce(db, endpoints.createSchedule, call, {
      prepare: () => Promise.resolve(),
      apply: async (trx) => {
        const { params, body, caller } = call;
        checkOptions(body.operation, body.options, undefined);
        if (body.operation === "destroy" && !body.allowDestroy) throw destroyNotAllowed();
        const stack = found(await referStack(trx, params), params);
        const since = await store.databaseNow(trx);
        const timing = checkTiming(body, since);
        const owner = caller.principal;
        const id = await store.insertSchedule(trx, { stackId: stack.id, owner, timing, asked: body, since });
        if (id === undefined) {
          throw new SlipwayError("already_exists", `The stack has a schedule ${body.name} already.`, {
            remedy: "Remove it first, or choose another name.",
          });
        }
        await store.setNext(trx, id, since, nextSlot(id, timing, since));
        const { name, ...details } = body;
        await audit(trx, caller, "schedule.created", params, name, details);
        return { body: await shown(trx, stack.id, name), location: addressOf(params, name) };
      },
    }),
  );

  serve(app, endpoints.previewSchedule, async ({ params, body, query }) => {
    found(await referStack(db, params), params);
    const now = await store.databaseNow(db);
    return nextRuns(checkTiming(body, now), null, now, query.count);
  });

  serve(app, endpoints.getSchedule, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return shown(db, stack.id, params.schedule);
  });

  serve(app, endpoints.listNextRuns, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const schedule = foundSchedule(await store.findSchedule(db, stack.id, params.schedule), params.schedule);
    if (schedule.nextAt === null) return { timeZone: schedule.timeZone, items: [] };
    return nextRuns(schedule, schedule.id, schedule.sinceAt, query.count);
  });

  serve(app, endpoints.listScheduleSlots, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    const schedule = foundSchedule(await store.findSchedule(db, stack.id, params.schedule), params.schedule);
    const place = decodeCursor(query.after, SlotPlace)?.[0];
    const before = place === undefined ? undefined : new Date(place);
    return pageFrom(
      await store.listSlots(db, schedule.id, { before, limit: query.limit + 1 }),
      query.limit,
      (slot) => slot,
      ({ slot }) => [slot],
    );
  });

  serve(app, endpoints.removeSchedule, async ({ params, caller }) =>
    change(db, params, async (trx, schedule) => {
      await store.stopSchedule(trx, schedule.id, "removed", caller.principal);
      await audit(trx, caller, "schedule.removed", params, schedule.name, {});
      return null;
    }),
  );

  serve(app, endpoints.pauseSchedule, async ({ params, caller }) =>
    change(db, params, async (trx, schedule) => {
      if (schedule.pausedAt === null) {
        await store.stopSchedule(trx, schedule.id, "paused", caller.principal);
        await audit(trx, caller, "schedule.paused", params, schedule.name, {});
      }
      return shown(trx, schedule.stackId, schedule.name);
    }),
  );

  serve(app, endpoints.resumeSchedule, async ({ params, caller }) =>
    change(db, params, async (trx, schedule) => {
      if (schedule.pausedAt !== null) {
        await store.endPause(trx, schedule.id);
        // Nobody waits for what a pause left out.
        await store.setNext(trx, schedule.id, schedule.now, nextSlot(schedule.id, schedule, schedule.now));
        await audit(trx, caller, "schedule.resumed", params, schedule.name, {});
      }
      return shown(trx, schedule.stackId, schedule.name);
    }),
  );
}

function nextRuns(timing: Timing, scheduleId: string | null, after: Date, count: number): NextRuns {
  const { timeZone, jitterSeconds } = timing;
  return {
    timeZone,
    items: slotsAfter(timing, after, count).map((slot) => {
      const at = scheduleId === null ? slot : dueAt(scheduleId, slot, jitterSeconds);
      return { slot: slot.toISOString(), at: at.toISOString(), local: localTime(at, timeZone) };
    }),
  };
}

async function change<T>(
  db: Database,
  params: StackName & { schedule: string },
  work: (trx: Transaction, schedule: ScheduleRow) => Promise<T>,
): Promise<T> {
  return withTransaction(db, async (trx) => {
    const stack = found(await referStack(trx, params), params);
    return work(
      trx,
      foundSchedule(await store.lockSchedule(trx, stack.id, params.schedule), params.schedule),
    );
  });
}

async function shown(db: Database, stackId: string, name: string): Promise<Schedule> {
  const [schedule] = await store.listSchedules(db, stackId, name);
  return foundSchedule(schedule, name);
}

function foundSchedule<T>(schedule: T | undefined, name: string): T {
  if (schedule !== undefined) return schedule;
  throw new SlipwayError("not_found", `The stack has no schedule ${name}.`, {
    remedy: "GET .../schedules lists them.",
  });
}

function destroyNotAllowed(): SlipwayError {
  const message = "must be true for a schedule that destroys";
  return new SlipwayError("invalid_request", `body.allowDestroy ${message}.`, {
    remedy: "Say so with allowDestroy: true: the schedule then takes away all resources of the stack.",
    details: { issues: [{ path: "body.allowDestroy", message }] },
  });
}

function addressOf({ organisation, project, stack }: StackName, name: string): string {
  return `/v1/stacks/${organisation}/${project}/${stack}/schedules/${name}`;
}

async function audit(
  trx: Transaction,
  caller: Caller,
  action: string,
  { organisation, project, stack }: StackName,
  schedule: string,
  details: Record<string, unknown>,
): Promise<void> {
  await appendAudit(trx, {
    ...caller,
    action,
    organisation,
    subject: `${organisation}/${project}/${stack}`,
    details: { schedule, ...details },
  });
}
