import {
  editedObject,
  elementsOf,
  encodeString,
  isAbsent,
  membersOf,
  type Raw,
  stringOf,
} from "./raw-json.ts";
import {
  memberOf,
  type Resource,
  stringMember,
  stringsMember,
  withMember,
  withPropertyDependencies,
  withString,
  withStrings,
  withUrn,
} from "./resource.ts";
import {
  providerReference,
  providerReferenceOf,
  qualifiedTypeBelow,
  STACK_TYPE,
  urnOf,
  urnParts,
} from "./urn.ts";

/** Old URNs and the ones that took their place. */
export type Renamed = ReadonlyMap<string, string>;

/**
 * The URNs that are replaced when the aliases of resources are taken for done, in their order: an alias by its resource, and the child of a renamed
 * parent by the URN that it has below it. `onConflict` is told of an alias that two resources claim; the first one keeps it.
 * Source: NormalizeURNReferences in sdk/go/common/apitype/core.go at 3.250.0.
 */
export function renamedByAliases(
  resources: readonly Resource[],
  onConflict: (alias: string, first: string, second: string) => void,
): Renamed {
  const renamed = new Map<string, string>();
  for (const resource of resources) {
    const { urn } = resource;
    for (const alias of resource.members.has("aliases") ? stringsMember(resource, "aliases") : []) {
      const other = renamed.get(alias);
      if (other !== undefined && other !== urn) onConflict(alias, other, urn);
      else renamed.set(alias, urn);
    }
    if (renamed.size === 0) continue;
    const parent = urnParts(renamed.get(stringMember(resource, "parent")) ?? "");
    const own = urnParts(urn);
    if (parent !== undefined && own !== undefined && parent.qualifiedType !== STACK_TYPE) {
      renamed.set(urn, urnOf({ ...own, qualifiedType: qualifiedTypeBelow(parent.qualifiedType, own.type) }));
    }
  }
  return renamed;
}

/** A resource with its own URN and its references replaced, and without aliases. */
export function withRenamed(resource: Resource, renamed: Renamed): Resource {
  let result = resource;
  const now = (urn: string) => renamed.get(urn) ?? urn;
  result = withUrn(result, now(result.urn));
  for (const name of ["parent", "deletedWith", "viewOf"]) {
    const urn = stringMember(result, name);
    if (urn !== "") result = withString(result, name, now(urn));
  }
  const provider = providerReference(stringMember(result, "provider"));
  if (provider !== undefined && renamed.has(provider.urn)) {
    result = withString(result, "provider", providerReferenceOf(now(provider.urn), provider.id));
  }
  result = withStrings(result, "dependencies", stringsMember(result, "dependencies").map(now));
  result = withPropertyDependencies(result, (urns) => urns.map(now));
  const aliases = memberOf(result, "aliases");
  return aliases !== undefined && elementsOf(aliases).length > 0
    ? withMember(result, "aliases", undefined)
    : result;
}

/** The text of a list of snippets with the URNs that they refer to replaced. */
export function renamedSnippets(snippets: Raw, renamed: Renamed): string {
  const texts = elementsOf(snippets).map((snippet) => {
    const members = membersOf(snippet);
    const references = members.get("references");
    if (isAbsent(references)) return editedObject(snippet, members, new Map());
    const named = membersOf(references);
    const edits = new Map<string, string>();
    for (const [name, urn] of named) {
      const replacement = renamed.get(stringOf(urn));
      if (replacement !== undefined) edits.set(name, encodeString(replacement));
    }
    return editedObject(snippet, members, new Map([["references", editedObject(references, named, edits)]]));
  });
  return `[${texts.join(",")}]`;
}
