import { Cron } from "croner";
import type { MissedSetting, ScheduleTiming } from "../contract/schedules.ts";
import { SlipwayError } from "../errors.ts";

/*
 * When schedules are due. Slots are instants that cron names in the schedule's time zone; how clocks that are put forward and back are read is croner's, and tested here: a time that a
 * day does not have is the instant at which the gap ends; a time that a day has twice is the first of the two, unless the hour is a wildcard, whose slots keep their distance.
 */

/** Closer slots would overtake the deployments that they queue. */
const SHORTEST_PERIOD_SECONDS = 300;
/** A slot that is noticed later than this counts as missed. Shorter than the shortest period: at most one slot is ever due in time. */
export const LATE_AFTER_MS = 240_000;
/** Slots that are looked at when the shortest distance between two is asked for. */
const LOOKED_AHEAD = 200;
const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

/** A schedule as far as it decides when. `cron` has five fields. */
export interface Timing {
  cron: string | null;
  at: Date | null;
  timeZone: string;
  jitterSeconds: number;
}

/**
 * Checks when somebody wants a schedule to run. Answers it with nicknames written out. Throws SlipwayError `invalid_request` that names the field, what is wrong and what to write instead.
 */
export function checkTiming(asked: ScheduleTiming, now: Date): Timing {
  const { cron, at, timeZone, jitterSeconds } = asked;
  checkTimeZone(timeZone);
  if ((cron === undefined) === (at === undefined)) {
    throw refused(
      "cron",
      "or 'at' must be given, and not both",
      "Give cron for a schedule that repeats, at for one that runs once.",
    );
  }
  if (cron === undefined) {
    const instant = new Date(at ?? "");
    if (instant.getTime() <= now.getTime()) {
      throw refused(
        "at",
        "lies in the past",
        "Give an instant to come, with its distance from UTC: 2030-01-31T18:00:00+01:00.",
      );
    }
    return { cron: null, at: instant, timeZone, jitterSeconds };
  }
  const timing = { cron: checkCron(cron, timeZone), at: null, timeZone, jitterSeconds };
  const slots = slotsAfter(timing, now, LOOKED_AHEAD);
  if (slots.length === 0) {
    throw refused("cron", `'${cron}' names a time that never comes`, "Name a day that its month has.");
  }
  const shortest = Math.min(...slots.slice(1).map((slot, index) => secondsBetween(slots[index], slot)));
  if (shortest < SHORTEST_PERIOD_SECONDS) {
    throw refused(
      "cron",
      `'${cron}' has slots ${shortest} s apart, and ${SHORTEST_PERIOD_SECONDS} s is the shortest`,
      "Use */5 or a longer period for the minutes.",
    );
  }
  if (jitterSeconds >= shortest) {
    throw refused(
      "jitterSeconds",
      `must be less than the ${shortest} s between two slots`,
      "Use a smaller jitter.",
    );
  }
  return timing;
}

/** The slots after an instant, in order; fewer than asked for when no more come. */
export function slotsAfter(
  { cron, at, timeZone }: Pick<Timing, "cron" | "at" | "timeZone">,
  after: Date,
  count: number,
): Date[] {
  if (cron === null) return at !== null && at.getTime() > after.getTime() ? [at] : [];
  return parse(cron, timeZone).nextRuns(count, after);
}

/** What is done about slots whose time has come. */
export interface DueDecision {
  /** The slot to run now; null: none. */
  run: Date | null;
  /** Slots that nobody was there for, oldest first. */
  missed: readonly Date[];
}

/**
 * Decides about the slots of a schedule that are due, oldest first. One that is noticed in time runs. Of those that nobody was there for, the newest runs or none does, by setting; the
 * others are missed.
 */
export function decideDue(
  due: readonly { slot: Date; at: Date }[],
  missed: MissedSetting,
  now: Date,
): DueDecision {
  const newest = due.at(-1);
  if (newest === undefined) return { run: null, missed: [] };
  const isInTime = now.getTime() - newest.at.getTime() <= LATE_AFTER_MS;
  if (!isInTime && missed === "record") return { run: null, missed: due.map(({ slot }) => slot) };
  return { run: newest.slot, missed: due.slice(0, -1).map(({ slot }) => slot) };
}

/** An instant in a time zone, with its distance from UTC: `2026-03-29 03:00:00 +02:00`. */
export function localTime(at: Date, timeZone: string): string {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "longOffset",
  }).formatToParts(at);
  const of = (type: Intl.DateTimeFormatPartTypes): string =>
    parts.find((part) => part.type === type)?.value ?? "";
  const offset = of("timeZoneName").replace("GMT", "") || "+00:00";
  return `${of("year")}-${of("month")}-${of("day")} ${of("hour")}:${of("minute")}:${of("second")} ${offset}`;
}

function checkTimeZone(timeZone: string): void {
  // Intl also takes a bare distance from UTC, which is no time zone: it does not know when clocks change.
  const isName = /^[A-Za-z]/.test(timeZone);
  try {
    if (isName) new Intl.DateTimeFormat("en", { timeZone });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw unknownZone(timeZone);
  }
  if (!isName) throw unknownZone(timeZone);
}

function unknownZone(timeZone: string): SlipwayError {
  return refused(
    "timeZone",
    `'${timeZone}' is no time zone of the IANA database`,
    "Use a name such as Europe/Berlin or UTC.",
  );
}

/** Five fields of a pattern, with nicknames written out. */
function checkCron(asked: string, timeZone: string): string {
  const remedy =
    "Write minute, hour, day of the month, month and day of the week: '30 2 * * 1-5', or one of " +
    `${Object.keys(NICKNAMES).join(", ")}.`;
  if (asked.startsWith("@")) {
    const written = NICKNAMES[asked.toLowerCase()];
    if (written === undefined) throw refused("cron", `'${asked}' is no nickname that is known here`, remedy);
    return written;
  }
  const cron = asked.trim().split(/\s+/).join(" ");
  const fields = cron.split(" ").length;
  if (fields !== 5) {
    throw refused(
      "cron",
      `'${asked}' has ${fields} fields, and five are understood: no seconds, no year`,
      remedy,
    );
  }
  try {
    parse(cron, timeZone);
  } catch (error) {
    const said = error instanceof Error ? error.message.replace(/^\w+: /, "") : String(error);
    throw refused("cron", `'${asked}' is not understood: ${said}`, remedy);
  }
  return cron;
}

function parse(cron: string, timeZone: string): Cron {
  return new Cron(cron, { timezone: timeZone, mode: "5-part", paused: true });
}

function secondsBetween(earlier: Date | undefined, later: Date): number {
  return earlier === undefined ? Number.POSITIVE_INFINITY : (later.getTime() - earlier.getTime()) / 1_000;
}

function refused(field: string, message: string, remedy: string): SlipwayError {
  return new SlipwayError("invalid_request", `body.${field} ${message}.`, {
    remedy,
    details: { issues: [{ path: `body.${field}`, message }] },
  });
}
