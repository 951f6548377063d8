import { RESOURCE_TYPES } from "../components/aws/resource-types.ts";
import { ALLOWED_VALUES } from "./allowed-values.ts";
import type { Declared } from "./graph.ts";
import type { Properties, ProviderSchema, Shape } from "./provider-schema.ts";
import { unwrapSecret } from "./secrets.ts";

/** What is wrong with the inputs of a resource: properties that its type does not have, that are missing, of another type, or with a value that AWS does not know. */
export function inputProblems({ type, name, inputs }: Declared, schema: ProviderSchema): string[] {
  const properties = schema.resources[type];
  if (properties === undefined) return [`${type} ${name}: the type is not in the list`];
  const listed: readonly string[] = RESOURCE_TYPES[type as keyof typeof RESOURCE_TYPES] ?? [];
  const unlisted = Object.keys(inputs)
    .filter((key) => inputs[key] !== undefined && !listed.includes(key))
    .map((key) => `${key}: is not in the list of inputs`);
  const problems = objectProblems(inputs, properties, schema, { type, path: "" });
  return [...unlisted, ...problems].map((problem) => `${type} ${name}: ${problem}`);
}

interface At {
  type: string;
  path: string;
}

function objectProblems(
  given: Readonly<Record<string, unknown>>,
  properties: Properties,
  schema: ProviderSchema,
  at: At,
): string[] {
  const path = (key: string) => (at.path === "" ? key : `${at.path}.${key}`);
  const unknown = Object.keys(given)
    .filter((key) => given[key] !== undefined && properties[key] === undefined)
    .map((key) => `${path(key)}: there is no such property`);
  const wrong = Object.entries(properties).flatMap(([key, property]) => {
    const value = unwrapSecret(given[key]);
    if (value === undefined) return property.required ? [`${path(key)}: is missing`] : [];
    return valueProblems(value, property.shape, schema, { ...at, path: path(key) });
  });
  return [...unknown, ...wrong];
}

function valueProblems(given: unknown, shape: Shape, schema: ProviderSchema, at: At): string[] {
  const value = unwrapSecret(given);
  const wrong = (wanted: string) => [`${at.path}: must be ${wanted}, is ${JSON.stringify(value)}`];
  switch (shape.kind) {
    case "anything":
      return [];
    case "archive":
      return typeof value === "object" ? [] : wrong("an archive");
    case "string":
    case "number":
    case "boolean": {
      if (typeof value !== shape.kind) return wrong(`a ${shape.kind}`);
      const allowed = ALLOWED_VALUES[`${at.type}#${at.path}`];
      return allowed === undefined || allowed.includes(String(value))
        ? []
        : wrong(`one of ${allowed.join(", ")}`);
    }
    case "known":
      return shape.values.includes(String(value)) ? [] : wrong(`one of ${shape.values.join(", ")}`);
    case "array":
      if (!Array.isArray(value)) return wrong("a list");
      return value.flatMap((item) => valueProblems(item, shape.of, schema, { ...at, path: `${at.path}[]` }));
    case "map":
      if (!isObject(value)) return wrong("a map");
      return Object.entries(value).flatMap(([key, item]) =>
        valueProblems(item, shape.of, schema, { ...at, path: `${at.path}.${key}` }),
      );
    case "object": {
      if (!isObject(value)) return wrong("an object");
      return objectProblems(value, schema.objects[shape.name] ?? {}, schema, at);
    }
    case "either": {
      const tries = shape.of.map((one) => valueProblems(value, one, schema, at));
      return tries.find((problems) => problems.length === 0) ?? tries[0] ?? [];
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
