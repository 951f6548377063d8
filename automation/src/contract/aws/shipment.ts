import { z } from "zod";

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The version of a function that a release serves. `s3Key`, `s3ObjectVersion`: its package in the artifacts' bucket. */
export const ShippedFunction = z.strictObject({
  version: z.string().regex(/^[1-9][0-9]*$/),
  s3Key: z.string(),
  s3ObjectVersion: z.string(),
  /** Of the package, lower-case hexadecimal. */
  sha256: Sha256,
});
export type ShippedFunction = z.infer<typeof ShippedFunction>;

/** One object of the site. */
export const ShippedFile = z.strictObject({
  versionId: z.string(),
  sha256: Sha256,
  contentType: z.string(),
  cacheControl: z.string(),
  /** Set: a hashed asset of an earlier release, no longer part of this one and still there for pages that are open in browsers. */
  retiredAt: z.iso.datetime().optional(),
});
export type ShippedFile = z.infer<typeof ShippedFile>;

/** What the step `ship` put in place for a release: what a rollback goes back to. */
export const Shipment = z.strictObject({
  functions: z.record(z.string(), ShippedFunction),
  site: z.record(z.string(), ShippedFile),
});
export type Shipment = z.infer<typeof Shipment>;

/** The versions that serve, by function. Empty before the first release. */
export const Pins = z.record(z.string(), ShippedFunction);
export type Pins = z.infer<typeof Pins>;

/** A version with what it was made for: of a function by another name there is no such version, and in another bucket no such package. */
export const ProgramPin = z.object({
  ...ShippedFunction.shape,
  /** Of the function in AWS. */
  functionName: z.string(),
  artifactsBucket: z.string(),
});
export type ProgramPin = z.infer<typeof ProgramPin>;

/** What a program is told of the versions that serve, by function: the file that SLIPWAY_PINS names. Fields that a program does not know are for later ones. */
export const ProgramPins = z.record(z.string(), ProgramPin);
export type ProgramPins = z.infer<typeof ProgramPins>;
