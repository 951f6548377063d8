import { z } from "zod";

/** The groups of checks, in the order in which they run: what watches comes last, after the others made something to see. */
export const VALIDATION_GROUPS = [
  "dns",
  "certificates",
  "api",
  "data-stores",
  "frontend",
  "smoke",
  "monitoring",
] as const;
export const ValidationGroup = z.enum(VALIDATION_GROUPS);
export type ValidationGroup = z.infer<typeof ValidationGroup>;

const Groups = z.array(ValidationGroup).min(1);
/** Which groups run: those of `only` (all when absent) without those of `except`. */
export const ValidationChoice = z
  .strictObject({ only: Groups.optional(), except: Groups.optional() })
  .refine((choice) => chosenGroups(choice).length > 0, "leaves no group to check");
export type ValidationChoice = z.infer<typeof ValidationChoice>;

/** How the one who checks reaches the system. Everything has a default that fits a public one. */
export const ValidationSettings = z.strictObject({
  /** Name servers to ask, `address` or `address:port`. Empty: those of this machine. */
  resolvers: z.array(z.string().min(1)).default([]),
  /** File of certificates (PEM) that are trusted beside the public authorities. Null: none. There is no way to switch checking off. */
  extraCaFile: z.string().min(1).nullable().default(null),
  /** Where to connect (`address:port`) for a host name or `name:port`, for systems whose names do not resolve yet. Names and certificates are checked as ever. */
  connectTo: z.record(z.string(), z.string().regex(/:\d+$/, "must be address:port")).default({}),
  /** Program of the browser. Null: the Chromium of this machine, when it has one. */
  browser: z.string().min(1).nullable().default(null),
  /** How long an alert, a trace or an alarm's first state is waited for. */
  waitSeconds: z.number().min(0).max(600).default(60),
});
export type ValidationSettings = z.infer<typeof ValidationSettings>;

export const ValidationState = z.enum(["passed", "failed", "not-applicable"]);
export type ValidationState = z.infer<typeof ValidationState>;

/** One thing that was looked at. */
export const ValidationCheck = z.strictObject({
  group: ValidationGroup,
  /** Unique in its group, such as `alarm api-errors`. */
  check: z.string(),
  state: ValidationState,
  /** What was seen; for `not-applicable` the reason. */
  detail: z.string(),
  durationMs: z.number(),
  /** From the request to the end of its answer, for checks whose subject is one request. */
  latencyMs: z.number().nullable(),
});
export type ValidationCheck = z.infer<typeof ValidationCheck>;

/** What a validation found. `failed` as soon as one check failed. */
export const ValidationReport = z.strictObject({
  state: z.enum(["passed", "failed"]),
  environment: z.string(),
  region: z.string(),
  /** The time from which logs were searched and traces counted. */
  deployedAt: z.iso.datetime(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  groups: z.array(ValidationGroup),
  counts: z.strictObject({ passed: z.int(), failed: z.int(), notApplicable: z.int() }),
  checks: z.array(ValidationCheck),
});
export type ValidationReport = z.infer<typeof ValidationReport>;

/** The groups of a choice, in their order. */
export function chosenGroups(choice: {
  only?: readonly ValidationGroup[] | undefined;
  except?: readonly ValidationGroup[] | undefined;
}): ValidationGroup[] {
  return VALIDATION_GROUPS.filter(
    (group) => (choice.only ?? VALIDATION_GROUPS).includes(group) && !choice.except?.includes(group),
  );
}
