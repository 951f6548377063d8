import type { StateResource } from "../contract/updates.ts";

/** A resource with its depth below the top of the tree. */
export interface TreeRow {
  readonly resource: StateResource;
  readonly depth: number;
}

/**
 * The resources of a state with children below their parents, both in the state's own order. One whose parent is not in the state is at the top. A
 * replacement and its predecessor share a URN: both are listed, and children are below the first of them.
 */
export function resourceTree(resources: readonly StateResource[]): TreeRow[] {
  const urns = new Set(resources.map(({ urn }) => urn));
  const children = new Map<string, StateResource[]>();
  const tops: StateResource[] = [];
  for (const resource of resources) {
    const { parent, urn } = resource;
    if (parent === null || parent === urn || !urns.has(parent)) {
      tops.push(resource);
      continue;
    }
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [resource]);
    else siblings.push(resource);
  }
  const rows: TreeRow[] = [];
  const visited = new Set<StateResource>();
  const waiting = tops.map((resource): TreeRow => ({ resource, depth: 0 })).reverse();
  // A stack of our own: the depth of a state is not ours to bound.
  for (let row = waiting.pop(); row !== undefined; row = waiting.pop()) {
    const { resource, depth } = row;
    visited.add(resource);
    rows.push(row);
    const below = children.get(resource.urn) ?? [];
    children.delete(resource.urn);
    for (const child of below.toReversed()) waiting.push({ resource: child, depth: depth + 1 });
  }
  // Parents in a circle: no engine makes them, and a list that hides resources would be worse than one that is flat.
  for (const resource of resources) if (!visited.has(resource)) rows.push({ resource, depth: 0 });
  return rows;
}
