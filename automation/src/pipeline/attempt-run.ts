import type { Claim } from "../attempts/store.ts";
import type { GateResult } from "../contract/deployments.ts";
import type { Gate } from "../contract/gates.ts";
import type { PlannedStep } from "../contract/previews.ts";
import type { IrreversibleStep } from "../contract/verification.ts";
import type { Failure } from "../deployments/completion.ts";
import type { ReadResource } from "../drift/record.ts";
import type { AttemptContainment } from "../engine/attempt.ts";
import type { PlannedProvider } from "../engine/planned-steps.ts";
import type { ConfigEntry, RequestOutcome } from "../engine/runner-protocol.ts";
import { SlipwayError } from "../errors.ts";
import type { MeasuredRun } from "../figures/rules.ts";
import type { Promoted } from "../promotions/store.ts";
import type { PinnedRelease } from "../releases/store.ts";
import type { Plan, PlanFile } from "../seals/plan-file.ts";
import type { ProjectFiles } from "../sources/project-files.ts";
import type { StateFacts } from "../state/journal/facts.ts";
import type { AttemptSpans } from "./attempt-spans.ts";
import type { WorkerContext } from "./context.ts";
import type { EventWriter } from "./event-writer.ts";
import type { RecordedStep, StepName } from "./operations.ts";
import { isKept } from "./operations.ts";
import type { LaidPolicies, PacksSaid } from "./policy-types.ts";
import type { ResourceAccount } from "./resource-account.ts";
import type { ChangingUpdate } from "./settle-updates.ts";

/** What `prepare` laid out for the steps after it. All paths are absolute. */
export interface Prepared {
  workDir: string;
  files: ProjectFiles;
  config: Record<string, ConfigEntry>;
  /** Values that must not leave the containment in clear. */
  secrets: string[];
  /** Of the config: where AWS is and as whom it is reached. */
  aws: Record<string, string>;
  /** For commands of the project: builds, tests, gates. */
  commandEnvironment: Record<string, string>;
  /** For the engine; each request adds its token and the artifacts' file. */
  engineEnvironment: Record<string, string>;
}

/** A service's artifact as the program is told of it. */
export interface BuiltArtifact {
  name: string;
  digest: string;
}

/** One attempt at work. Steps read what steps before them left in `results`. */
export interface AttemptRun {
  readonly context: WorkerContext;
  readonly claim: Claim;
  readonly containment: AttemptContainment;
  /** 0700 folder of this attempt alone. */
  readonly folder: string;
  readonly events: EventWriter;
  readonly spans: AttemptSpans;
  /** Aborted when the attempt should stop: cancelled, drained, or its lease lost. */
  readonly stop: AbortSignal;
  /** rollback: what is gone back to. */
  readonly pinned: PinnedRelease | null;
  /** What is taken over from another stack's release instead of building it. */
  readonly promoted: Promoted | null;
  readonly account: ResourceAccount;
  /** What earlier attempts recorded, by step. Ask `keptResult`, which knows what of it still counts. */
  readonly earlier: ReadonlyMap<string, RecordedStep>;
  /** The update of an earlier attempt that did what the deployment is for, when one did: only what follows is left to do. */
  readonly completed: ChangingUpdate | undefined;
  /** Why it must not run at all: its source and config crash whoever runs them. */
  readonly refusal: string | null;
  /** Why it must not begin any more: refused meanwhile, or the stack is frozen since a rollback failed. */
  readonly halted: Failure | null;
  /** That its stack required when the attempt began. */
  readonly requiredGates: readonly Gate[];
  readonly results: {
    prepared?: Prepared;
    artifacts: BuiltArtifact[];
    /** What binds the update: the plan of this attempt's preview. */
    planFile?: PlanFile;
    /** What this attempt's own preview said. `plan`: of an update, before anything of it was left open. */
    previewed?: {
      steps: readonly PlannedStep[];
      counts: Readonly<Record<string, number>>;
      providers: readonly PlannedProvider[];
      plan: Plan | null;
    };
    /** The seal of what is about to run, and how that is bound to it. */
    sealed?: { digest: string; binding: "exact" | "equivalent" };
    /** Of the engine operation that changed the stack. */
    engine?: RequestOutcome;
    /** Of the state that it left. */
    facts?: Pick<StateFacts, "outputs" | "plugins">;
    /** How long build and test took for each service. */
    serviceRuns: MeasuredRun[];
    gates: GateResult[];
    /** What a rollback cannot undo, by this attempt's preview. `covered`: the stack agreed to it beforehand, so that nothing delays it. `asks`: it waits for consent to them. */
    rollback?: { covered: boolean; asks: boolean; steps: readonly IrreversibleStep[] };
    /** What the stack and its source must satisfy; not there for operations that no policy looks at. */
    policies?: LaidPolicies;
    /** What packs said during the engine's last operation. */
    packs?: PacksSaid;
    /** Of a drift check: what was read of each resource. */
    drift?: ReadResource[];
    /** Whether the stack has a manifest of what the pipeline puts in place; known once the update is complete. */
    ships?: boolean;
    /** Recorded, its health not yet decided. */
    release?: { id: string; number: number };
  };
}

/** How a step ended. `stopped`: because the attempt stops. */
export type StepOutcome =
  | { state: "succeeded"; detail?: string; result?: unknown }
  | { state: "skipped"; detail: string }
  | { state: "failed"; failure: Failure }
  /** It waits for people: the attempt ends, and another one goes on when they have decided. */
  | { state: "waits"; detail: string; asks?: "votes" }
  /** What was approved is so no more, or was not approved: nothing has been changed. */
  | { state: "over"; status: "stale" | "rejected" | "expired"; failure: Failure }
  | { state: "stopped" };

export type Step = (run: AttemptRun) => Promise<StepOutcome>;

/** What `prepare` left. Throws when it did not run: a mistake in the list of steps. */
export function preparedOf(run: AttemptRun): Prepared {
  const { prepared } = run.results;
  if (prepared === undefined) throw new Error("a step ran before 'prepare'");
  return prepared;
}

/** The record of an earlier attempt that stands for a step now; undefined when the step is to be done. */
export function keptResult(run: AttemptRun, step: StepName): RecordedStep | undefined {
  const recorded = run.earlier.get(step);
  return isKept(step, run.claim.operation, recorded) ? recorded : undefined;
}

/** Turns what a step threw into its failure. */
export function failureOf(code: string, error: unknown): Failure {
  if (error instanceof SlipwayError) {
    return { code: error.code, detail: error.message, remedy: error.remedy ?? null };
  }
  return { code, detail: error instanceof Error ? error.message : String(error), remedy: null };
}
