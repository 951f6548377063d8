import { systemClock } from "../../clock.ts";
import type { RestoreInput } from "../../contract/aws/ship.ts";
import type { Shipment } from "../../contract/aws/shipment.ts";
import { SlipwayError } from "../../errors.ts";
import type { Parts } from "../parts.ts";
import type { Shipping } from "../shipping.ts";
import { copyBack, listBucket } from "./bucket.ts";
import { planRestore } from "./plan.ts";
import { putSiteInPlace } from "./put-in-place.ts";

/**
 * Has the objects of an earlier shipment served again. Answers the site with the version ids that it has now. Throws `release_incomplete` before anything is touched when versions are gone, and SiteNotInPlace when what
 * served before serves on.
 */
export async function putRecordedSite(
  shipping: Shipping,
  { target, previous, reference }: Pick<RestoreInput, "target" | "previous" | "reference">,
  parts: Parts,
): Promise<Shipment["site"]> {
  const before = await listBucket(shipping);
  const plan = planRestore(target.site, previous?.site ?? {}, before.current, systemClock.now());
  const gone = plan.changes.filter(({ key, file }) => !before.has(key, file.versionId));
  if (gone.length > 0) {
    const some = gone.slice(0, 3).map(({ key }) => key);
    throw new SlipwayError(
      "release_incomplete",
      `${gone.length} of the site's objects are gone from the bucket, such as ${some.join(", ")}.`,
      { remedy: "Roll back to a later release, or deploy the old source anew." },
    );
  }
  return putSiteInPlace(shipping, plan, { before, reference, parts }, async ({ key, file }) => ({
    ...file,
    versionId: await copyBack(shipping, key, file.versionId),
  }));
}
