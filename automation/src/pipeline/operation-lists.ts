import type { DeploymentOperation } from "../contract/deployments.ts";

/** Every step that an operation can have, in the words that events and the console show. */
export type StepName =
  | "prepare"
  | "build"
  | "test"
  | "gates-before"
  | "reconcile"
  | "preview"
  | "consent"
  | "policy"
  | "seal"
  | "approval"
  | "update"
  | "refresh"
  | "destroy"
  | "detect-drift"
  | "ship"
  | "gates-after"
  | "release";

/** What each operation does, in order. An operation that came later is in no earlier version. */
export type OperationLists = Readonly<
  Record<Exclude<DeploymentOperation, "remediate-drift">, readonly StepName[]> & {
    "remediate-drift"?: readonly StepName[];
  }
>;

/**
 * The lists of each version of the operations that this program can run. A deployment keeps the version that it was queued with, so that a worker of a later program
 * continues it as it began. A list that has been in a release is never changed: a step that is added, left out, moved or given another meaning makes a new version, whose
 * worker still has the old ones.
 *
 * A rollback neither builds nor tests: it takes the artifacts of its release. Version 3 ships after an update, which does nothing but on the target aws.
 */
export const OPERATION_LISTS: Readonly<Record<number, OperationLists>> = {
  1: {
    preview: ["prepare", "build", "preview"],
    update: ["prepare", "build", "test", "gates-before", "preview", "update", "gates-after", "release"],
    refresh: ["prepare", "refresh"],
    destroy: ["prepare", "destroy"],
    rollback: ["prepare", "preview", "update", "gates-after", "release"],
    "detect-drift": ["prepare", "detect-drift"],
  },
  2: {
    preview: ["prepare", "build", "preview", "policy", "seal"],
    update: [
      "prepare",
      "build",
      "test",
      "gates-before",
      "preview",
      "policy",
      "seal",
      "approval",
      "update",
      "gates-after",
      "release",
    ],
    refresh: ["prepare", "preview", "seal", "approval", "refresh"],
    destroy: ["prepare", "preview", "consent", "policy", "seal", "approval", "destroy"],
    rollback: [
      "prepare",
      "reconcile",
      "preview",
      "consent",
      "policy",
      "seal",
      "approval",
      "update",
      "gates-after",
      "release",
    ],
    "detect-drift": ["prepare", "detect-drift"],
    "remediate-drift": [
      "prepare",
      "preview",
      "policy",
      "seal",
      "approval",
      "update",
      "gates-after",
      "release",
    ],
  },
  3: {
    preview: ["prepare", "build", "preview", "policy", "seal"],
    update: [
      "prepare",
      "build",
      "test",
      "gates-before",
      "preview",
      "policy",
      "seal",
      "approval",
      "update",
      "ship",
      "gates-after",
      "release",
    ],
    refresh: ["prepare", "preview", "seal", "approval", "refresh"],
    destroy: ["prepare", "preview", "consent", "policy", "seal", "approval", "destroy"],
    rollback: [
      "prepare",
      "reconcile",
      "preview",
      "consent",
      "policy",
      "seal",
      "approval",
      "update",
      "ship",
      "gates-after",
      "release",
    ],
    "detect-drift": ["prepare", "detect-drift"],
    "remediate-drift": [
      "prepare",
      "preview",
      "policy",
      "seal",
      "approval",
      "update",
      "ship",
      "gates-after",
      "release",
    ],
  },
};
