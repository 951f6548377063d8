import type { Pins, Shipment } from "../contract/aws/shipment.ts";
import { SlipwayError } from "../errors.ts";
import { type FunctionsInPlace, withWords } from "./functions/put-in-place.ts";
import type { Parts } from "./parts.ts";
import { SiteNotInPlace } from "./site/put-in-place.ts";
import type { TaskOutcome } from "./task.ts";

/** Either left as it is, or put in place. */
type Piece<T, P> = { stays: T } | { put: () => Promise<P> };

/** Puts functions in place, then the site. When the site fails, the functions go back too: a page and the API that it was made for are one. */
export async function asOne(
  parts: Parts,
  functions: Piece<Pins, FunctionsInPlace>,
  site: Piece<Shipment["site"], Shipment["site"]>,
): Promise<TaskOutcome<Shipment>> {
  try {
    const inPlace = "put" in functions ? await functions.put() : undefined;
    const pins = "put" in functions ? (inPlace?.pins ?? {}) : functions.stays;
    const files = "put" in site ? await siteOrBack(site.put, inPlace) : site.stays;
    return { state: "succeeded", parts: parts.outcomes(), result: { functions: pins, site: files } };
  } catch (thrown) {
    if (!(thrown instanceof SlipwayError)) throw thrown;
    return { state: "failed", parts: parts.outcomes(), failure: thrown };
  }
}

async function siteOrBack(
  put: () => Promise<Shipment["site"]>,
  functions: FunctionsInPlace | undefined,
): Promise<Shipment["site"]> {
  try {
    return await put();
  } catch (thrown) {
    const aliases = (await functions?.putBack()) ?? [];
    if (!(thrown instanceof SiteNotInPlace)) throw withWords(thrown, aliases);
    throw withWords(thrown.cause, [...aliases, ...thrown.notPutBack]);
  }
}
