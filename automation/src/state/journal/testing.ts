/** Texts of entries and states for the tests of this folder. */

const EVERY_ENTRY = { version: 1, operationID: 0, removeOld: null, removeNew: null };

export const META = { manifestTime: "2026-01-01T00:00:00Z", cliVersion: "v3.250.0" };

/** A URN of stack dev of project shop. */
export function urn(name: string, type = "a:b:C"): string {
  return `urn:pulumi:dev::shop::${type}::${name}`;
}

/** A resource as Pulumi writes it. */
export function resource(name: string, more: Readonly<Record<string, unknown>> = {}) {
  return { urn: urn(name), custom: true, id: `id-${name}`, type: "a:b:C", ...more };
}

/** The text of an entry of a kind. */
export function entry(
  sequenceID: number,
  kind: number,
  more: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({ ...EVERY_ENTRY, kind, sequenceID, ...more });
}

/** The text of a list of entries. */
export function batch(...entries: readonly string[]): string {
  return `[${entries.join(",")}]`;
}

/** The text of a state with these resources. */
export function state(resources: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): string {
  const manifest = { time: META.manifestTime, magic: "", version: "" };
  return JSON.stringify({ version: 3, deployment: { manifest, resources, ...more } });
}
