import type { PlannedResource } from "./planned-resources.ts";
import { replacingPaths } from "./planned-resources.ts";

/** An exact edge of the program: `to` needs `from`, or is its child. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: "dependency" | "parent";
  /** Where both are replaced: the properties of `to` that carry the replacement on. */
  readonly carries: readonly string[];
}

/** The resources of a preview with what each needs. */
export interface PreviewGraph {
  readonly resources: ReadonlyMap<string, PlannedResource>;
  readonly edges: readonly GraphEdge[];
  /** Edges by the URN where they begin. */
  readonly below: ReadonlyMap<string, readonly GraphEdge[]>;
  readonly above: ReadonlyMap<string, readonly GraphEdge[]>;
}

const STACK_TYPE = "pulumi:pulumi:Stack";

/** The graph of a preview. The stack itself is left out, as everything is below it. */
export function previewGraph(planned: readonly PlannedResource[]): PreviewGraph {
  const resources = new Map(planned.filter(({ type }) => type !== STACK_TYPE).map((one) => [one.urn, one]));
  const edges: GraphEdge[] = [];
  for (const one of resources.values()) {
    for (const from of new Set(one.dependencies)) addEdge(from, one, "dependency");
    // A child that also needs its parent has one edge.
    if (one.parent !== null && !one.dependencies.includes(one.parent)) addEdge(one.parent, one, "parent");
  }
  return { resources, edges, below: groupBy(edges, "from"), above: groupBy(edges, "to") };

  function addEdge(from: string, one: PlannedResource, kind: GraphEdge["kind"]): void {
    const source = resources.get(from);
    if (source === undefined || from === one.urn) return;
    const isCarried = source.operation === "replace" && one.operation === "replace";
    edges.push({ from, to: one.urn, kind, carries: isCarried ? carriedBy(one) : [] });
  }
}

/** Everything that directly or through others needs this resource or is its child; without itself. */
export function downstreamOf({ below }: Pick<PreviewGraph, "below">, urn: string): Set<string> {
  const found = new Set<string>();
  const waiting = [urn];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const { to } of below.get(at) ?? []) {
      if (to === urn || found.has(to)) continue;
      found.add(to);
      waiting.push(to);
    }
  }
  return found;
}

/** One replaced resource below the one whose replacement leads to it. */
export interface ReplaceLink {
  readonly resource: PlannedResource;
  /** 0: nothing above it is replaced, so that the change of its own properties is why. */
  readonly depth: number;
  readonly properties: readonly string[];
}

/** All replacements, each below the first one that leads to it; a circle, which no engine makes, is listed flat. */
export function replaceChains({ resources, below, above }: PreviewGraph): ReplaceLink[] {
  const isReplaced = (urn: string) => resources.get(urn)?.operation === "replace";
  const replaced = [...resources.values()].filter(({ urn }) => isReplaced(urn));
  const links: ReplaceLink[] = [];
  const seen = new Set<string>();
  const tops = replaced.filter(({ urn }) => !(above.get(urn) ?? []).some(({ from }) => isReplaced(from)));
  const walk = (top: PlannedResource): void => {
    const waiting = [{ resource: top, depth: 0 }];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const { resource, depth } = at;
      if (seen.has(resource.urn)) continue;
      seen.add(resource.urn);
      links.push({ resource, depth, properties: replacingPaths(resource) });
      for (const { to } of (below.get(resource.urn) ?? []).toReversed()) {
        const next = resources.get(to);
        if (next !== undefined && isReplaced(to)) waiting.push({ resource: next, depth: depth + 1 });
      }
    }
  };
  for (const top of [...tops, ...replaced]) walk(top);
  return links;
}

/** What a replacement above can change is not known before the update; where all is known, all that replaces may be it. */
function carriedBy(one: PlannedResource): string[] {
  const replacing = one.changes.filter(({ replaces }) => replaces);
  const unknown = replacing.filter(({ known }) => !known);
  return (unknown.length > 0 ? unknown : replacing).map(({ path }) => path);
}

function groupBy(edges: readonly GraphEdge[], end: "from" | "to"): Map<string, GraphEdge[]> {
  const groups = new Map<string, GraphEdge[]>();
  for (const edge of edges) {
    const group = groups.get(edge[end]);
    if (group === undefined) groups.set(edge[end], [edge]);
    else group.push(edge);
  }
  return groups;
}
