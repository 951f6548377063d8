import {
  byDanger,
  downstreamOf,
  type PlannedResource,
  type PreviewGraph,
  staysAsIs,
} from "@slipway/automation/client";

/** More boxes than this tell a person nothing, and take long to place. */
export const MOST_DRAWN = 200;

/** The part of a preview that a picture shows. */
export interface DrawnPart {
  readonly urns: ReadonlySet<string>;
  /** The resource that it is about, when it is not the whole. */
  readonly around: string | null;
  /** How many resources it would show if it could. */
  readonly of: number;
}

/**
 * What to draw: all that changes (with `unchanged` all), as long as that is not too much; else the resource `focus` (without one, the most dangerous change) with what it
 * needs and, nearest first, what is downstream of it.
 */
export function drawnPart(graph: PreviewGraph, focus: string | null, unchanged: boolean): DrawnPart {
  const isShown = (one: PlannedResource) => unchanged || !staysAsIs(one) || one.urn === focus;
  const shown = [...graph.resources.values()].filter(isShown);
  if (shown.length <= MOST_DRAWN)
    return { urns: new Set(shown.map(({ urn }) => urn)), around: null, of: shown.length };
  const around = focus !== null && graph.resources.has(focus) ? focus : (byDanger(shown)[0]?.urn ?? null);
  if (around === null) return { urns: new Set(), around: null, of: shown.length };
  const isAllowed = (urn: string) => {
    const one = graph.resources.get(urn);
    return one !== undefined && isShown(one);
  };
  const near = [around];
  for (const { from } of graph.above.get(around) ?? []) if (isAllowed(from)) near.push(from);
  const urns = new Set(near.slice(0, MOST_DRAWN));
  // Breadth first: what is left out is what is farthest away.
  let ring = [around];
  while (ring.length > 0 && urns.size < MOST_DRAWN) {
    const next: string[] = [];
    for (const urn of ring) {
      for (const { to } of graph.below.get(urn) ?? []) {
        if (urns.has(to) || urns.size >= MOST_DRAWN || !isAllowed(to)) continue;
        urns.add(to);
        next.push(to);
      }
    }
    ring = next;
  }
  return { urns, around, of: 1 + [...downstreamOf(graph, around)].filter(isAllowed).length };
}
