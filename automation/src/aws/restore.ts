import type { RestoreInput } from "../contract/aws/ship.ts";
import type { Shipment } from "../contract/aws/shipment.ts";
import { SlipwayError } from "../errors.ts";
import type { AwsContext, TaskOutcome } from "./task.ts";

/**
 * Puts an earlier shipment back: aliases on its versions after a smoke call of each, and the site's objects as they were. Answers the shipment that now serves,
 * whose functions are the pins; objects that were copied back have new version ids. Never throws for what AWS answers.
 */
export function restore(_input: RestoreInput, _context: AwsContext): Promise<TaskOutcome<Shipment>> {
  return Promise.reject(new SlipwayError("aws_not_built", "Restoring is being built."));
}
