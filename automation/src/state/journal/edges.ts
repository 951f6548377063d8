import { membersOf, stringsOf } from "./raw-json.ts";
import type { Resource } from "./resource.ts";
import { memberOf, stringMember, stringsMember } from "./resource.ts";
import { readStateDocument } from "./state-document.ts";

/** What each resource of a state needs, by URN: what it and its properties depend on, and what it is deleted with. */
export type Edges = Record<string, string[]>;

/** The edges of a state, given as its JSON text. Throws SlipwayError `invalid_json` when the text is no state. */
export function edgesOf(text: string): Edges {
  const edges: Edges = {};
  for (const resource of readStateDocument(text).snapshot.resources) {
    const known = new Set([...(edges[resource.urn] ?? []), ...needsOf(resource)]);
    edges[resource.urn] = [...known].sort();
  }
  return edges;
}

function needsOf(resource: Resource): string[] {
  const perProperty = memberOf(resource, "propertyDependencies");
  const deletedWith = stringMember(resource, "deletedWith");
  return [
    ...stringsMember(resource, "dependencies"),
    ...(perProperty === undefined
      ? []
      : [...membersOf(perProperty).values()].flatMap((urns) => stringsOf(urns))),
    ...(deletedWith === "" ? [] : [deletedWith]),
  ];
}
