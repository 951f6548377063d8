import { z } from "zod";
import { Id, Instant, OrganisationName, ProjectName, StackName, StackPath } from "./identifiers.ts";

const Reason = z.string().trim().min(1, "say why").max(1000);
/** Of the IANA database. */
const TimeZone = z.string().min(1).max(100).default("UTC");
/** The longest window: a year. */
export const LONGEST_FREEZE_MINUTES = 527_040;

/** Once, from `from` to `until`, or by `cron` for `durationMinutes` each time. */
export const FreezeTiming = z.strictObject({
  from: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
  cron: z.string().trim().min(1).max(200).optional(),
  durationMinutes: z.int().min(1).max(LONGEST_FREEZE_MINUTES).optional(),
  timeZone: TimeZone,
});
export type FreezeTiming = z.infer<typeof FreezeTiming>;

export const CreateFreeze = FreezeTiming.extend({
  /** Left out: the whole organisation. */
  project: ProjectName.optional(),
  /** With `project`: this stack alone. */
  stack: StackName.optional(),
  reason: Reason,
});
export type CreateFreeze = z.infer<typeof CreateFreeze>;

export const FreezeWindow = z
  .object({
    from: Instant,
    until: Instant,
    /** In the freeze's time zone, with the distance from UTC. */
    localFrom: z.string(),
    localUntil: z.string(),
  })
  .meta({ id: "FreezeWindow" });
export type FreezeWindow = z.infer<typeof FreezeWindow>;

/** Windows in which nothing changes what it covers. */
export const Freeze = z
  .object({
    id: Id,
    organisation: OrganisationName,
    /** Null: the whole organisation. */
    project: ProjectName.nullable(),
    /** Null: the whole project. */
    stack: StackName.nullable(),
    reason: z.string(),
    cron: z.string().nullable(),
    durationMinutes: z.int().nullable(),
    timeZone: z.string(),
    setAt: Instant,
    setBy: z.string(),
    /** Whether a window stands now. */
    active: z.boolean(),
    /** The window that stands now, then those to come. */
    windows: z.array(FreezeWindow),
  })
  .meta({ id: "Freeze" });
export type Freeze = z.infer<typeof Freeze>;

const WindowsQuery = z.strictObject({ count: z.coerce.number().int().min(1).max(50).default(3) });
const OrganisationPath = z.strictObject({ organisation: OrganisationName });
const FREEZES = "/v1/organisations/:organisation/freezes";

/** The rows of freezes in the table of endpoints. */
export const freezeEndpoints = {
  listFreezes: {
    method: "GET",
    path: FREEZES,
    summary: "Freezes of an organisation, with their next windows",
    permission: "organisation.read",
    params: OrganisationPath,
    query: WindowsQuery,
    success: { status: 200, body: z.object({ items: z.array(Freeze) }) },
  },
  createFreeze: {
    method: "POST",
    path: FREEZES,
    summary: "Let nothing change in an organisation, a project or a stack for a time",
    permission: "freeze.manage",
    params: OrganisationPath,
    body: CreateFreeze,
    success: { status: 201, body: Freeze },
  },
  previewFreeze: {
    method: "POST",
    path: `${FREEZES}/next`,
    summary: "The windows of a freeze before it is set; changes nothing",
    permission: "organisation.read",
    params: OrganisationPath,
    query: WindowsQuery,
    body: FreezeTiming,
    success: { status: 200, body: z.object({ items: z.array(FreezeWindow) }) },
  },
  removeFreeze: {
    method: "DELETE",
    path: `${FREEZES}/:freeze`,
    summary: "End a freeze",
    permission: "freeze.manage",
    params: OrganisationPath.extend({ freeze: Id }),
    success: { status: 204, body: null },
  },
  listStackFreezes: {
    method: "GET",
    path: "/v1/stacks/:organisation/:project/:stack/freezes",
    summary: "Freezes that cover a stack, with their next windows",
    permission: "stack.read",
    params: StackPath,
    query: WindowsQuery,
    success: { status: 200, body: z.object({ items: z.array(Freeze) }) },
  },
} as const;
