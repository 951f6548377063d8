import { z } from "zod";
import { AwsManifest } from "./manifest.ts";
import { Pins, Shipment } from "./shipment.ts";

/**
 * How a new version of the functions takes over: some of the calls at first, more while it is watched. A step that goes wrong gives all calls back to the old
 * version and fails the shipment.
 */
export const CanaryPlan = z.strictObject({
  /** Percent of the calls that the new version takes, rising. */
  steps: z.array(z.int().min(1).max(99)).min(1).max(10),
  /** How long each step is watched. */
  holdSeconds: z.number().positive().max(3_600),
  /** Between two looks. */
  everySeconds: z.number().positive().max(300).default(10),
  /**
   * `health` (default): the new version's health call must succeed. `metrics`: of the calls that it took since the canary began, at most this share may have failed, by
   * CloudWatch; its figures come a minute late, so that `holdSeconds` should be minutes.
   */
  watch: z
    .discriminatedUnion("by", [
      z.strictObject({ by: z.literal("health") }),
      z.strictObject({ by: z.literal("metrics"), maxErrorShare: z.number().min(0).max(1) }),
    ])
    .prefault({ by: "health" }),
});
export type CanaryPlan = z.infer<typeof CanaryPlan>;

/** For how long AWS is asked, and how often. */
export const ShipLimits = z.strictObject({
  /** Tries of one call; the pauses between them double. A throttled call has used all of them up after about half a minute. */
  attempts: z.int().min(1).max(20).default(8),
  /** Calls at a time on functions, whose interface takes few a second; and on objects. */
  functionsAtOnce: z.int().min(1).default(5),
  objectsAtOnce: z.int().min(1).default(32),
  /** Until a function has taken new code. */
  functionSeconds: z.number().positive().default(120),
  /** Until the health call of a new version has answered, its start included. */
  smokeSeconds: z.number().positive().default(30),
  /** Until no cache serves the old site. */
  invalidationSeconds: z.number().positive().default(900),
  /** Between two looks at a function, and at an invalidation. */
  functionPollSeconds: z.number().positive().default(0.5),
  invalidationPollSeconds: z.number().positive().default(5),
});
export type ShipLimits = z.infer<typeof ShipLimits>;

/** What the step `ship` puts in place. */
export const ShipInput = z.strictObject({
  /** Names this try and no other, such as the deployment and its attempt: an invalidation of the same name would be taken for done. */
  reference: z.string().min(1).max(100),
  /** What people call the source, such as its commit; the site shows it. The same for the same source: a release that changes nothing then uploads nothing. */
  version: z.string().min(1),
  manifest: AwsManifest,
  /** Absolute; their folders are functions, each named as in the manifest. Empty: the functions stay as they are. */
  functionFolders: z.array(z.string()),
  /** `folder`: absolute. `configFile`: key of the generated configuration; null: none. Null: the site stays as it is. */
  site: z.strictObject({ folder: z.string(), configFile: z.string().min(1).nullable() }).nullable(),
  /** What serves by the record, and what aliases go back to; a function that is not in it was never shipped. */
  serving: Pins,
  /** The newest shipment, whose unchanged files are not sent again. Null: the first. */
  previous: Shipment.nullable(),
  canary: CanaryPlan.nullable().default(null),
  limits: ShipLimits.prefault({}),
});
export type ShipInput = z.infer<typeof ShipInput>;

/** What a rollback puts back. */
export const RestoreInput = z.strictObject({
  reference: z.string().min(1).max(100),
  /** Of the stack as it is now, after the update of the rollback. */
  manifest: AwsManifest,
  /** Of the release that shall serve again. */
  target: Shipment,
  serving: Pins,
  /** Of the release that serves now. Null: not known; what it has and the target has not then stays. */
  previous: Shipment.nullable(),
  limits: ShipLimits.prefault({}),
});
export type RestoreInput = z.infer<typeof RestoreInput>;
