import { z } from "zod";
import { chosenGroups, ValidationGroup, ValidationSettings } from "./aws/validation.ts";
import { Instant } from "./identifiers.ts";

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;
/** A pass needs so many measurements, whatever a gate says of itself. */
export const LEAST_MEASUREMENTS = 3;
/** How long a change may bake when nothing is said: a metric gate after the update. */
export const DEFAULT_BAKE_SECONDS = 300;
export const DEFAULT_BAKE_INTERVAL_SECONDS = 10;
export const DEFAULT_SETTLE_SECONDS = 60;
export const DEFAULT_SETTLE_INTERVAL_SECONDS = 1;

export const GateName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1-63 of a-z, 0-9 and '-', starting with a letter");
export const GatePhase = z.enum(["before", "after"]);
export type GatePhase = z.infer<typeof GatePhase>;
export const GateVerdict = z.enum(["pass", "fail", "inconclusive", "error"]);
export type GateVerdict = z.infer<typeof GateVerdict>;

/** A file or folder below the project's root. */
export const SourcePath = z
  .string()
  .min(1)
  .max(1000)
  .refine(isBelowRoot, "must be a path below the project's folder");
const Argv = z.array(z.string().min(1).max(10_000)).min(1).max(1000);

/** What may stand between `{{` and `}}` in an address, a path or a query. */
const TEMPLATE_NAMES = ["organisation", "project", "stack", "deployment", "window"] as const;
const TEMPLATE = /\{\{\s*([^{}]*?)\s*\}\}/g;

const Template = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .superRefine((text, context) => {
      const wrong = wrongTemplate(text);
      if (wrong !== undefined) context.addIssue({ code: "custom", message: wrong });
    });
const HttpAddress = Template(2000).refine(
  isHttpAddress,
  "must be an http or https address without credentials",
);

/** A comparison with a number: `< 0.05`, `>= 10`, `== 0`. */
export const Comparison = z
  .string()
  .regex(
    /^\s*(<=|>=|==|!=|<|>)\s*-?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?\s*$/,
    "must compare with a number, such as '< 0.05'; one of < <= > >= == !=",
  );
const Percent = z.number().min(0).max(100);

export const HttpCheck = z
  .strictObject({
    url: HttpAddress.optional(),
    /** The stack output that holds the base URL. */
    output: z.string().min(1).optional(),
    path: Template(2000)
      .refine((value) => value.startsWith("/"), "must start with '/'")
      .optional(),
    expectStatus: z.int().min(100).max(599).default(200),
    /** Each key must be in the answer with this value; other keys do not matter. */
    expectJson: z.record(z.string(), z.unknown()).optional(),
    /** Each header must be there and hold this text; upper and lower case of its name do not matter. */
    expectHeaders: z
      .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "is no name of a header"), z.string())
      .optional(),
    /** A slower answer, body included, fails. */
    maxLatencyMs: z
      .number()
      .positive()
      .max(HOUR_SECONDS * 1000)
      .optional(),
  })
  .refine(
    (check) => (check.url === undefined) !== (check.output === undefined),
    "needs exactly one of 'url' and 'output'",
  );
export type HttpCheck = z.infer<typeof HttpCheck>;

/** An instant query at the HTTP API of a Prometheus, or of what speaks like one. */
export const MetricCheck = z
  .strictObject({
    /** Without /api/v1. */
    url: HttpAddress.optional(),
    /** The stack output that holds the base URL. */
    output: z.string().min(1).optional(),
    query: Template(10_000),
    /** Alone: everything else fails. With failIf: what is neither is inconclusive. */
    successIf: Comparison.optional(),
    failIf: Comparison.optional(),
    /** How long after the update the first sample of it can be asked for. */
    scrapeDelaySeconds: z.number().min(0).max(HOUR_SECONDS).default(15),
  })
  .refine(
    (check) => (check.url === undefined) !== (check.output === undefined),
    "needs exactly one of 'url' and 'output'",
  )
  .refine(
    (check) => check.successIf !== undefined || check.failIf !== undefined,
    "needs 'successIf', 'failIf' or both",
  );
export type MetricCheck = z.infer<typeof MetricCheck>;

/** Shares in percent that a report of lcov or Cobertura must reach. */
export const CoverageCheck = z
  .strictObject({
    file: SourcePath,
    /** Left out: told by what the file begins with. */
    format: z.enum(["lcov", "cobertura"]).optional(),
    lines: Percent.optional(),
    branches: Percent.optional(),
    functions: Percent.optional(),
  })
  .refine(
    ({ lines, branches, functions }) => (lines ?? branches ?? functions) !== undefined,
    "needs at least one of 'lines', 'branches' and 'functions'",
  );
export type CoverageCheck = z.infer<typeof CoverageCheck>;

/** What reports in JUnit's XML must say together. */
export const TestsCheck = z.strictObject({
  /** Files, or folders of which all *.xml are read. */
  files: z.array(SourcePath).min(1).max(100),
  maxFailures: z.int().min(0).default(0),
  /** An empty report says nothing about the tests. */
  minTests: z.int().min(1).default(1),
});
export type TestsCheck = z.infer<typeof TestsCheck>;

export const CategoryCheck = z
  .strictObject({
    name: GateName,
    command: Argv.optional(),
    /** Where the command runs. */
    path: SourcePath.optional(),
    timeoutSeconds: z.number().positive().max(HOUR_SECONDS).default(600),
    coverage: CoverageCheck.optional(),
    tests: TestsCheck.optional(),
  })
  .refine(
    (check) => [check.command, check.coverage, check.tests].filter((one) => one !== undefined).length === 1,
    "needs exactly one of 'command', 'coverage' and 'tests'",
  )
  .refine((check) => check.path === undefined || check.command !== undefined, "'path' is for a command");
export type CategoryCheck = z.infer<typeof CategoryCheck>;

/** Several checks of one kind of quality, and how many of them must pass. */
export const Category = z
  .strictObject({
    /** `6/6`: how many must pass, of how many there are. The second number is written so that no check goes missing unseen. */
    require: z.string().regex(/^\d{1,4}\/\d{1,4}$/, "must be like '6/6'"),
    checks: z.array(CategoryCheck).min(1).max(1000),
  })
  .superRefine(({ require, checks }, context) => {
    const [needed = 0, all = 0] = require.split("/").map(Number);
    const say = (message: string, path: string) =>
      context.addIssue({ code: "custom", message, path: [path] });
    if (all !== checks.length) say(`says ${all} checks, but there are ${checks.length}`, "require");
    if (needed < 1 || needed > all) say(`must ask for 1 to ${all}`, "require");
    if (new Set(checks.map(({ name }) => name)).size !== checks.length)
      say("repeats a check's name", "checks");
  });
export type Category = z.infer<typeof Category>;

/**
 * When a gate is measured. With `bakeSeconds` it bakes: measured until that time is over, and passes only then. Without, it settles: it ends as soon as `measurements` in a row
 * agree, and at `maxSeconds` without a pass.
 */
export const Interval = z
  .strictObject({
    warmUpSeconds: z.number().min(0).max(HOUR_SECONDS).optional(),
    intervalSeconds: z.number().min(0.1).max(HOUR_SECONDS).optional(),
    /** So many measurements in a row decide: all passed, or all failed. Fewer than three count as three. */
    measurements: z.int().min(1).max(1000).optional(),
    /** A gate that has not decided by then ends without a pass. */
    maxSeconds: z.number().positive().max(DAY_SECONDS).optional(),
    bakeSeconds: z.number().positive().max(DAY_SECONDS).optional(),
  })
  .superRefine((interval, context) => {
    const { bakeSeconds, intervalSeconds, measurements = LEAST_MEASUREMENTS, maxSeconds } = interval;
    const say = (message: string, path: string) =>
      context.addIssue({ code: "custom", message, path: [path] });
    if (bakeSeconds !== undefined) {
      for (const key of ["measurements", "maxSeconds"] as const)
        if (interval[key] !== undefined) say("is not for a gate that bakes: its bake says when it ends", key);
      if ((LEAST_MEASUREMENTS - 1) * (intervalSeconds ?? DEFAULT_BAKE_INTERVAL_SECONDS) > bakeSeconds)
        say(`leaves no time for ${LEAST_MEASUREMENTS} measurements: it could never pass`, "bakeSeconds");
      return;
    }
    const needed = Math.max(LEAST_MEASUREMENTS, measurements);
    const gap = intervalSeconds ?? DEFAULT_SETTLE_INTERVAL_SECONDS;
    if ((needed - 1) * gap > (maxSeconds ?? DEFAULT_SETTLE_SECONDS))
      say(`leaves no time for ${needed} measurements: it could never pass`, "maxSeconds");
  });
export type Interval = z.infer<typeof Interval>;

/** Looks at all that a stack on AWS consists of, as `slipway validate` does: groups of checks, all without any. */
export const ValidateCheck = z
  .strictObject({
    only: z.array(ValidationGroup).min(1).optional(),
    except: z.array(ValidationGroup).min(1).optional(),
    settings: ValidationSettings.prefault({}),
    timeoutSeconds: z.number().positive().max(HOUR_SECONDS).default(900),
  })
  .refine((choice) => chosenGroups(choice).length > 0, "leaves no group to check");
export type ValidateCheck = z.infer<typeof ValidateCheck>;

export const GATE_KINDS = ["http", "command", "metric", "category", "coverage", "tests", "validate"] as const;
export type GateKind = (typeof GATE_KINDS)[number];

/** A check before or after an update, as slipway.yaml or a stack's settings have it. */
export const Gate = z
  .strictObject({
    name: GateName,
    phase: GatePhase,
    required: z.boolean().default(true),
    /** Measured and shown, and never decides. */
    dryRun: z.boolean().default(false),
    http: HttpCheck.optional(),
    command: Argv.optional(),
    metric: MetricCheck.optional(),
    category: Category.optional(),
    coverage: CoverageCheck.optional(),
    tests: TestsCheck.optional(),
    validate: ValidateCheck.optional(),
    timeoutSeconds: z.number().positive().max(HOUR_SECONDS).default(10),
    /** Left out: an http gate settles, a metric gate bakes after the update, everything else is measured once. */
    interval: Interval.optional(),
    /** What an answer without a value comes to. Left out: inconclusive. */
    noData: z.enum(["pass", "fail"]).optional(),
    /** http and metric after the update: whether it is also measured once before. Left out: true. */
    baseline: z.boolean().optional(),
  })
  .superRefine((gate, context) => {
    const kinds = GATE_KINDS.filter((kind) => gate[kind] !== undefined);
    const say = (message: string, ...path: string[]) => context.addIssue({ code: "custom", message, path });
    if (kinds.length !== 1)
      return say(
        `needs exactly one of ${GATE_KINDS.map((kind) => `'${kind}'`)
          .join(", ")
          .replace(/, ([^,]*)$/, " and $1")}`,
      );
    const looks = gate.http ?? gate.metric;
    if (looks === undefined) {
      if (gate.noData !== undefined) say("is for http and metric gates", "noData");
      if (gate.baseline === true) say("is for http and metric gates", "baseline");
      if (gate.interval !== undefined && gate.command === undefined)
        say("is not for what is read from files: it is measured once", "interval");
    }
    if (gate.phase === "after") return;
    if (gate.validate !== undefined) say("is for gates after the update", "validate");
    const texts = [gate.http?.url, gate.http?.path, gate.metric?.url, gate.metric?.query];
    if (looks?.output !== undefined || texts.some((text) => text !== undefined && namesOutput(text)))
      say("a gate before the update cannot read an output");
    if (texts.some((text) => text !== undefined && templateNames(text).includes("window")))
      say("a gate before the update has no window");
    if (gate.baseline !== undefined) say("is for gates after the update", "baseline");
  });
export type Gate = z.infer<typeof Gate>;

/** One look at what a gate watches. */
export const Measurement = z.object({
  at: Instant,
  /** Seconds since its warm-up was over. */
  afterSeconds: z.number().default(0),
  verdict: GateVerdict,
  /** What was seen, in one sentence. */
  detail: z.string(),
  /** What was compared: a metric's value, an answer's milliseconds, a share in percent, a count. Null: there is no number. */
  value: z.number().nullable().default(null),
});
export type Measurement = z.infer<typeof Measurement>;

/** A line that a value is held against. */
export const GateThreshold = z.object({
  /** What it means when the comparison holds. */
  means: z.enum(["pass", "fail"]),
  operator: z.enum(["<", "<=", ">", ">=", "==", "!="]),
  value: z.number(),
});
export type GateThreshold = z.infer<typeof GateThreshold>;

/** A gate's result with all that it came from. */
export const GateEvidence = z
  .object({
    name: z.string(),
    phase: GatePhase,
    kind: z.enum(GATE_KINDS).nullable(),
    /** Who asks for it: the project's slipway.yaml, or the stack's settings on the server. */
    source: z.enum(["project", "stack"]),
    required: z.boolean(),
    dryRun: z.boolean(),
    verdict: GateVerdict,
    detail: z.string(),
    measuredAt: Instant,
    /** It failed before the update too: this update is not why. */
    unhealthyBefore: z.boolean(),
    /** The look before the update; null: there was none. */
    baseline: Measurement.nullable(),
    thresholds: z.array(GateThreshold),
    /** Of the values: ms, %, passed ...; null: as the metric has it. */
    unit: z.string().nullable(),
    /** How it was measured, in words. */
    timing: z.string().nullable(),
    measurements: z.array(Measurement),
    /** How many were made; of very many only the first and the last are kept. */
    measured: z.int(),
    /** What its commands printed, without secrets; the beginning is cut when it is long. */
    output: z.string().nullable(),
  })
  .meta({ id: "GateEvidence" });
export type GateEvidence = z.infer<typeof GateEvidence>;

/** A gate that a stack's deployments must pass whatever their source says. */
export const RequiredGate = z
  .object({ gate: Gate, setBy: z.string(), setAt: Instant })
  .meta({ id: "RequiredGate" });
export type RequiredGate = z.infer<typeof RequiredGate>;

/** `version` counts the changes of the list: it is part of what an approval is bound to. */
export const RequiredGates = z
  .object({ version: z.int(), items: z.array(RequiredGate) })
  .meta({ id: "RequiredGates" });
export type RequiredGates = z.infer<typeof RequiredGates>;

/** Names used in a text: `outputs.<name>`, or one of TEMPLATE_NAMES. */
function templateNames(text: string): string[] {
  return [...text.matchAll(TEMPLATE)].map(([, name = ""]) => name);
}

/** The text with each template replaced. */
export function fillTemplate(text: string, find: (name: string) => string): string {
  return text.replace(TEMPLATE, (_, name: string) => find(name));
}

function namesOutput(text: string): boolean {
  return templateNames(text).some((name) => name.startsWith("outputs."));
}

function wrongTemplate(text: string): string | undefined {
  const known = (name: string) =>
    (TEMPLATE_NAMES as readonly string[]).includes(name) || /^outputs\.[^\s.{}]+$/.test(name);
  const wrong = templateNames(text).find((name) => !known(name));
  if (wrong !== undefined)
    return `has the unknown template '{{ ${wrong} }}'; known are outputs.<name>, ${TEMPLATE_NAMES.join(", ")}`;
  return /\{\{|\}\}/.test(text.replace(TEMPLATE, "")) ? "has a template that does not end" : undefined;
}

function isHttpAddress(text: string): boolean {
  const filled = fillTemplate(text, () => "x");
  if (!/^https?:\/\//i.test(filled)) return false;
  try {
    const { username, password } = new URL(filled);
    return username === "" && password === "";
  } catch {
    // The address alone is wrong; the refusal says so.
    return false;
  }
}

function isBelowRoot(value: string): boolean {
  if (/[\0\n\\]/.test(value) || value.startsWith("/")) return false;
  let depth = 0;
  for (const part of value.split("/")) {
    if (part === "" || part === ".") continue;
    depth += part === ".." ? -1 : 1;
    if (depth < 0) return false;
  }
  return true;
}
