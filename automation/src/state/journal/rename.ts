import { named } from "./invalid.ts";
import {
  editedObject,
  elementsOf,
  encodeString,
  isAbsent,
  membersOf,
  type Raw,
  rawText,
  stringOf,
  wholeValue,
} from "./raw-json.ts";
import { providerReference, providerReferenceOf, STACK_TYPE, urnOf, urnParts } from "./urn.ts";

/** The full name of a stack. */
export interface StackFullName {
  readonly organisation: string;
  readonly project: string;
  readonly stack: string;
}

/** The new text of a value. */
type Rewrite = (raw: Raw) => string;

/**
 * A state (JSON text of Pulumi's `UntypedDeployment`) as it is after its stack was renamed: every URN of its resources, operations and snippets names the
 * new stack and project, and so does a secrets provider that named the old one (the CLI asks under the name in the state to decrypt). All else keeps its
 * bytes; values inside inputs and outputs are not looked into, as in Pulumi's own rename. Source: RenameStack in pkg/resource/edit/operations.go at 3.250.0.
 * Throws SlipwayError `invalid_state` when the text is no state.
 */
export function renameState(text: string, from: StackFullName, to: StackFullName): string {
  const urn = string((value) => renamedUrn(value, to));
  const resource = members({
    urn,
    parent: urn,
    deletedWith: urn,
    viewOf: urn,
    dependencies: list(urn),
    replaceWith: list(urn),
    // An alias may rightly name another stack or project.
    aliases: list(string((value) => (isIn(value, from) ? renamedUrn(value, to) : value))),
    propertyDependencies: eachMember(list(urn)),
    provider: string((value) => {
      const reference = providerReference(value);
      return reference === undefined
        ? value
        : providerReferenceOf(renamedUrn(reference.urn, to), reference.id);
    }),
  });
  const deployment = members({
    resources: list(resource),
    pending_operations: list(members({ resource })),
    snippets: list(members({ references: eachMember(urn) })),
    secrets_providers: members({ state: (state) => renamedSecretsProvider(state, from, to) }),
  });
  return named("invalid_state", () => members({ deployment })(wholeValue(text)));
}

function renamedUrn(urn: string, to: StackFullName): string {
  const parts = urnParts(urn);
  if (parts === undefined) return urn;
  const { project, stack } = to;
  const name = parts.qualifiedType === STACK_TYPE ? `${project}-${stack}` : parts.name;
  return urnOf({ ...parts, project, stack, name });
}

function isIn(urn: string, { project, stack }: StackFullName): boolean {
  const parts = urnParts(urn);
  return parts?.project === project && parts.stack === stack;
}

/** Only one that names the old stack: any other belongs to a backend that knows nothing of this rename. */
function renamedSecretsProvider(state: Raw, from: StackFullName, to: StackFullName): string {
  if (!isObject(state)) return rawText(state);
  const found = membersOf(state);
  const names = [
    ["owner", from.organisation, to.organisation],
    ["project", from.project, to.project],
    ["stack", from.stack, to.stack],
  ] as const;
  const isOurs = names.every(([name, old]) => {
    const raw = found.get(name);
    return raw !== undefined && isString(raw) && stringOf(raw) === old;
  });
  if (!isOurs) return rawText(state);
  return editedObject(state, found, new Map(names.map(([name, , now]) => [name, encodeString(now)])));
}

/** Rewrites the members that are named; absent ones and all others stay. */
function members(rewrites: Readonly<Record<string, Rewrite>>): Rewrite {
  return (raw) => {
    const found = membersOf(raw);
    const edits = new Map<string, string>();
    for (const [name, rewrite] of Object.entries(rewrites)) {
      const member = found.get(name);
      if (!isAbsent(member)) edits.set(name, rewrite(member));
    }
    return editedObject(raw, found, edits);
  };
}

function eachMember(rewrite: Rewrite): Rewrite {
  return (raw) => {
    const found = membersOf(raw);
    const present = [...found].filter(([, member]) => !isAbsent(member));
    return editedObject(raw, found, new Map(present.map(([name, member]) => [name, rewrite(member)])));
  };
}

function list(rewrite: Rewrite): Rewrite {
  return (raw) => `[${elementsOf(raw).map(rewrite).join(",")}]`;
}

/** Rewrites a string; one that stays the same keeps its bytes. */
function string(change: (value: string) => string): Rewrite {
  return (raw) => {
    const before = stringOf(raw);
    const after = change(before);
    return after === before ? rawText(raw) : encodeString(after);
  };
}

function isString(raw: Raw): boolean {
  return raw.text.charCodeAt(raw.start) === 34;
}

function isObject(raw: Raw): boolean {
  return raw.text.charCodeAt(raw.start) === 123;
}
