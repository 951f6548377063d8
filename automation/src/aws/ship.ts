import type { ShipInput } from "../contract/aws/ship.ts";
import type { Shipment } from "../contract/aws/shipment.ts";
import { asOne } from "./as-one.ts";
import { ALIASES_PART, functionPart } from "./functions/put-in-place.ts";
import type { PlannedFunction } from "./functions/rules.ts";
import { findFunctions, putShippedFunctions } from "./functions/ship-functions.ts";
import { outcomeOf } from "./outcome.ts";
import { planParts } from "./parts.ts";
import { withShipping } from "./shipping.ts";
import { type BuiltSite, readSite } from "./site/files.ts";
import { CACHES_PART, FILES_PART } from "./site/put-in-place.ts";
import { putShippedSite } from "./site/ship-site.ts";
import type { AwsContext, TaskOutcome } from "./task.ts";

/**
 * Puts functions and site in place as one shipment: a site that cannot be put in place takes the functions' aliases back. What was not built now stays as the last shipment has it. Never throws for what AWS answers:
 * a failure is in the outcome, and what serves is what served before unless it says so (`not_put_back`).
 */
export async function ship(input: ShipInput, context: AwsContext): Promise<TaskOutcome<Shipment>> {
  // All that can be found out without AWS comes first.
  const found = await outcomeOf([], async () => ({
    functions: await findFunctions(input),
    site: input.site === null ? null : await readSite(input.site, input.manifest, input.version),
  }));
  if (found.state === "failed") return found;
  return shipFound(input, found.result, context);
}

function shipFound(
  input: ShipInput,
  { functions, site }: { functions: readonly PlannedFunction[]; site: BuiltSite | null },
  context: AwsContext,
): Promise<TaskOutcome<Shipment>> {
  const parts = planParts(
    [
      ...functions.map(({ name }) => functionPart(name)),
      ...(functions.length === 0 ? [] : [ALIASES_PART]),
      ...(site === null ? [] : [FILES_PART, CACHES_PART]),
    ],
    context.tell,
  );
  return withShipping(input, context, (shipping) =>
    asOne(
      parts,
      functions.length === 0
        ? { stays: input.serving }
        : { put: () => putShippedFunctions(shipping, functions, input, parts) },
      site === null
        ? { stays: input.previous?.site ?? {} }
        : { put: () => putShippedSite(shipping, site, input, parts) },
    ),
  );
}
