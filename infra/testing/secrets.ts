/** Pulumi's mark of a secret in what goes to the engine, see developer docs of the deployment schema: key and value of the envelope. */
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

function isEnvelope(value: unknown): value is { value: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    (value as Record<string, unknown>)[SIGNATURE_KEY] === SECRET_SIGNATURE
  );
}

/** The value inside of a secret's envelope; any other value as it is. */
export function unwrapSecret(value: unknown): unknown {
  return isEnvelope(value) ? value.value : value;
}

/** Paths at which a text appears outside of every envelope. */
export function leaksOf(text: string, value: unknown, path = ""): string[] {
  if (isEnvelope(value)) return [];
  if (typeof value === "string") return value.includes(text) ? [path] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => leaksOf(text, inner, `${path}/${key}`));
}

/** How often a text appears inside of an envelope. */
export function envelopesWith(text: string, value: unknown): number {
  if (isEnvelope(value)) return JSON.stringify(value.value).includes(text) ? 1 : 0;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + envelopesWith(text, inner), 0);
}

/** The same value with every secret laid open, as policies get it. */
export function withoutEnvelopes(value: unknown): unknown {
  if (isEnvelope(value)) return withoutEnvelopes(value.value);
  if (Array.isArray(value)) return value.map(withoutEnvelopes);
  // Archives and the like are no plain objects.
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutEnvelopes(inner)]));
}
