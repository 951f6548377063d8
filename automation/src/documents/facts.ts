import type { AwsManifest } from "../contract/aws/manifest.ts";
import type { Shipment } from "../contract/aws/shipment.ts";
import type { ChecklistItem } from "../contract/readiness.ts";
import type { Release } from "../contract/releases.ts";
import type { SecretSlotState } from "../contract/secret-versions.ts";
import type { StackName } from "../stacks/store.ts";

/** What a deployment did at each of its steps. */
export interface StepFact {
  name: string;
  state: string;
  startedAt: Date | null;
  finishedAt: Date | null;
  detail: string | null;
}

/** What a gate said. */
export interface GateFact {
  name: string;
  phase: string;
  kind: string | null;
  required: boolean;
  verdict: string;
  detail: string;
  measuredAt: Date;
}

/** Everything that documents of a release say: what is recorded, and nothing of the moment at which they are made. */
export interface DocumentFacts {
  stack: StackName;
  release: Release;
  deployment: {
    id: string;
    number: number;
    operation: string;
    skippedTests: boolean;
    startedAt: Date | null;
    finishedAt: Date | null;
    steps: readonly StepFact[];
  };
  /** Keys of its config; values are nobody's business. */
  config: readonly { key: string; secret: boolean }[];
  /** Null: not of the target aws. */
  manifest: AwsManifest | null;
  gates: readonly GateFact[];
  /** Groups of the newest validation, with how many checks passed and failed. */
  validation: readonly { group: string; passed: number; failed: number }[];
  shipment: Shipment | null;
  votes: readonly { by: string; verdict: string; at: Date }[];
  signOffs: readonly { by: string; at: Date; comment: string; checklist: readonly ChecklistItem[] }[];
  secrets: readonly SecretSlotState[];
  /** The newest good release before it; null: none. */
  previousGood: number | null;
  /** Stacks after it in its project's order. */
  next: readonly string[];
}
