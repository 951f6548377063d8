import type { DeploymentOperation, DeploymentOptions } from "../contract/deployments.ts";

/** Every step that an operation can have, in the words that events and the console show. */
export type StepName =
  | "prepare"
  | "build"
  | "test"
  | "gates-before"
  | "preview"
  | "update"
  | "refresh"
  | "destroy"
  | "gates-after"
  | "release";

/** What each operation does, in order. A rollback neither builds nor tests: it takes the artifacts of its release. */
export const OPERATIONS: Readonly<Record<DeploymentOperation, readonly StepName[]>> = {
  preview: ["prepare", "build", "preview"],
  update: ["prepare", "build", "test", "gates-before", "preview", "update", "gates-after", "release"],
  refresh: ["prepare", "refresh"],
  destroy: ["prepare", "destroy"],
  rollback: ["prepare", "preview", "update", "gates-after", "release"],
};

/** The steps after whose start the stack's resources may have changed: from here on nothing is ever run twice. */
export const CHANGING_STEPS: readonly StepName[] = ["update", "refresh", "destroy", "gates-after", "release"];

/** The steps of one deployment: those of its operation without the ones that its options leave out. */
export function stepsOf(operation: DeploymentOperation, options: DeploymentOptions): StepName[] {
  return OPERATIONS[operation].filter(
    (step) =>
      !(step === "preview" && options.skipPreview === true && operation !== "preview") &&
      !(step === "test" && options.skipTests === true),
  );
}
