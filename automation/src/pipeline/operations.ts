import type { DeploymentOperation, DeploymentOptions } from "../contract/deployments.ts";
import { SlipwayError } from "../errors.ts";
import type { StepName } from "./operation-lists.ts";
import { OPERATION_LISTS } from "./operation-lists.ts";

export type { StepName } from "./operation-lists.ts";

/** Versions of the operations that this program can run, in order. A worker claims no deployment of another one. */
export const KNOWN_VERSIONS: readonly number[] = Object.keys(OPERATION_LISTS)
  .map(Number)
  .sort((a, b) => a - b);

/** What this program queues. */
export const OPERATION_VERSION: number = Math.max(...KNOWN_VERSIONS);

/** The steps that begin to change a stack's resources or its state. Each does so by updates of the engine, which the state backend has started before. */
export const BEGINNING_STEPS: readonly StepName[] = ["update", "refresh", "destroy"];

/** The steps after whose start the stack's resources may have changed: from here on nothing is ever run twice. */
export const CHANGING_STEPS: readonly StepName[] = [
  "update",
  "refresh",
  "destroy",
  "ship",
  "gates-after",
  "release",
];

/** Known to leave the stack's resources as they are. */
const LOOKING_STEPS: readonly string[] = [
  "prepare",
  "build",
  "test",
  "gates-before",
  "reconcile",
  "preview",
  "consent",
  "policy",
  "seal",
  "approval",
  "detect-drift",
] satisfies StepName[];

/** The first of these steps that may have changed resources. A name that a later program gave to a step counts as one: nobody here knows better. */
export function changingStepOf(startedSteps: readonly string[]): string | undefined {
  return startedSteps.find((step) => !LOOKING_STEPS.includes(step));
}

/**
 * The steps of one deployment: those of its operation in its version, without the ones that its options leave out. Throws SlipwayError `internal` for a version that this program does
 * not know.
 */
export function stepsOf(
  operation: DeploymentOperation,
  options: DeploymentOptions,
  version: number,
): StepName[] {
  const steps = OPERATION_LISTS[version]?.[operation];
  if (steps === undefined) {
    throw new SlipwayError(
      "internal",
      `${operation} in version ${version} of the operations is not known here`,
      {
        remedy: `This program knows ${KNOWN_VERSIONS.join(", ")}: run one that is as new as what queued the deployment.`,
      },
    );
  }
  return steps.filter(
    (step) =>
      !(step === "preview" && options.skipPreview === true && operation !== "preview") &&
      !(step === "test" && options.skipTests === true),
  );
}

/** For so long a gate's verdict on the world before an update is one on the world of now. */
export const GATE_KEEPS_MS = 600_000;

/** What an earlier attempt recorded of a step. `ageMs`: since then, by the database's clock. */
export interface RecordedStep {
  state: string;
  result: unknown;
  ageMs: number;
}

/**
 * Whether a successor goes by what an earlier attempt recorded of a step, and does not do it again. What a step only found out is kept: artifacts of a build, passed tests, the
 * answer of a preview that was all that was asked for, and gates before the update while their verdict is fresh. What leaves files in the attempt's own folder is done again
 * (`prepare`; the preview whose plan binds the update), and a step that may have changed resources is never continued at all.
 */
export function isKept(
  step: StepName,
  operation: DeploymentOperation,
  recorded: RecordedStep | undefined,
): boolean {
  if (recorded?.state !== "succeeded") return false;
  switch (step) {
    case "build":
    case "test":
    // What is approved later names the state that it left.
    case "reconcile":
      return true;
    case "gates-before":
      return recorded.ageMs < GATE_KEEPS_MS;
    case "preview":
      return operation === "preview";
    default:
      return false;
  }
}
