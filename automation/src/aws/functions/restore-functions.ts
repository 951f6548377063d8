import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import type { RestoreInput } from "../../contract/aws/ship.ts";
import type { ShippedFunction } from "../../contract/aws/shipment.ts";
import { SlipwayError } from "../../errors.ts";
import type { Parts } from "../parts.ts";
import type { Shipping } from "../shipping.ts";
import { readConfiguration, whenReady } from "./configuration.ts";
import { base64Of } from "./package-function.ts";
import { prepareFunction } from "./prepare-function.ts";
import { type Candidate, type FunctionsInPlace, putFunctionsInPlace } from "./put-in-place.ts";
import { smokeCall } from "./smoke.ts";

/**
 * Has the recorded versions of functions serve again, after a call of each. A version that AWS no longer has, because the function was made anew since, is published again from its package.
 * A function that the target does not know is left as it is.
 */
export function putRecordedFunctions(
  shipping: Shipping,
  { target, serving }: Pick<RestoreInput, "target" | "serving">,
  parts: Parts,
): Promise<FunctionsInPlace> {
  return putFunctionsInPlace(
    shipping,
    Object.keys(target.functions),
    { serving, canary: null, parts },
    async (name, declared) => {
      const recorded = target.functions[name];
      if (recorded === undefined) throw new SlipwayError("functions_mismatch", `${name} was never shipped.`);
      return prepareRecorded(shipping, declared, recorded);
    },
  );
}

async function prepareRecorded(
  shipping: Shipping,
  declared: ManifestFunction,
  recorded: ShippedFunction,
): Promise<Candidate> {
  if (await isThere(shipping, declared, recorded)) {
    await whenReady(shipping, declared, recorded.version);
    const smokeMs = await smokeCall(shipping, declared, recorded.version);
    return { shipped: recorded, detail: `version ${recorded.version}, answered in ${smokeMs} ms` };
  }
  const { shipped, smokeMs } = await prepareFunction(shipping, declared, recorded);
  return {
    shipped,
    detail: `version ${recorded.version} is gone; published again as ${shipped.version}, answered in ${smokeMs} ms`,
  };
}

/** A number alone proves nothing: what is there must be the code that was recorded. */
async function isThere(
  shipping: Shipping,
  declared: ManifestFunction,
  { version, sha256 }: ShippedFunction,
): Promise<boolean> {
  try {
    const { CodeSha256 } = await readConfiguration(shipping, declared, version);
    return CodeSha256 === base64Of(sha256);
  } catch (thrown) {
    if (thrown instanceof SlipwayError && thrown.code === "aws_not_found") return false;
    throw thrown;
  }
}
