import path from "node:path";
import type { Document } from "yaml";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { SlipwayError } from "../errors.ts";
import { nearest } from "./nearest.ts";

const ServiceName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1-63 of a-z, 0-9 and '-', starting with a letter");
/** A folder or file below the project's root. */
const RelativePath = z
  .string()
  .min(1)
  .max(1000)
  .refine((value) => isInside(value), "must be a path below the project's folder");
const Argv = z.array(z.string().min(1).max(10_000)).min(1);
/** One command, or several that run one after another. */
const Commands = z
  .union([Argv, z.array(Argv).min(1)])
  .transform((value): string[][] =>
    value.map((one) => one).every((one) => typeof one === "string")
      ? [value as string[]]
      : (value as string[][]),
  );

const HOUR_SECONDS = 3600;

const Service = z.strictObject({
  path: RelativePath,
  build: Commands.optional(),
  test: Commands.optional(),
  /** The folder below `path` that the build leaves behind for the program. */
  artifact: RelativePath,
});
export type Service = z.infer<typeof Service>;

const HttpCheck = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }).optional(),
    /** The stack output that holds the base URL. */
    output: z.string().min(1).optional(),
    path: z.string().startsWith("/").optional(),
    expectStatus: z.int().min(100).max(599).default(200),
    /** Each key must be in the answer with this value; other keys do not matter. */
    expectJson: z.record(z.string(), z.unknown()).optional(),
  })
  .refine(
    (check) => (check.url === undefined) !== (check.output === undefined),
    "needs exactly one of 'url' and 'output'",
  );
export type HttpCheck = z.infer<typeof HttpCheck>;

const Interval = z.strictObject({
  warmUpSeconds: z.number().min(0).max(HOUR_SECONDS).default(0),
  intervalSeconds: z.number().min(0.1).max(HOUR_SECONDS).default(1),
  /** So many measurements in a row decide: all passed, or all failed. */
  measurements: z.int().min(1).max(1000).default(3),
  /** A gate that has not decided by then ends without a pass. */
  maxSeconds: z
    .number()
    .positive()
    .max(24 * HOUR_SECONDS)
    .default(60),
});
export type Interval = z.infer<typeof Interval>;

export const Gate = z
  .strictObject({
    name: ServiceName,
    phase: z.enum(["before", "after"]),
    required: z.boolean().default(true),
    http: HttpCheck.optional(),
    command: Argv.optional(),
    timeoutSeconds: z.number().positive().max(HOUR_SECONDS).default(10),
    /** Left out: an http gate is measured until three in a row agree, a command gate once. */
    interval: Interval.optional(),
  })
  .refine(
    (gate) => (gate.http === undefined) !== (gate.command === undefined),
    "needs exactly one of 'http' and 'command'",
  )
  .refine(
    (gate) => gate.phase === "after" || gate.http?.output === undefined,
    "a gate before the update cannot read an output",
  );
export type Gate = z.infer<typeof Gate>;

export const Manifest = z.strictObject({
  services: z.record(ServiceName, Service).default({}),
  gates: z
    .array(Gate)
    .default([])
    .refine(
      (gates) => new Set(gates.map((gate) => `${gate.phase} ${gate.name}`)).size === gates.length,
      "repeats a gate's name",
    ),
  install: z.strictObject({ workspaces: z.array(RelativePath).default([]) }).default({ workspaces: [] }),
});
export type Manifest = z.infer<typeof Manifest>;

/** What a project without slipway.yaml has. */
export const EMPTY_MANIFEST: Manifest = { services: {}, gates: [], install: { workspaces: [] } };

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

function isInside(value: string): boolean {
  const normal = path.posix.normalize(value);
  return (
    !path.posix.isAbsolute(value) && normal !== ".." && !normal.startsWith("../") && !/[\0\n\\]/.test(value)
  );
}
