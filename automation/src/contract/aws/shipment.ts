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

/** What a program is told of the versions that serve, by function: the file that SLIPWAY_PINS names. Empty before the first release. */
export const Pins = z.record(z.string(), ShippedFunction);
export type Pins = z.infer<typeof Pins>;
