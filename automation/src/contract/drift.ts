import { z } from "zod";
import { Id, Instant } from "./identifiers.ts";

/** `drifted`: something is gone or has other inputs. `unknown`: the check could not be made, or what it did not find is to be read again first; it says nothing about the stack. */
export const DriftStatus = z.enum(["clean", "drifted", "unknown"]);
export type DriftStatus = z.infer<typeof DriftStatus>;

/** `birth`: after an update, so that what differs at once is known. `second-read`: of resources that were not found. */
export const DriftCheckKind = z.enum(["whole", "birth", "second-read"]);
export type DriftCheckKind = z.infer<typeof DriftCheckKind>;

/** `gone`: the provider has it no more. `input-changed`: what the program sets has another value. `output-only`: only what the provider reports differs. */
export const DriftClass = z.enum(["gone", "input-changed", "output-only"]);
export type DriftClass = z.infer<typeof DriftClass>;

/**
 * Why a difference counts for nothing. `form`: the same value written in another way. `baseline`: it was so right after the update. `volatile`: it moves by itself. `ignored`: by a rule.
 * `unconfirmed`: it was not found, and is read again before anybody is told.
 */
export const DriftQuiet = z.enum(["form", "baseline", "volatile", "ignored", "unconfirmed"]);
export type DriftQuiet = z.infer<typeof DriftQuiet>;

/** One resource that differs from the state. Paths of properties, never values. */
export const DriftedResource = z
  .object({
    urn: z.string(),
    resourceType: z.string(),
    name: z.string(),
    class: DriftClass,
    changedProperties: z.array(z.string()),
    /** Of these the values are sealed, so that a difference is known or guessed without them. */
    sealedProperties: z.array(z.string()),
    /** Properties that differ and count for nothing. */
    quietProperties: z.array(z.object({ path: z.string(), why: DriftQuiet })).default([]),
    /** Set when the resource as a whole counts for nothing. */
    quiet: DriftQuiet.nullable().default(null),
  })
  .meta({ id: "DriftedResource" });
export type DriftedResource = z.infer<typeof DriftedResource>;

/** What one drift check found. */
export const DriftCheck = z
  .object({
    id: Id,
    deploymentId: Id,
    kind: DriftCheckKind,
    /** The schedule that asked for it; null: a person did, or Slipway itself. */
    schedule: z.string().nullable(),
    status: DriftStatus,
    /** unknown: why the check could not be made. */
    cause: z.string().nullable(),
    checkedAt: Instant,
    /** Number of the state that was compared; null: the stack has none, or none was read. */
    state: z.int().nullable(),
    /** The release whose source and config were used; null: the state alone. */
    release: z.int().nullable(),
    gone: z.int(),
    inputChanged: z.int(),
    outputOnly: z.int(),
    /** Not found at one read: nobody is told before a second one. */
    unconfirmed: z.int(),
    /** Resources that differ in ways that count for nothing. */
    quiet: z.int(),
    /** The first of them; the counts are of all. */
    resources: z.array(DriftedResource),
  })
  .meta({ id: "DriftCheck" });
export type DriftCheck = z.infer<typeof DriftCheck>;

/** One property before and now, as texts of JSON; `[secret]` stands for a sealed value, null for none at all. */
export const DriftValue = z
  .object({
    path: z.string(),
    side: z.enum(["input", "output"]),
    before: z.string().nullable(),
    after: z.string().nullable(),
  })
  .meta({ id: "DriftValue" });
export type DriftValue = z.infer<typeof DriftValue>;

/** All that differed in one check as it was read, before anything is taken as equal or counts for nothing. */
export const RawDrift = z
  .object({
    /** False: there was more than is kept. */
    complete: z.boolean(),
    items: z.array(z.object({ urn: z.string(), class: DriftClass, values: z.array(DriftValue) })),
  })
  .meta({ id: "RawDrift" });
export type RawDrift = z.infer<typeof RawDrift>;

/** `cannot-check`: three checks in a row could not be made. `many-gone`: so much was not found that credentials or a region are the likelier cause. */
export const DriftAlertKind = z.enum(["gone", "input-changed", "cannot-check", "many-gone"]);
export type DriftAlertKind = z.infer<typeof DriftAlertKind>;

/** `resolved`: it differs no more. `changed`: it has yet another value, which has an alert of its own. `checked`: it can be checked again. */
export const DriftAlertEnd = z.enum(["resolved", "changed", "ignored", "checked"]);
export type DriftAlertEnd = z.infer<typeof DriftAlertEnd>;

/** One difference, from the check that found it to the one that finds it no more. */
export const DriftAlert = z
  .object({
    id: Id,
    kind: DriftAlertKind,
    status: z.enum(["open", "closed"]),
    /** In one sentence. */
    summary: z.string(),
    urn: z.string().nullable(),
    resourceType: z.string().nullable(),
    name: z.string().nullable(),
    path: z.string().nullable(),
    /** Null: the kind has none. */
    value: DriftValue.nullable(),
    openedAt: Instant,
    seenAt: Instant,
    /** How often people were told again. */
    reminders: z.int(),
    /** The deployment that was asked for to undo it, with its status. */
    remediation: z.object({ id: Id, status: z.string() }).nullable(),
    closedAt: Instant.nullable(),
    closedBecause: DriftAlertEnd.nullable(),
    /** The rule that ignores it. */
    closedByRule: Id.nullable(),
  })
  .meta({ id: "DriftAlert" });
export type DriftAlert = z.infer<typeof DriftAlert>;

/** Where a stack stands. */
export const StackDrift = z
  .object({
    latest: DriftCheck.nullable(),
    /** The newest check that could be made, when the latest one could not. */
    lastKnown: DriftCheck.nullable(),
    openAlerts: z.int(),
    /** A check that has waited for a day behind what changes the stack or because it is paused, while none was made; `why`: what it waits for now, in words. */
    overdue: z.object({ deploymentId: Id, since: Instant, why: z.string() }).nullable(),
    /** The schedule that checks next; null: none does. */
    next: z.object({ schedule: z.string(), at: Instant }).nullable(),
  })
  .meta({ id: "StackDrift" });
export type StackDrift = z.infer<typeof StackDrift>;

/** A change of the program's source that would make a drift what is wanted. Slipway proposes it and edits nothing. */
export const DriftAdoption = z
  .object({
    urn: z.string(),
    resourceType: z.string(),
    name: z.string(),
    /** What to do, in words. */
    instruction: z.string(),
    /** As in RFC 6902, of the resource's inputs; empty when it is not a value that has to change. */
    patch: z.array(
      z.object({
        op: z.enum(["add", "remove", "replace"]),
        path: z.string(),
        value: z.unknown().optional(),
      }),
    ),
    /** What to look at before it is done. */
    notes: z.array(z.string()),
  })
  .meta({ id: "DriftAdoption" });
export type DriftAdoption = z.infer<typeof DriftAdoption>;

export const LONGEST_IGNORE_DAYS = 180;
/** Steps of a property path, each a name, an index or `*`: `tags.owner`, `rules[*].port`. */
const PropertyPattern = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[^\s\p{Cc}]+$/u, "must be a property path without spaces: tags.owner, rules[*].port");

/** A rule for what is known and nobody wants to hear of. */
export const CreateDriftIgnore = z.strictObject({
  /** `*` stands for any characters. */
  urn: z.string().trim().min(1).max(1000),
  /** A property and what is below it. Left out: the whole resource, also that it is gone. */
  path: PropertyPattern.optional(),
  reason: z.string().trim().min(3).max(1000),
  expiresInDays: z.int().min(1).max(LONGEST_IGNORE_DAYS),
});
export type CreateDriftIgnore = z.infer<typeof CreateDriftIgnore>;

export const DriftIgnore = z
  .object({
    id: Id,
    urn: z.string(),
    path: z.string().nullable(),
    reason: z.string(),
    status: z.enum(["active", "expired", "removed"]),
    createdAt: Instant,
    createdBy: z.string(),
    expiresAt: Instant,
    /** Null: it has matched nothing yet. */
    matchedAt: Instant.nullable(),
    /** It has matched nothing for 30 days: it is probably not needed any more. */
    flagged: z.boolean(),
    removedAt: Instant.nullable(),
    removedBy: z.string().nullable(),
  })
  .meta({ id: "DriftIgnore" });
export type DriftIgnore = z.infer<typeof DriftIgnore>;

/** An output that was learned to move by itself. */
export const DriftVolatile = z
  .object({
    urn: z.string(),
    name: z.string(),
    path: z.string(),
    moves: z.int(),
    movedAt: Instant,
    learnedAt: Instant,
    switchedOffAt: Instant.nullable(),
    switchedOffBy: z.string().nullable(),
  })
  .meta({ id: "DriftVolatile" });
export type DriftVolatile = z.infer<typeof DriftVolatile>;

/** Names one learned output; `off`: it is counted and shown like any other again, and not learned once more. */
export const SwitchDriftVolatile = z.strictObject({
  urn: z.string().min(1).max(1000),
  path: z.string().min(1).max(1000),
  off: z.boolean(),
});
export type SwitchDriftVolatile = z.infer<typeof SwitchDriftVolatile>;

export const RemediateDrift = z.strictObject({ message: z.string().max(1000).optional() });
export type RemediateDrift = z.infer<typeof RemediateDrift>;
