/** A new key for one change that a person asked for. `crypto.randomUUID` is missing on plain http with a host name. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
