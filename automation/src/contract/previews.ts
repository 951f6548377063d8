import { z } from "zod";

/** What stands for every secret value, before as after. */
export const SECRET_VALUE = "[secret]";

/** One property that a step sets out to change. Values are as the program and the state have them; a secret is SECRET_VALUE, what is not known before the update is null with `known: false`. */
export const PropertyChange = z.object({
  /** As Pulumi writes it: `tags.owner`, `rules[0].port`. */
  path: z.string(),
  kind: z.enum(["add", "delete", "update"]),
  /** Whether this property is why the resource is replaced. */
  replaces: z.boolean(),
  before: z.unknown(),
  after: z.unknown(),
  /** False: the value after is only known during the update. */
  known: z.boolean(),
});
export type PropertyChange = z.infer<typeof PropertyChange>;

/** The engine's words, what can lose something first. A word that is not among them may be anything, and comes before all. */
export const OPERATIONS_BY_DANGER: readonly string[] = [
  "replace",
  "delete",
  "discard",
  "update",
  "create",
  "import",
  "read",
  "refresh",
  "same",
];

/** Path of a change that is none of a property: the option that keeps a resource from being deleted is taken away. The engine calls that `same`. */
export const PROTECT_OPTION = "options.protect";

/** What a preview says about one resource. */
export const PlannedStep = z
  .object({
    urn: z.string(),
    type: z.string(),
    name: z.string(),
    /** The engine's own word: same, create, update, replace, delete, read, refresh, import ...; also one that nobody here knows. */
    operation: z.string(),
    /** Reference to its provider, `<urn>::<id>`; null for components and providers. */
    provider: z.string().nullable(),
    parent: z.string().nullable(),
    /** URNs of what it needs, by the exact edges of the program and its properties. */
    dependencies: z.array(z.string()),
    protect: z.boolean(),
    changes: z.array(PropertyChange),
  })
  .meta({ id: "PlannedStep" });
export type PlannedStep = z.infer<typeof PlannedStep>;

/** A preview without its values: what needs what. Numbers are places in `nodes`. */
export const PlannedGraph = z
  .object({
    attempt: z.int(),
    /** Fewer resources are kept than there were. */
    truncated: z.boolean(),
    nodes: z.array(
      // Type and name are parts of the URN.
      PlannedStep.pick({ urn: true, operation: true, protect: true }).extend({
        parent: z.int().nullable(),
        dependencies: z.array(z.int()),
        /** Properties that make it a replacement, and whether their new value is known before the update. */
        replacing: z.array(PropertyChange.pick({ path: true, known: true })),
      }),
    ),
  })
  .meta({ id: "PlannedGraph" });
export type PlannedGraph = z.infer<typeof PlannedGraph>;
