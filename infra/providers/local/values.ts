import { isDeepStrictEqual } from "node:util";

/** The properties of a resource as plain values, with Pulumi's own wire marks for secrets and unknowns. */
export type Properties = Record<string, unknown>;

/** Wire constants of Pulumi's resource protocol (sdk/nodejs/runtime/rpc). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

/** Marks a value so that the engine encrypts it in the state and hides it in its output. */
export function secret(value: unknown): Properties {
  return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value };
}

/** The value without any mark, at every depth. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isRecord(value)) return value;
  const signature = value[SIGNATURE_KEY];
  if (signature === SECRET_SIGNATURE) return plain(value.value);
  if (signature === OUTPUT_SIGNATURE) return "value" in value ? plain(value.value) : UNKNOWN;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/** True when some part of the value is not known before the update. */
export function hasUnknown(value: unknown): boolean {
  const bare = plain(value);
  if (bare === UNKNOWN) return true;
  if (Array.isArray(bare)) return bare.some(hasUnknown);
  return isRecord(bare) && Object.values(bare).some(hasUnknown);
}

/** Every string that stands below a secret mark. */
export function secretStrings(value: unknown, inside = false): string[] {
  if (typeof value === "string") return inside ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((item) => secretStrings(item, inside));
  if (!isRecord(value)) return [];
  const signature = value[SIGNATURE_KEY];
  if (signature === SECRET_SIGNATURE) return secretStrings(value.value, true);
  if (signature === OUTPUT_SIGNATURE) return secretStrings(value.value, inside || value.secret === true);
  return Object.values(value).flatMap((item) => secretStrings(item, inside));
}

/** Equal apart from the marks. */
export function sameValue(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

export function isRecord(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
