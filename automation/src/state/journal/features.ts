import {
  flagMember,
  isEmptyObject,
  memberOf,
  type Resource,
  stringMember,
  stringsMember,
} from "./resource.ts";

/** Schema version of a state that needs no feature, and of one that does. Source: sdk/go/common/apitype/core.go at 3.250.0. */
export const PLAIN_VERSION = 3;
export const FEATURES_VERSION = 4;

/** The feature of a state with snippets. */
export const SNIPPETS_FEATURE = "snippets-prototype";

/** What a resource must have for a state to need a feature of the CLI that reads it. Source: pkg/resource/stack/deployment.go at 3.250.0. */
const FEATURES: readonly [
  feature: string,
  member: string,
  isUsed: (resource: Resource, member: string) => boolean,
][] = [
  ["refreshBeforeUpdate", "refreshBeforeUpdate", flagMember],
  ["views", "viewOf", hasText],
  ["hooks", "resourceHooks", (resource, member) => !isEmptyObject(memberOf(resource, member))],
  ["taint", "taint", flagMember],
  ["replaceWith", "replaceWith", (resource, member) => stringsMember(resource, member).length > 0],
  ["extensionParameterization", "extensionRef", hasText],
];

const DERIVED: ReadonlySet<string> = new Set([SNIPPETS_FEATURE, ...FEATURES.map(([feature]) => feature)]);

/** Adds the features that a resource needs. */
export function addFeatures(resource: Resource, features: Set<string>): void {
  for (const [feature, member, isUsed] of FEATURES) {
    if ((resource.members.has(member) || resource.edits.has(member)) && isUsed(resource, member)) {
      features.add(feature);
    }
  }
}

/** Whether a feature follows from the state itself; any other was put there by a newer CLI. */
export function isDerived(feature: string): boolean {
  return DERIVED.has(feature);
}

function hasText(resource: Resource, member: string): boolean {
  return stringMember(resource, member) !== "";
}
