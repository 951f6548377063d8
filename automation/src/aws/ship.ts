import type { ShipInput } from "../contract/aws/ship.ts";
import type { Shipment } from "../contract/aws/shipment.ts";
import { SlipwayError } from "../errors.ts";
import type { AwsContext, TaskOutcome } from "./task.ts";

/**
 * Puts functions and site in place as one shipment: a site that cannot be put in place takes the functions' aliases back. Never throws for what AWS answers:
 * a failure is in the outcome, and what serves is what served before unless it says so.
 */
export function ship(_input: ShipInput, _context: AwsContext): Promise<TaskOutcome<Shipment>> {
  return Promise.reject(new SlipwayError("aws_not_built", "Shipping is being built."));
}
