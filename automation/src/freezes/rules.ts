import type { FreezeTiming } from "../contract/freezes.ts";
import { SlipwayError } from "../errors.ts";
import { checkTiming, slotsAfter } from "../schedules/rules.ts";

/*
 * When nothing may change. How clocks that are put forward and back are read is what schedules/rules.ts says of slots; a window lasts its minutes from there, whatever clocks do meanwhile.
 */

const MS_PER_MINUTE = 60_000;
const MS_PER_SECOND = 1_000;

/** A freeze as far as it decides when: once, or by cron for some minutes each time. */
export type FreezeTimes =
  | { cron: null; startsAt: Date; endsAt: Date; timeZone: string }
  | { cron: string; durationMinutes: number; timeZone: string };

/** A window; it stands from `from` on and is over at `until`. */
export interface Window {
  from: Date;
  until: Date;
}

/**
 * Checks when somebody wants nothing to change. Throws SlipwayError `invalid_request` that names the field and what to write instead.
 */
export function checkFreeze(asked: FreezeTiming, now: Date): FreezeTimes {
  const { from, until, cron, durationMinutes, timeZone } = asked;
  if (cron === undefined) {
    if (durationMinutes !== undefined)
      throw refused("durationMinutes", "goes with cron", "Give until instead.");
    if (until === undefined)
      throw refused(
        "until",
        "or cron must be given",
        "A freeze has an end: give until, or cron and durationMinutes.",
      );
    const startsAt = from === undefined ? now : new Date(from);
    const endsAt = new Date(until);
    if (endsAt.getTime() <= now.getTime()) throw refused("until", "lies in the past", "Give an end to come.");
    // For the time zone.
    checkTiming({ at: until, timeZone, jitterSeconds: 0 }, now);
    if (endsAt.getTime() <= startsAt.getTime())
      throw refused("until", "must lie after from", "Give a later end.");
    return { cron: null, startsAt, endsAt, timeZone };
  }
  if (from !== undefined || until !== undefined)
    throw refused(
      "cron",
      "goes without from and until",
      "Give cron with durationMinutes, or from and until.",
    );
  if (durationMinutes === undefined)
    throw refused("durationMinutes", "must say how long a window of cron lasts", "Give it in minutes.");
  const timing = checkTiming({ cron, timeZone, jitterSeconds: 0 }, now);
  const times: FreezeTimes = { cron: timing.cron ?? cron, durationMinutes, timeZone };
  const slots = slotsAfter({ cron: times.cron, at: null, timeZone }, now, SLOTS_LOOKED_AT);
  const shortest = Math.min(
    ...slots.slice(1).map((slot, index) => slot.getTime() - (slots[index] ?? slot).getTime()),
  );
  if (durationMinutes * MS_PER_MINUTE >= shortest) {
    throw refused(
      "durationMinutes",
      `is no shorter than the ${shortest / MS_PER_SECOND} s from one window to the next: it would never end`,
      "Use a shorter window, or one with an end.",
    );
  }
  return times;
}

/** Slots among which the shortest distance is looked for. */
const SLOTS_LOOKED_AT = 200;

/** The window that stands at an instant, if one does, and those after it, in order: `count` at most. */
export function windowsFrom(times: FreezeTimes, now: Date, count: number): Window[] {
  if (times.cron === null) {
    return times.endsAt.getTime() > now.getTime()
      ? [{ from: times.startsAt, until: times.endsAt }].slice(0, count)
      : [];
  }
  const { cron, timeZone, durationMinutes } = times;
  const lengthMs = durationMinutes * MS_PER_MINUTE;
  // A slot at this very instant counts as one after it, and its window has just ended.
  const after = new Date(now.getTime() - lengthMs);
  return slotsAfter({ cron, at: null, timeZone }, after, count + 1)
    .map((from) => ({ from, until: new Date(from.getTime() + lengthMs) }))
    .filter(({ until }) => until.getTime() > now.getTime())
    .slice(0, count);
}

/** The window that stands at an instant; undefined when none does. */
export function windowAt(times: FreezeTimes, now: Date): Window | undefined {
  const [first] = windowsFrom(times, now, 1);
  return first !== undefined && first.from.getTime() <= now.getTime() ? first : undefined;
}

/** The freeze that holds longest at an instant, with its window; undefined when nothing is frozen. */
export function frozenBy<F extends { times: FreezeTimes }>(
  freezes: readonly F[],
  now: Date,
): { freeze: F; window: Window } | undefined {
  return freezes
    .flatMap((freeze) => {
      const window = windowAt(freeze.times, now);
      return window === undefined ? [] : [{ freeze, window }];
    })
    .sort((a, b) => b.window.until.getTime() - a.window.until.getTime())[0];
}

/** What a deployment is, as far as a freeze asks. */
export interface FrozenQuestion {
  operation: string;
  /** An automatic rollback: agreed to beforehand, and it finishes what ran. */
  automaticRollback: boolean;
  /** An emergency that somebody with that right answers for. */
  emergency: boolean;
}

/** Operations that only look. One that nobody here knows counts as a change. */
const LOOKING: readonly string[] = ["preview", "detect-drift"];

/** Whether a freeze holds a deployment up at all. */
export function freezeHolds({ operation, automaticRollback, emergency }: FrozenQuestion): boolean {
  return !LOOKING.includes(operation) && !automaticRollback && !emergency;
}

function refused(field: string, message: string, remedy: string): SlipwayError {
  return new SlipwayError("invalid_request", `${field} ${message}.`, {
    remedy,
    details: { issues: [{ path: `body.${field}`, message }] },
  });
}
