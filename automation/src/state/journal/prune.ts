import {
  memberOf,
  type Resource,
  stringMember,
  stringsMember,
  withPropertyDependencies,
  withString,
  withStrings,
} from "./resource.ts";

/**
 * Takes references to resources that are gone, or come later, out of a list in dependency order. Needed after a refresh, which may lose a resource
 * that others depend on. Source: rebuildDependencies in pkg/backend/journal.go at 3.250.0, but for `replaceWith`, where that writes an empty
 * reference into an unrelated resource: here the list goes when one of its resources is gone, as in the engine's own memory.
 */
export function prunedResources(resources: readonly Resource[]): Resource[] {
  const known = new Set<string>();
  const pruned = resources.map((resource) => {
    const kept = withoutDangling(resource, known);
    known.add(resource.urn);
    return kept;
  });
  return pruned.map((resource) =>
    known.has(stringMember(resource, "parent")) ? resource : withString(resource, "parent", ""),
  );
}

function withoutDangling(resource: Resource, known: ReadonlySet<string>): Resource {
  let pruned = resource;
  const isKnown = (urn: string) => known.has(urn);
  if (memberOf(pruned, "dependencies") !== undefined) {
    pruned = withStrings(pruned, "dependencies", stringsMember(pruned, "dependencies").filter(isKnown));
  }
  pruned = withPropertyDependencies(pruned, (urns) => {
    const kept = urns.filter(isKnown);
    return kept.length === 0 ? undefined : kept;
  });
  if (!known.has(stringMember(pruned, "deletedWith"))) pruned = withString(pruned, "deletedWith", "");
  if (!stringsMember(pruned, "replaceWith").every(isKnown)) pruned = withStrings(pruned, "replaceWith", []);
  return pruned;
}
