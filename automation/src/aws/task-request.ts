import { z } from "zod";
import { AwsManifest } from "../contract/aws/manifest.ts";
import { RestoreInput, ShipInput } from "../contract/aws/ship.ts";
import { ValidationChoice, ValidationSettings } from "../contract/aws/validation.ts";
import { ShippedPart } from "../contract/release-shipment.ts";

/*
 * What the program aws-task.ts is asked to do, and what it answers. It runs inside of an attempt's containment, where nothing of Slipway's own is reachable: all that it may know is in its request.
 */

/** Where AWS is reached; whom it is reached as says the environment of the program. */
const aws = z.strictObject({ region: z.string(), endpoint: z.string().optional() });

/** What a validation is about. */
export const ValidateInput = z.strictObject({
  manifest: AwsManifest,
  choice: ValidationChoice,
  settings: ValidationSettings.prefault({}),
  /** When the release that is looked at was put in place. */
  deployedAt: z.iso.datetime(),
});
export type ValidateInput = z.infer<typeof ValidateInput>;

export const TaskRequest = z.discriminatedUnion("task", [
  /** Puts new functions and a new site in place. */
  z.strictObject({ task: z.literal("ship"), aws, input: ShipInput }),
  /** Has an earlier shipment serve again. */
  z.strictObject({ task: z.literal("restore"), aws, input: RestoreInput }),
  /** Looks at all that the stack consists of. */
  z.strictObject({ task: z.literal("validate"), aws, input: ValidateInput }),
]);
export type TaskRequest = z.infer<typeof TaskRequest>;

/** The program's answer. `result` is what the task's own function answers. */
export const TaskAnswer = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("succeeded"), parts: z.array(ShippedPart), result: z.unknown() }),
  z.strictObject({
    state: z.literal("failed"),
    parts: z.array(ShippedPart),
    failure: z.strictObject({ code: z.string(), message: z.string(), remedy: z.string().nullable() }),
  }),
]);
export type TaskAnswer = z.infer<typeof TaskAnswer>;
