import { z } from "zod";

/**
 * What the worker and the runner inside a containment say to each other: one JSON object a line.
 * The worker sends `RunnerRequest`s one after another (never two at once); the runner answers each with any number of
 * `output` and `engine-event` messages and exactly one `finished` that carries the request's id.
 */

/** The value of a key of a Pulumi config: in clear, or sealed as the state backend opens it. */
export const ConfigEntry = z.union([
  z.strictObject({ value: z.string() }),
  z.strictObject({ secure: z.string() }),
]);
export type ConfigEntry = z.infer<typeof ConfigEntry>;

export const EngineOperation = z.enum([
  "preview",
  "preview-refresh",
  "preview-destroy",
  "update",
  "refresh",
  "destroy",
  "detect-drift",
]);
export type EngineOperation = z.infer<typeof EngineOperation>;

/** Options of one engine operation. Each has a visible effect on the CLI's arguments; none is dropped. */
export const EngineOptions = z.strictObject({
  targets: z.array(z.string()).optional(),
  targetDependents: z.boolean().optional(),
  replace: z.array(z.string()).optional(),
  /** Always passed explicitly, so that the CLI's own default never decides. */
  refresh: z.boolean(),
  parallel: z.int().min(1).max(256).optional(),
  /** detect-drift only: false reads by what the state says of the providers, for want of the program. */
  runProgram: z.boolean().optional(),
  message: z.string().optional(),
});
export type EngineOptions = z.infer<typeof EngineOptions>;

/** Runs one program (a build, a test, a gate's command, an installer) inside the containment. */
export const CommandRequest = z.strictObject({
  type: z.literal("command"),
  id: z.string(),
  argv: z.array(z.string()).min(1),
  cwd: z.string(),
  /** The whole environment of the command; nothing is inherited. */
  env: z.record(z.string(), z.string()),
  timeoutSeconds: z.number().positive(),
  /** Values that must never leave the runner in clear. */
  secrets: z.array(z.string()),
});
export type CommandRequest = z.infer<typeof CommandRequest>;

/** Runs one Pulumi operation on one stack in its own work dir. */
export const PulumiRequest = z.strictObject({
  type: z.literal("pulumi"),
  id: z.string(),
  operation: EngineOperation,
  /** Absolute path of the pulumi binary. */
  pulumiPath: z.string(),
  /** Folder that holds Pulumi.yaml; belongs to this attempt alone. */
  workDir: z.string(),
  /** Fully qualified: organisation/project/stack. It exists already. */
  stack: z.string(),
  /** The merged config of the stack: committed values overlaid by the server's. Written to a 0600 file outside workDir. */
  config: z.record(z.string(), ConfigEntry),
  options: EngineOptions,
  /** preview and update: packs that look at what they do, each with its config; folders with a PulumiPolicy.yaml and all that they need. */
  policyPacks: z
    .array(z.strictObject({ path: z.string(), config: z.record(z.string(), z.unknown()) }))
    .optional(),
  /** preview: where to save the plan. update: the plan that binds it. */
  planPath: z.string().optional(),
  /** Previews only: where to write what they said, as engine/planned-steps.ts has it. Values are too many and too private for the line protocol. */
  reportPath: z.string().optional(),
  /** Where the engine sends its spans (grpc://host:port); their parent is in the environment. */
  tracesTo: z.string().optional(),
  /** The environment of the CLI and of what it starts (PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN, PULUMI_HOME, ...); nothing is inherited. */
  env: z.record(z.string(), z.string()),
  /** Values that must never leave the runner in clear: those of the config, and the token of the state backend. */
  secrets: z.array(z.string()),
});
export type PulumiRequest = z.infer<typeof PulumiRequest>;

export const RunnerRequest = z.discriminatedUnion("type", [CommandRequest, PulumiRequest]);
export type RunnerRequest = z.infer<typeof RunnerRequest>;

/** How one request ended. `interrupted`: a signal of ours reached it, whatever its exit code was. */
export const RequestOutcome = z.strictObject({
  status: z.enum(["succeeded", "failed", "timed-out", "interrupted"]),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  durationMs: z.number(),
  /** pulumi only: engine error diagnostics, redacted, first failing line first. */
  errors: z.array(z.string()),
  /** pulumi only: how many resources were created, updated, replaced, deleted, same; empty when unknown. */
  changes: z.record(z.string(), z.int()),
});
export type RequestOutcome = z.infer<typeof RequestOutcome>;

export const RunnerMessage = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ready") }),
  z.strictObject({
    type: z.literal("output"),
    id: z.string(),
    stream: z.enum(["stdout", "stderr"]),
    line: z.string(),
  }),
  /** `event` is Pulumi's own apitype.EngineEvent, redacted, with nothing but what slimEvent leaves. */
  z.strictObject({
    type: z.literal("engine-event"),
    id: z.string(),
    event: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({ type: z.literal("finished"), id: z.string(), outcome: RequestOutcome }),
]);
export type RunnerMessage = z.infer<typeof RunnerMessage>;
