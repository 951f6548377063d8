import { z } from "zod";
import { DeploymentOptions, DeploymentStatus } from "./deployments.ts";
import { Id, Instant, OrganisationName, ProjectName, StackName } from "./identifiers.ts";

/** What a schedule may run. A rollback is a decision of the moment and is not among them. */
export const ScheduledOperation = z.enum(["detect-drift", "preview", "update", "refresh", "destroy"]);
export type ScheduledOperation = z.infer<typeof ScheduledOperation>;

export const ScheduleName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/,
    "a schedule's name must be 1 to 100 letters, digits, '.', '_' or '-', and must not start with '.' or '-'",
  );

/** The most that a slot is moved by, in seconds. */
export const LONGEST_JITTER_SECONDS = 21_600;

const Cron = z.string().trim().min(1).max(200);
/** Of the IANA database: `Europe/Berlin`, `UTC`. */
const TimeZone = z.string().min(1).max(100);
const JitterSeconds = z.int().min(0).max(LONGEST_JITTER_SECONDS);

/** When a schedule is due: by `cron` (five fields or a nickname such as `@daily`), or once, `at` an instant. One of the two. */
const timing = {
  cron: Cron.optional(),
  at: z.iso.datetime({ offset: true }).optional(),
  timeZone: TimeZone.default("UTC"),
  /** Each slot is late by so many seconds at most, always the same for the same slot. */
  jitterSeconds: JitterSeconds.default(0),
};
export const ScheduleTiming = z.strictObject(timing);
export type ScheduleTiming = z.infer<typeof ScheduleTiming>;

/** What becomes of slots that no server was there for: the newest one runs late, or all are only recorded. */
export const MissedSetting = z.enum(["run-once", "record"]);
export type MissedSetting = z.infer<typeof MissedSetting>;

export const CreateSchedule = z.strictObject({
  name: ScheduleName,
  operation: ScheduledOperation,
  ...timing,
  options: DeploymentOptions.default({}),
  missed: MissedSetting.default("record"),
  /** destroy only, and needed for it: that the schedule may take away all resources of the stack. */
  allowDestroy: z.boolean().default(false),
});
export type CreateSchedule = z.infer<typeof CreateSchedule>;

/** `queued`: a deployment was made. `missed`: no server was there in time. `skipped`: the one before had not ended. `refused`: the owner may not do it any more. `failed`: it could not be queued. */
export const SlotOutcome = z.enum(["queued", "missed", "skipped", "refused", "failed"]);
export type SlotOutcome = z.infer<typeof SlotOutcome>;

/** What became of one slot. */
export const ScheduleSlot = z
  .object({
    /** The instant that cron names; what was done for it may be later by the jitter. */
    slot: Instant,
    outcome: SlotOutcome,
    /** Why it was not queued. */
    detail: z.string().nullable(),
    /** More than 1: this entry stands for so many slots, of which it names the newest. */
    slots: z.int(),
    deployment: z.object({ id: Id, number: z.int(), status: DeploymentStatus }).nullable(),
    recordedAt: Instant,
  })
  .meta({ id: "ScheduleSlot" });
export type ScheduleSlot = z.infer<typeof ScheduleSlot>;

export const Schedule = z
  .object({
    id: Id,
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    name: z.string(),
    operation: ScheduledOperation,
    options: DeploymentOptions,
    cron: z.string().nullable(),
    at: Instant.nullable(),
    timeZone: z.string(),
    jitterSeconds: z.int(),
    missed: MissedSetting,
    /** With whose rights it runs. */
    owner: z.string(),
    createdAt: Instant,
    pausedAt: Instant.nullable(),
    pausedBy: z.string().nullable(),
    /** When it is due next, jitter included; null: paused, or a one-off that is over. */
    nextAt: Instant.nullable(),
    lastSlot: ScheduleSlot.nullable(),
  })
  .meta({ id: "Schedule" });
export type Schedule = z.infer<typeof Schedule>;

/** A run to come. */
export const NextRun = z.object({
  /** The instant that cron names. */
  slot: Instant,
  /** With the jitter of this slot; of a schedule that is not made yet the jitter is not known, and this is the slot. */
  at: Instant,
  /** `at` in the schedule's time zone, with its distance from UTC: `2026-03-29 03:00:00 +02:00`. */
  local: z.string(),
});
export const NextRuns = z.object({ timeZone: z.string(), items: z.array(NextRun) }).meta({ id: "NextRuns" });
export type NextRuns = z.infer<typeof NextRuns>;
export const NextRunsQuery = z.strictObject({ count: z.coerce.number().int().min(1).max(100).default(10) });
