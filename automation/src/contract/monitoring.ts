import { z } from "zod";
import { Id, Instant, OrganisationName, PageQuery, ProjectName, pageOf, StackName } from "./identifiers.ts";

/**
 * `two-attempts`: two attempts of one stack live at once. `repeated-update`: a deployment's changing step was begun twice. `late-write`: a journal was written to after a later
 * update of the stack had begun to write. `epoch-went-back`: a later claim got no higher epoch. `stuck-run`: a run has neither an owner nor a timer.
 */
export const AlarmKind = z.enum([
  "two-attempts",
  "repeated-update",
  "late-write",
  "epoch-went-back",
  "stuck-run",
]);
export type AlarmKind = z.infer<typeof AlarmKind>;

/** Something that must never be and was found all the same. */
export const Alarm = z
  .object({
    id: Id,
    kind: AlarmKind,
    organisation: OrganisationName,
    project: ProjectName,
    stack: StackName,
    /** What was found, in one sentence. */
    detail: z.string(),
    foundAt: Instant,
    acknowledgedAt: Instant.nullable(),
    acknowledgedBy: z.string().nullable(),
  })
  .meta({ id: "Alarm" });
export type Alarm = z.infer<typeof Alarm>;

/** The rows of monitoring in the table of endpoints. */
export const monitoringEndpoints = {
  listAlarms: {
    method: "GET",
    path: "/v1/alarms",
    summary: "What the detector of double executions has found, newest first",
    permission: "installation.read",
    query: PageQuery.extend({ open: z.enum(["true", "false"]).default("true") }),
    success: { status: 200, body: pageOf(Alarm) },
  },
  acknowledgeAlarm: {
    method: "POST",
    path: "/v1/alarms/:id/acknowledge",
    summary: "Say that somebody has looked at an alarm",
    permission: "installation.manage",
    params: z.strictObject({ id: Id }),
    success: { status: 200, body: Alarm },
  },
} as const;
