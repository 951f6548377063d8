import type { Document } from "yaml";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { CanaryPlan, ShipLimits } from "../contract/aws/ship.ts";
import { Gate, GateName as ServiceName, SourcePath } from "../contract/gates.ts";
import { SlipwayError } from "../errors.ts";
import { nearest } from "./nearest.ts";

const Argv = z.array(z.string().min(1).max(10_000)).min(1);
/** One command, or several that run one after another. */
const Commands = z
  .union([Argv, z.array(Argv).min(1)])
  .transform((value): string[][] =>
    value.map((one) => one).every((one) => typeof one === "string")
      ? [value as string[]]
      : (value as string[][]),
  );

const Service = z
  .strictObject({
    path: SourcePath,
    build: Commands.optional(),
    test: Commands.optional(),
    /** The folder below `path` that the build leaves behind for the program. */
    artifact: SourcePath,
    /** On AWS: the folder below `artifact` whose folders are functions, each named as the stack's manifest names it. */
    functions: SourcePath.optional(),
    /** On AWS: the folder below `artifact` that is the site. */
    site: SourcePath.optional(),
    /** The file below `site` that is generated from the stack's manifest. */
    siteConfig: SourcePath.optional(),
  })
  .refine(
    ({ site, siteConfig }) => (siteConfig === undefined) === (site === undefined),
    "has only one of site and siteConfig: the user interface must be told where its API is",
  );
export type Service = z.infer<typeof Service>;

/** How new versions of functions begin to serve on AWS. Without it each takes everything as soon as all of them have passed their smoke call. */
const Ship = z.strictObject({
  canary: CanaryPlan.optional(),
  limits: ShipLimits.prefault({}),
});
export type Ship = z.infer<typeof Ship>;

const ReleaseData = z
  .strictObject({
    schema: z.enum(["expand", "contract"]).optional(),
    level: z.int().min(0).max(1_000_000).default(0),
    rollbackFloor: z.int().min(0).max(1_000_000).optional(),
  })
  .refine(
    ({ level, rollbackFloor }) => rollbackFloor === undefined || rollbackFloor <= level,
    "has a rollbackFloor above its own level: not even this version could work with what it leaves",
  );

function countWith(services: Readonly<Record<string, Service>>, key: "site" | "functions"): number {
  return Object.values(services).filter((service) => service[key] !== undefined).length;
}

export const Manifest = z.strictObject({
  services: z
    .record(ServiceName, Service)
    .default({})
    .refine(
      (services) => countWith(services, "site") <= 1,
      "has more than one site: the manifest of a stack has one",
    )
    .refine(
      (services) => countWith(services, "functions") <= 1,
      "has functions in more than one service: the manifest of a stack has one list of them",
    ),
  ship: Ship.optional(),
  gates: z
    .array(Gate)
    .default([])
    .refine(
      (gates) => new Set(gates.map((gate) => `${gate.phase} ${gate.name}`)).size === gates.length,
      "repeats a gate's name",
    ),
  /** Policy packs of the project's own. They add to those that the stack must satisfy, and take nothing away. */
  policies: z
    .array(
      z.strictObject({
        path: SourcePath,
        /** Only stacks whose config names this `slipway:target`: a pack about AWS has nothing to say of another. Default: every stack. */
        target: z.string().min(1).optional(),
        config: z.record(z.string(), z.unknown()).default({}),
      }),
    )
    .max(20)
    .default([])
    .refine((packs) => new Set(packs.map((one) => one.path)).size === packs.length, "repeats a pack's path"),
  /** What a rollback past this version must know of its data; see rollbacks/irreversible.ts. */
  release: ReleaseData.optional(),
  install: z.strictObject({ workspaces: z.array(SourcePath).default([]) }).default({ workspaces: [] }),
});
export type Manifest = z.infer<typeof Manifest>;

/** What a project without slipway.yaml has. */
export const EMPTY_MANIFEST: Manifest = {
  services: {},
  gates: [],
  policies: [],
  install: { workspaces: [] },
};

/**
 * Parses slipway.yaml. Throws `slipway_yaml_invalid` that names file and line of each mistake, and for an unknown key the nearest known one;
 * `details.issues` holds them as `{path, message}`.
 */
export function parseManifest(text: string, file = "slipway.yaml"): Manifest {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw invalid(
      document.errors.map((error) => ({
        path: `${file}:${lines.linePos(error.pos[0]).line}`,
        message: error.message,
      })),
    );
  }
  const parsed = Manifest.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (parsed.success) return parsed.data;
  throw invalid(parsed.error.issues.flatMap((issue) => explain(issue, document, lines, file)));
}

interface Issue {
  path: string;
  message: string;
}

function explain(
  issue: z.core.$ZodIssue,
  document: Document.Parsed,
  lines: LineCounter,
  file: string,
): Issue[] {
  const at = (keys: PropertyKey[]): string => `${file}:${lineOf(document, lines, keys)}`;
  const place = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const near = nearest(key, knownKeys(issue.path));
      const hint =
        near === undefined ? `known here: ${knownKeys(issue.path).join(", ")}` : `did you mean '${near}'?`;
      return {
        path: at([...issue.path, key]),
        message: `unknown key '${[place, key].filter(Boolean).join(".")}'; ${hint}`,
      };
    });
  }
  return [{ path: at(issue.path), message: place === "" ? issue.message : `${place}: ${issue.message}` }];
}

function invalid(issues: Issue[]): SlipwayError {
  const shown = issues.map((issue) => `${issue.path}: ${issue.message}`).join("; ");
  return new SlipwayError("slipway_yaml_invalid", shown, {
    remedy: "Correct slipway.yaml; nothing has been recorded or changed.",
    details: { issues },
  });
}

/** The line of the deepest part of a path that is in the document; of a key, not of its value. */
function lineOf(document: Document.Parsed, lines: LineCounter, keys: PropertyKey[]): number {
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const offset = offsetOf(document, keys.slice(0, depth));
    if (offset !== undefined) return lines.linePos(offset).line;
  }
  return 1;
}

interface PairLike {
  key: { value?: unknown; range?: [number, number, number] };
}

function offsetOf(document: Document.Parsed, keys: PropertyKey[]): number | undefined {
  const last = keys.at(-1);
  const parent = keys.length === 1 ? document.contents : document.getIn(keys.slice(0, -1), true);
  if (typeof parent !== "object" || parent === null || !("items" in parent) || !Array.isArray(parent.items))
    return undefined;
  if (typeof last === "number") {
    const item = parent.items[last] as { range?: [number, number, number] } | undefined;
    return item?.range?.[0];
  }
  const pair = (parent.items as PairLike[]).find((one) => String(one.key?.value) === String(last));
  return pair?.key.range?.[0];
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
}

/** The keys that the schema has at a path. */
function knownKeys(keys: PropertyKey[]): string[] {
  let node = z.toJSONSchema(Manifest, { io: "input", unrepresentable: "any" }) as SchemaNode | undefined;
  for (const key of keys) {
    if (typeof key === "number") node = node?.items;
    else
      node =
        node?.properties?.[String(key)] ??
        (typeof node?.additionalProperties === "object" ? node.additionalProperties : undefined);
  }
  return Object.keys(node?.properties ?? {});
}
