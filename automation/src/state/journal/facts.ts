import { z } from "zod";
import { SECRET_MARK, SIGNATURE } from "../../contract/pulumi-marks.ts";
import type { PendingOperation, StateResource } from "../../contract/updates.ts";
import { named } from "./invalid.ts";
import { rawText } from "./raw-json.ts";
import { flagMember, memberOf, type Resource, stringMember } from "./resource.ts";
import { readStateDocument, type Snapshot } from "./state-document.ts";
import { providerPackage, STACK_TYPE, urnParts } from "./urn.ts";

// A provider's inputs may be secret or unknown: what is not plain text says nothing.
const PlainText = z.string().optional().catch(undefined);
const ProviderInputs = z
  .object({
    version: PlainText,
    __internal: z
      .object({ name: PlainText, version: PlainText, parameterization: z.unknown() })
      .optional()
      .catch(undefined),
  })
  .catch({});

const Manifest = z
  .object({
    plugins: z
      .array(z.object({ name: z.string(), type: z.string(), version: z.string().nullish() }))
      .nullish(),
  })
  .nullish()
  .catch(undefined);

/** What is shown and recorded of a state. No secret is in it, not even sealed. */
export interface StateFacts {
  /** All resources, the stack's own and providers included, as Pulumi counts. */
  readonly resourceCount: number;
  /** Without the stack's own and without providers: what a person would count. */
  readonly ownResourceCount: number;
  readonly plugins: readonly { name: string; version: string | null }[];
  /** The stack's outputs; a secret one, or a secret inside of one, is the marker `{secret: true}`. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly resources: readonly StateResource[];
  /** What was begun and not ended, in the state's order. */
  readonly pendingOperations: readonly (PendingOperation & { custom: boolean })[];
}

/**
 * The facts of a state, given as its JSON text (Pulumi's `UntypedDeployment`). Numbers in outputs are JavaScript's. Throws SlipwayError `invalid_state` when the text is no state.
 */
export function factsOf(text: string): StateFacts {
  return named("invalid_state", () => {
    const { snapshot } = readStateDocument(text);
    const resources = snapshot.resources.map(describeResource);
    const own = resources.filter(({ type }) => type !== STACK_TYPE && providerPackage(type) === undefined);
    return {
      resourceCount: resources.length,
      ownResourceCount: own.length,
      plugins: pluginsOf(snapshot),
      outputs: outputsOf(snapshot),
      resources,
      pendingOperations: snapshot.operations.map(({ type, resource }) => ({
        operation: type,
        urn: resource.urn,
        type: stringMember(resource, "type"),
        name: urnParts(resource.urn)?.name ?? resource.urn,
        custom: flagMember(resource, "custom"),
      })),
    };
  });
}

function describeResource(resource: Resource): StateResource {
  return {
    urn: resource.urn,
    type: stringMember(resource, "type"),
    name: urnParts(resource.urn)?.name ?? resource.urn,
    id: stringMember(resource, "id") || null,
    parent: stringMember(resource, "parent") || null,
    provider: stringMember(resource, "provider") || null,
    protect: flagMember(resource, "protect"),
    external: flagMember(resource, "external"),
    pendingDeletion: flagMember(resource, "delete"),
  };
}

/** From the resources of providers: the manifest of a journaled state lists no plugins. One that an older CLI wrote adds what it knows. */
function pluginsOf(snapshot: Snapshot): { name: string; version: string | null }[] {
  const found = new Map<string, { name: string; version: string | null }>();
  const add = (name: string, version: string | null) =>
    found.set(`${name}@${version ?? ""}`, { name, version });
  for (const resource of snapshot.resources) {
    const type = providerPackage(stringMember(resource, "type"));
    if (type === undefined) continue;
    const inputs = memberOf(resource, "inputs");
    const known = ProviderInputs.parse(inputs === undefined ? {} : JSON.parse(rawText(inputs)));
    // A parameterised provider keeps the plugin that serves it apart from the package that programs see.
    const internal = known.__internal;
    const version = internal?.parameterization === undefined ? known.version : internal.version;
    add(internal?.name ?? type, version ?? null);
  }
  const manifest = snapshot.members.get("manifest");
  const listed = Manifest.parse(manifest === undefined ? {} : JSON.parse(rawText(manifest)))?.plugins ?? [];
  for (const { name, type, version } of listed) {
    if (type !== "resource" || [...found.values()].some((known) => known.name === name)) continue;
    add(name, version || null);
  }
  return [...found.values()].sort(byNameAndVersion);
}

function byNameAndVersion(
  a: { name: string; version: string | null },
  b: { name: string; version: string | null },
): number {
  return compare(a.name, b.name) || compare(a.version ?? "", b.version ?? "");
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function outputsOf(snapshot: Snapshot): Record<string, unknown> {
  const root = snapshot.resources.find(
    (resource) => stringMember(resource, "type") === STACK_TYPE && stringMember(resource, "parent") === "",
  );
  const outputs = root === undefined ? undefined : memberOf(root, "outputs");
  const values: unknown = outputs === undefined ? undefined : JSON.parse(rawText(outputs));
  if (values === null || typeof values !== "object") return {};
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, withoutSecrets(value)]));
}

/** Recursion is bounded by the nesting that a state may have. `Object.fromEntries` makes members, never prototypes. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (value === null || typeof value !== "object") return value;
  if (Object.getOwnPropertyDescriptor(value, SIGNATURE)?.value === SECRET_MARK) return { secret: true };
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutSecrets(item)]));
}
