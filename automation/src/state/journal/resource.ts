import {
  editedObject,
  elementsOf,
  encodeString,
  flagOf,
  isAbsent,
  jsonError,
  membersAt,
  membersOf,
  type Raw,
  type RawMembers,
  rawText,
  stringOf,
  stringsOf,
} from "./raw-json.ts";

/** A resource of a state: its text, and what replay changes in it. Names as in Pulumi's `ResourceV3` (sdk/go/common/apitype, 3.250.0). */
export interface Resource {
  readonly raw: Raw;
  readonly members: RawMembers;
  readonly urn: string;
  /** New text of top-level members; undefined removes one. */
  readonly edits: ReadonlyMap<string, string | undefined>;
}

const NO_EDITS: Resource["edits"] = new Map();

/** Reads the resource that begins at `start` and where it ends. Throws SlipwayError `invalid_json` when it lacks a URN or a member that replay reads has another form. */
export function readResource(text: string, start: number): { resource: Resource; end: number } {
  const { members, end } = membersAt(text, start);
  const urn = members.get("urn");
  if (isAbsent(urn)) throw jsonError(text, start, "a resource with a urn");
  const resource = { raw: { text, start, end }, members, urn: stringOf(urn), edits: NO_EDITS };
  return { resource, end };
}

/** A resource with a member replaced (JSON text) or removed (undefined). */
export function withMember(resource: Resource, name: string, json: string | undefined): Resource {
  const edits = new Map(resource.edits).set(name, json);
  return { ...resource, edits };
}

/** A resource with a string member set, removed when empty; itself when it says so already. */
export function withString(resource: Resource, name: string, value: string): Resource {
  if (stringMember(resource, name) === value) return resource;
  return withMember(resource, name, value === "" ? undefined : encodeString(value));
}

/** A resource under another URN. */
export function withUrn(resource: Resource, urn: string): Resource {
  return urn === resource.urn ? resource : { ...withMember(resource, "urn", encodeString(urn)), urn };
}

/** A resource with a list of strings set, removed when empty; itself when it says so already. */
export function withStrings(resource: Resource, name: string, values: readonly string[]): Resource {
  const now = stringsMember(resource, name);
  if (isSameList(now, values)) return resource;
  return withMember(resource, name, values.length === 0 ? undefined : encodeStrings(values));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

/** A resource with a boolean member that is true; itself when it is so already. */
export function withFlag(resource: Resource, name: string): Resource {
  return flagMember(resource, name) ? resource : withMember(resource, name, "true");
}

/** The text of a list of strings. */
export function encodeStrings(values: readonly string[]): string {
  return `[${values.map(encodeString).join(",")}]`;
}

/** A member as it is after the edits, or undefined when absent or null. */
export function memberOf(resource: Resource, name: string): Raw | undefined {
  if (resource.edits.has(name)) {
    const text = resource.edits.get(name);
    return text === undefined ? undefined : { text, start: 0, end: text.length };
  }
  const member = resource.members.get(name);
  return isAbsent(member) ? undefined : member;
}

/** A string member; empty when absent. */
export function stringMember(resource: Resource, name: string): string {
  const member = memberOf(resource, name);
  return member === undefined ? "" : stringOf(member);
}

/** A list member of strings; empty when absent. */
export function stringsMember(resource: Resource, name: string): string[] {
  return stringsOf(memberOf(resource, name));
}

/** A boolean member; false when absent. */
export function flagMember(resource: Resource, name: string): boolean {
  return flagOf(memberOf(resource, name));
}

/**
 * A resource whose property dependencies, a list of URNs for each input, went through `change`; undefined takes an input's list away. Itself when nothing changed, and
 * lists that did not change keep their bytes.
 */
export function withPropertyDependencies(
  resource: Resource,
  change: (urns: string[]) => string[] | undefined,
): Resource {
  const member = memberOf(resource, "propertyDependencies");
  if (member === undefined) return resource;
  const lists = membersOf(member);
  const edits = new Map<string, string | undefined>();
  for (const [key, raw] of lists) {
    const before = stringsOf(raw);
    const after = change(before);
    if (after === undefined) edits.set(key, undefined);
    else if (!isSameList(before, after)) edits.set(key, encodeStrings(after));
  }
  if (edits.size === 0) return resource;
  const text = editedObject(member, lists, edits);
  return withMember(resource, "propertyDependencies", text === "{}" ? undefined : text);
}

/** The resource as JSON: byte for byte as it came where nothing was edited. */
export function resourceText(resource: Resource): string {
  return editedObject(resource.raw, resource.members, resource.edits);
}

/**
 * Throws SlipwayError `invalid_json` unless every member that replay may read later has its form, so that what was acknowledged can always be
 * replayed.
 */
export function assertReadable(resource: Resource): void {
  for (const name of ["type", "parent", "provider", "deletedWith", "viewOf", "extensionRef"]) {
    stringMember(resource, name);
  }
  for (const name of ["dependencies", "replaceWith", "aliases"]) stringsMember(resource, name);
  for (const name of ["delete", "pendingReplacement", "taint", "refreshBeforeUpdate"])
    flagMember(resource, name);
  withPropertyDependencies(resource, (urns) => urns);
  isEmptyObject(memberOf(resource, "resourceHooks"));
}

/** True for an object without members, and for an absent one. */
export function isEmptyObject(raw: Raw | undefined): boolean {
  return raw === undefined || membersOf(raw).size === 0;
}

/** An operation that was under way: its resource and its text. */
export interface Operation {
  readonly text: string;
  /** creating, updating, deleting, reading, importing. */
  readonly type: string;
  readonly resource: Resource;
}

/** Reads an operation (`OperationV2`). Throws SlipwayError `invalid_json` when it has another form. */
export function readOperation(raw: Raw): Operation {
  const members = membersOf(raw);
  const type = members.get("type");
  const resource = members.get("resource");
  if (isAbsent(type) || isAbsent(resource)) {
    throw jsonError(raw.text, raw.start, "an operation with a type and a resource");
  }
  return {
    text: rawText(raw),
    type: stringOf(type),
    resource: readResource(resource.text, resource.start).resource,
  };
}

/** Reads a list of operations; none when it is absent. */
export function readOperations(raw: Raw | undefined): Operation[] {
  return isAbsent(raw) ? [] : elementsOf(raw).map(readOperation);
}
