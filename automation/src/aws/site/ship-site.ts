import { systemClock } from "../../clock.ts";
import type { ShipInput } from "../../contract/aws/ship.ts";
import type { Shipment } from "../../contract/aws/shipment.ts";
import type { Parts } from "../parts.ts";
import type { Shipping } from "../shipping.ts";
import { listBucket, putFile } from "./bucket.ts";
import type { BuiltSite } from "./files.ts";
import { planSite } from "./plan.ts";
import { putSiteInPlace } from "./put-in-place.ts";

/** Uploads what changed of a built site and has it served. Answers the shipment's site; throws SiteNotInPlace when what served before serves on. */
export async function putShippedSite(
  shipping: Shipping,
  built: BuiltSite,
  { previous, reference }: Pick<ShipInput, "previous" | "reference">,
  parts: Parts,
): Promise<Shipment["site"]> {
  const before = await listBucket(shipping);
  const plan = planSite(built.files, previous?.site ?? {}, before.current, systemClock.now());
  return putSiteInPlace(shipping, plan, { before, reference, parts }, async (file) => {
    const { key, sha256, contentType, cacheControl } = file;
    const versionId = await putFile(shipping, file, await built.read(key));
    return { versionId, sha256, contentType, cacheControl };
  });
}
