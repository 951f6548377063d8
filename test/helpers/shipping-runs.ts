import type { TaskOutcome } from "../../automation/src/aws/task.ts";
import {
  type ShipInput,
  ShipInput as ShipInputSchema,
  type ShipLimits,
} from "../../automation/src/contract/aws/ship.ts";
import type { Shipment } from "../../automation/src/contract/aws/shipment.ts";
import type { SlipwayError } from "../../automation/src/errors.ts";
import type { ShippingBed } from "./shipping-bed.ts";

let runs = 0;

/** Limits that end a test's faults in seconds. */
const SHORT_LIMITS: Partial<ShipLimits> = {
  attempts: 2,
  functionSeconds: 5,
  functionPollSeconds: 0.05,
  smokeSeconds: 20,
  invalidationSeconds: 0.5,
  invalidationPollSeconds: 0.1,
};

/** The input of a shipment after `previous`. */
export function shipInput(
  bed: ShippingBed,
  given: Partial<Omit<ShipInput, "limits">> & { limits?: Partial<ShipLimits> },
  previous: Shipment | null = null,
): ShipInput {
  return ShipInputSchema.parse({
    reference: `deployment-${runs++}`,
    version: "c0ffee",
    manifest: bed.manifest,
    functionFolders: [],
    site: null,
    serving: previous?.functions ?? {},
    previous,
    ...given,
    limits: { ...SHORT_LIMITS, ...given.limits },
  });
}

/** What a task put in place. Throws its failure. */
export function shipped(outcome: TaskOutcome<Shipment>): Shipment {
  if (outcome.state === "succeeded") return outcome.result;
  throw outcome.failure;
}

/** Why a task failed. Throws when it did not. */
export function failureOf(outcome: TaskOutcome<unknown>): SlipwayError {
  if (outcome.state === "failed") return outcome.failure;
  throw new Error(`the task succeeded: ${JSON.stringify(outcome.parts)}`);
}
