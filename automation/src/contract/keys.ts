import { z } from "zod";
import { Instant } from "./identifiers.ts";

/** A key outside the database that wraps data keys. */
export const WrappingKey = z
  .object({
    /** file:<fingerprint>, aws-kms:<arn>, vault:<mount>/<name>. */
    id: z.string(),
    /** The one that this server wraps new data keys with. */
    isCurrent: z.boolean(),
    /** Nothing needs it any more. */
    isRetired: z.boolean(),
    createdAt: Instant,
    /** How many keys it wraps. */
    wraps: z.int(),
  })
  .meta({ id: "WrappingKey" });
export type WrappingKey = z.infer<typeof WrappingKey>;

/** One version of a stack's data key, without the key. */
export const DataKeyVersion = z
  .object({ version: z.int(), wrappingKey: z.string(), createdAt: Instant })
  .meta({ id: "DataKeyVersion" });
export type DataKeyVersion = z.infer<typeof DataKeyVersion>;

/** `before`: of the answer to the first request, in the later ones of the same rotation. */
export const RotateKeys = z.strictObject({ before: Instant.optional() }).meta({ id: "RotateKeys" });
/** What one request did. Ask again with `before` until `left` is 0. */
export const KeysRotated = z
  .object({ rotated: z.int(), left: z.int(), before: Instant })
  .meta({ id: "KeysRotated" });
export type KeysRotated = z.infer<typeof KeysRotated>;

/** `to`: refused unless it is the key that the server is configured with. */
export const RewrapKeys = z.strictObject({ to: z.string().max(2048).optional() }).meta({ id: "RewrapKeys" });
/** What one request did. Ask again until `left` is 0; then the keys in `retired` are needed no more. */
export const KeysRewrapped = z
  .object({ to: z.string(), moved: z.int(), left: z.int(), retired: z.array(z.string()) })
  .meta({ id: "KeysRewrapped" });
export type KeysRewrapped = z.infer<typeof KeysRewrapped>;
