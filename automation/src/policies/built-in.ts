import { matchesType } from "../approvals/stateful-types.ts";
import type { ProtectedTypes, RequiredTags } from "../contract/policies.ts";
import type { PlannedStep } from "../contract/previews.ts";

/** What a built-in policy says of one resource. */
export interface BuiltInFinding {
  urn: string;
  message: string;
}

/** A preview lists so many changes of a resource at most. */
const LISTED_CHANGES = 200;

/** Operations after which a resource is there with the inputs that the program gives it. */
const KEEPING: readonly string[] = ["create", "update", "replace", "import"];
/** Operations that leave what there was. */
const HARMLESS: readonly string[] = ["same", "create", "update", "read", "refresh", "import"];

/**
 * Resources that would be without a tag that their type must have. Of one that is created each tag must be set; of one that is changed none may be taken away, and what it had before counts as it is. A
 * tag whose value is only known during the update is set.
 */
export function missingTags(
  steps: readonly PlannedStep[],
  { types, property }: RequiredTags,
): BuiltInFinding[] {
  const wanted = Object.entries(types);
  return steps.flatMap((step) => {
    if (!KEEPING.includes(step.operation)) return [];
    const tags = new Set(
      wanted.filter(([glob]) => matchesType(step.type, glob)).flatMap(([, names]) => names),
    );
    const absent = [...tags].filter((tag) => !hasTag(step, property, tag));
    if (absent.length === 0) return [];
    const named = absent.map((tag) => `'${tag}'`).join(", ");
    return [
      {
        urn: step.urn,
        message: `${step.name} (${step.type}) would be without ${absent.length === 1 ? "the tag" : "the tags"} ${named} in '${property}'`,
      },
    ];
  });
}

/** Resources of protected types that would be deleted or replaced, or to which something would be done that nobody here knows. */
export function protectedChanges(steps: readonly PlannedStep[], { types }: ProtectedTypes): BuiltInFinding[] {
  return steps.flatMap((step) => {
    if (HARMLESS.includes(step.operation) || !types.some((glob) => matchesType(step.type, glob))) return [];
    const because = step.changes.filter(({ replaces }) => replaces).map(({ path }) => path);
    const why = because.length === 0 ? "" : `, because of ${because.join(", ")}`;
    const done =
      step.operation === "replace"
        ? "replaced"
        : step.operation === "delete"
          ? "deleted"
          : `changed by '${step.operation}'`;
    return [
      {
        urn: step.urn,
        message: `${step.name} is of the protected type ${step.type} and would be ${done}${why}`,
      },
    ];
  });
}

function hasTag(step: PlannedStep, property: string, tag: string): boolean {
  const isNew = step.operation === "create" || step.operation === "import";
  const paths = [`${property}.${tag}`, `${property}[${JSON.stringify(tag)}]`];
  const own = step.changes.find(({ path }) => paths.includes(path));
  if (own !== undefined) return own.kind !== "delete" && (!own.known || isSet(own.after));
  const whole = step.changes.find(({ path }) => path === property);
  if (whole !== undefined) {
    if (whole.kind === "delete") return false;
    return !whole.known || (isRecord(whole.after) && isSet(whole.after[tag]));
  }
  // Of what was there already only differences are listed: what is not among them is as it was. Of one with more changes than are listed nobody can say it, and then it is not so.
  return !isNew && step.changes.length < LISTED_CHANGES;
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
