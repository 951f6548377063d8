import path from "node:path";
import type { ManifestFunction } from "../../contract/aws/manifest.ts";
import type { ShipInput } from "../../contract/aws/ship.ts";
import type { ShippedFunction } from "../../contract/aws/shipment.ts";
import type { Parts } from "../parts.ts";
import type { Shipping } from "../shipping.ts";
import { foldersIn } from "../walk-folder.ts";
import type { AliasState } from "./aliases.ts";
import { configuredAlike, readConfiguration } from "./configuration.ts";
import { base64Of, type FunctionPackage, packageFunction } from "./package-function.ts";
import { prepareFunction } from "./prepare-function.ts";
import { type Candidate, type FunctionsInPlace, putFunctionsInPlace } from "./put-in-place.ts";
import { type PlannedFunction, planFunctions } from "./rules.ts";
import { uploadPackage } from "./upload-package.ts";

/** Which function gets which folder. Throws before anything is touched when they do not fit. */
export async function findFunctions({
  functionFolders,
  manifest,
}: Pick<ShipInput, "functionFolders" | "manifest">): Promise<PlannedFunction[]> {
  if (functionFolders.length === 0) return [];
  const found: PlannedFunction[] = [];
  for (const parent of functionFolders) {
    for (const name of await foldersIn(parent)) found.push({ name, folder: path.join(parent, name) });
  }
  return planFunctions(found, manifest.functions);
}

/** Packs, uploads, publishes and calls each function, and has them serve when all of them work. An unchanged function is left as it is. */
export function putShippedFunctions(
  shipping: Shipping,
  planned: readonly PlannedFunction[],
  { serving, canary }: Pick<ShipInput, "serving" | "canary">,
  parts: Parts,
): Promise<FunctionsInPlace> {
  const folders = new Map(planned.map(({ name, folder }) => [name, folder]));
  return putFunctionsInPlace(
    shipping,
    [...folders.keys()],
    { serving, canary, parts },
    async (name, declared, alias) => {
      const packed = await packageFunction(name, folders.get(name) ?? "");
      const now = serving[name];
      if (now !== undefined && (await isUnchanged(shipping, declared, alias, now, packed))) {
        return { shipped: now, detail: `unchanged, version ${now.version}` };
      }
      return prepareNew(shipping, declared, packed);
    },
  );
}

async function prepareNew(
  shipping: Shipping,
  declared: ManifestFunction,
  packed: FunctionPackage,
): Promise<Candidate> {
  const s3ObjectVersion = await uploadPackage(shipping, packed);
  const stored = { s3Key: packed.key, s3ObjectVersion, sha256: packed.sha256 };
  const { shipped, smokeMs } = await prepareFunction(shipping, declared, stored);
  const size = `${Math.ceil(packed.bytes.length / 1024)} KiB`;
  return { shipped, detail: `version ${shipped.version}, ${size}, answered in ${smokeMs} ms` };
}

/**
 * Whether a function serves this package already, configured as it is configured now. An alias that somebody moved, and a configuration that a new version would have and the serving one has not, make it a
 * changed one.
 */
async function isUnchanged(
  shipping: Shipping,
  declared: ManifestFunction,
  alias: AliasState,
  serving: ShippedFunction,
  packed: FunctionPackage,
): Promise<boolean> {
  if (serving.sha256 !== packed.sha256 || alias.version !== serving.version || alias.isShared) return false;
  const [version, next] = await Promise.all([
    readConfiguration(shipping, declared, serving.version),
    readConfiguration(shipping, declared),
  ]);
  return version.CodeSha256 === base64Of(packed.sha256) && configuredAlike(version, next);
}
