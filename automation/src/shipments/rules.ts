import { AwsManifest } from "../contract/aws/manifest.ts";
import type { Pins, ProgramPins } from "../contract/aws/shipment.ts";
import { SlipwayError } from "../errors.ts";

/** Most mistakes of a manifest that one message names. */
const MOST_NAMED = 12;

type Outputs = Readonly<Record<string, unknown>>;

/** Whether a stack's outputs have a manifest that is, or ought to be, that of the target aws. */
export function hasManifest({ manifest }: Outputs): boolean {
  if (manifest === undefined || manifest === null) return false;
  return !(typeof manifest === "object" && "target" in manifest && isOtherTarget(manifest.target));
}

/**
 * The manifest among a stack's outputs. Throws SlipwayError `manifest_invalid` that names every field which is missing or wrong: nothing may be uploaded to places that nobody is sure of.
 */
export function manifestOf({ manifest }: Outputs): AwsManifest {
  const parsed = AwsManifest.safeParse(manifest);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`,
  );
  const more = wrong.length > MOST_NAMED ? `; and ${wrong.length - MOST_NAMED} more` : "";
  throw new SlipwayError(
    "manifest_invalid",
    `The stack's output 'manifest' is not complete: ${wrong.slice(0, MOST_NAMED).join("; ")}${more}. Nothing was uploaded; what served before serves on.`,
    { remedy: "Have the program give every field of the manifest, and deploy again." },
  );
}

function isOtherTarget(target: unknown): boolean {
  return typeof target === "string" && target !== "aws";
}

/** A resource of a state, as far as pins are about it. */
interface Placed {
  type: string;
  id: string | null;
}

export const FUNCTION_TYPE = "aws:lambda/function:Function";
export const ALIAS_TYPE = "aws:lambda/alias:Alias";

type Places = Pick<AwsManifest, "artifactsBucket"> & {
  functions: Readonly<Record<string, { name: string }>>;
};

/**
 * What a program is told of the versions that serve: those of functions that the state still has, with what they were made for. Of one that was destroyed no version is left to which an alias could point.
 */
export function livePins(pins: Pins, manifest: Places, resources: readonly Placed[]): ProgramPins {
  const there = new Set(resources.filter(({ type }) => type === FUNCTION_TYPE).map(({ id }) => id));
  const { artifactsBucket } = manifest;
  return Object.fromEntries(
    Object.entries(pins).flatMap(([name, pin]) => {
      const functionName = manifest.functions[name]?.name;
      if (functionName === undefined || !there.has(functionName)) return [];
      return [[name, { ...pin, functionName, artifactsBucket }]];
    }),
  );
}

/**
 * The versions that serve as far as a stack still has the functions and the bucket that they were made for. Of a function by another name, or with its packages in another bucket, nothing counts: what is shipped is
 * uploaded, published and called anew, and its alias goes back to where it was found.
 */
export function servingOn(
  manifest: Places,
  serving: { shipment: { functions: Pins }; manifest: Places } | undefined,
): Pins {
  if (serving?.manifest.artifactsBucket !== manifest.artifactsBucket) return {};
  return Object.fromEntries(
    Object.entries(serving.shipment.functions).filter(([name]) => {
      const made = serving.manifest.functions[name]?.name;
      return made !== undefined && made === manifest.functions[name]?.name;
    }),
  );
}
