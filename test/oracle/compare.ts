/**
 * A state in a form in which two that mean the same are equal: members in order of their names; without the instant, version and magic of the manifest, of
 * which the oracle has none; without members that are empty, which Go leaves out; pending operations in an order of their own, which Go takes at random.
 */
export function canonicalState(state: unknown): unknown {
  const {
    version,
    features = [],
    deployment,
  } = state as {
    version: unknown;
    features?: string[];
    deployment: Record<string, unknown>;
  };
  const { manifest: _, pending_operations: operations, resources, ...rest } = deployment;
  const sorted = ((operations ?? []) as { type: unknown; resource: Record<string, unknown> }[]).map(
    ({ type, resource }) => JSON.stringify({ type, resource: canonicalResource(resource) }),
  );
  return {
    version,
    features: [...features].sort(),
    operations: sorted.sort(),
    resources: ((resources ?? []) as Record<string, unknown>[]).map(canonicalResource),
    ...(canonical(rest) as object),
  };
}

/** Only members of the resource itself may be left out when empty: inside inputs and outputs an empty value is a value. */
function canonicalResource(resource: Record<string, unknown>): unknown {
  return canonical(
    Object.fromEntries(
      Object.entries(resource).filter(([name, value]) => name === "custom" || !isEmpty(value)),
    ),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === false || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, item]) => [name, canonical(item)]));
}
