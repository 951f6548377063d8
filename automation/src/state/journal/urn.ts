const PREFIX = "urn:pulumi:";
const DELIMITER = "::";

/** Type of the resource that stands for the stack itself. */
export const STACK_TYPE = "pulumi:pulumi:Stack";
const PROVIDER_TYPE_PREFIX = "pulumi:providers:";

/** Whether a text has the form `urn:pulumi:stack::project::type::name`. */
function isUrn(text: string): boolean {
  return text.startsWith(PREFIX) && text.split(DELIMITER).length > 3;
}

/** The parts of a URN; `qualifiedType` holds the types of its parents, joined by `$`. Undefined for what is no URN. */
export interface UrnParts {
  stack: string;
  project: string;
  qualifiedType: string;
  /** The last of the qualified type. */
  type: string;
  /** May hold `::` itself. */
  name: string;
}

export function urnParts(urn: string): UrnParts | undefined {
  if (!isUrn(urn)) return undefined;
  const [stack = "", project = "", qualifiedType = "", ...name] = urn.slice(PREFIX.length).split(DELIMITER);
  const type = qualifiedType.slice(qualifiedType.lastIndexOf("$") + 1);
  return { stack, project, qualifiedType, type, name: name.join(DELIMITER) };
}

/** Joins the parts of a URN; `type` is part of `qualifiedType` and not used. */
export function urnOf(parts: Omit<UrnParts, "type">): string {
  return `${PREFIX}${[parts.stack, parts.project, parts.qualifiedType, parts.name].join(DELIMITER)}`;
}

/** A type below its parent's; the stack is no part of it. */
export function qualifiedTypeBelow(parentQualifiedType: string, type: string): string {
  if (parentQualifiedType === "" || parentQualifiedType === STACK_TYPE) return type;
  return `${parentQualifiedType}$${type}`;
}

/** URN and id of a provider reference (`urn::id`), or undefined for another form. */
export function providerReference(reference: string): { urn: string; id: string } | undefined {
  const last = reference.lastIndexOf(DELIMITER);
  const urn = reference.slice(0, Math.max(last, 0));
  return isUrn(urn) ? { urn, id: reference.slice(last + DELIMITER.length) } : undefined;
}

/** Joins a provider reference. */
export function providerReferenceOf(urn: string, id: string): string {
  return `${urn}${DELIMITER}${id}`;
}

/** The package of a provider's resource type (`pulumi:providers:aws` -> `aws`), or undefined for any other type. */
export function providerPackage(type: string): string | undefined {
  return type.startsWith(PROVIDER_TYPE_PREFIX) ? type.slice(PROVIDER_TYPE_PREFIX.length) : undefined;
}
