import type { RestoreInput } from "../contract/aws/ship.ts";
import type { Shipment } from "../contract/aws/shipment.ts";
import { asOne } from "./as-one.ts";
import { ALIASES_PART, functionPart } from "./functions/put-in-place.ts";
import { putRecordedFunctions } from "./functions/restore-functions.ts";
import { planParts } from "./parts.ts";
import { withShipping } from "./shipping.ts";
import { CACHES_PART, FILES_PART } from "./site/put-in-place.ts";
import { putRecordedSite } from "./site/restore-site.ts";
import type { AwsContext, TaskOutcome } from "./task.ts";

/**
 * Puts an earlier shipment back: aliases on its versions after a smoke call of each, and the site's objects as they were. Answers the shipment that now serves,
 * whose functions are the pins; objects that were copied back have new version ids. Never throws for what AWS answers; as with `ship`, a failure leaves what serves.
 */
export function restore(input: RestoreInput, context: AwsContext): Promise<TaskOutcome<Shipment>> {
  const { target } = input;
  const names = Object.keys(target.functions);
  const hasSite = Object.values(target.site).some(({ retiredAt }) => retiredAt === undefined);
  const parts = planParts(
    [
      ...names.map(functionPart),
      ...(names.length === 0 ? [] : [ALIASES_PART]),
      ...(hasSite ? [FILES_PART, CACHES_PART] : []),
    ],
    context.tell,
  );
  return withShipping(input, context, (shipping) =>
    asOne(
      parts,
      names.length === 0
        ? { stays: input.serving }
        : { put: () => putRecordedFunctions(shipping, input, parts) },
      hasSite
        ? { put: () => putRecordedSite(shipping, input, parts) }
        : { stays: input.previous?.site ?? {} },
    ),
  );
}
