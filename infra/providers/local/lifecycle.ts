import type { KeeperClient } from "./keeper-client.ts";
import type { ResourceKind } from "./resource-kind.ts";
import { hasUnknown, isRecord, type Properties, plain, sameValue, secret, UNKNOWN } from "./values.ts";

export interface CheckFailure {
  property: string;
  reason: string;
}

/** Inputs with their defaults, still with all marks, and what is wrong with them. Values that are not known yet are left for the update. */
export function checkInputs(
  kind: ResourceKind,
  news: Properties,
): { inputs: Properties; failures: CheckFailure[] } {
  const inputs: Properties = {};
  const failures: CheckFailure[] = [];
  for (const property of Object.keys(news)) {
    if (!Object.hasOwn(kind.inputs, property) && !property.startsWith("__")) {
      failures.push({
        property,
        reason: `no such input; the inputs are ${Object.keys(kind.inputs).join(", ")}`,
      });
    }
  }
  for (const [property, schema] of Object.entries(kind.inputs)) {
    const given = news[property] ?? undefined;
    if (hasUnknown(given)) {
      inputs[property] = given;
      continue;
    }
    const parsed = schema.safeParse(plain(given));
    if (parsed.success) {
      // What was given keeps its marks; only a default has none.
      const value = given === undefined ? parsed.data : given;
      if (value !== undefined) inputs[property] = value;
    } else {
      for (const issue of parsed.error.issues) {
        failures.push({ property: [property, ...issue.path].join("."), reason: issue.message });
      }
    }
  }
  return { inputs, failures };
}

/** The names of the inputs that differ, and those of them that mean a replacement. */
export function diffInputs(
  kind: ResourceKind,
  oldInputs: Properties,
  state: Properties,
  news: Properties,
): { changed: string[]; replaces: string[] } {
  const bareState = barely(state);
  const changed = Object.keys(kind.inputs).filter((name) => {
    if (hasUnknown(news[name])) return true;
    const before = kind.comparable(name, plain(oldInputs[name]), bareState);
    const after = kind.comparable(name, plain(news[name]), bareState);
    return !sameValue(before, after);
  });
  const { replacedBy } = kind;
  const replaces =
    replacedBy === "every input" ? changed : changed.filter((name) => replacedBy.includes(name));
  return { changed, replaces };
}

/** The state of a resource: its inputs as they were given, marks included, and what the keeper told. */
export function outputsFor(kind: ResourceKind, inputs: Properties, computed: Properties): Properties {
  const marked = Object.entries(computed).map(([name, value]) => [
    name,
    kind.secrets.includes(name) ? secret(value) : value,
  ]);
  return { ...inputs, ...Object.fromEntries(marked) };
}

/** The state as a preview of a create shows it. */
export function unknownOutputs(kind: ResourceKind, inputs: Properties): Properties {
  return { ...Object.fromEntries(kind.computed.map((name) => [name, UNKNOWN])), ...inputs };
}

/** Reads a resource. Undefined when it is gone; otherwise its state, and inputs in which whatever differs from the real thing shows the real thing. */
export async function readResource(
  kind: ResourceKind,
  keeper: KeeperClient,
  id: string,
  knownInputs: Properties,
): Promise<{ outputs: Properties; inputs: Properties } | undefined> {
  const found = await kind.read(keeper, id);
  if (found === undefined) return undefined;
  const inputs: Properties = { ...knownInputs };
  for (const [name, actual] of Object.entries(found.inputs)) {
    const known = plain(inputs[name]);
    const merged =
      isRecord(known) && isRecord(actual) && name === "bundle" ? { ...known, ...actual } : actual;
    if (!sameValue(known, merged)) inputs[name] = merged;
  }
  return { outputs: outputsFor(kind, inputs, found.computed), inputs };
}

function barely(state: Properties): Properties {
  const bare = plain(state);
  return isRecord(bare) ? bare : {};
}
