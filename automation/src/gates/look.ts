import type { GateVerdict, ValidateCheck } from "../contract/gates.ts";
import type { RequestOutcome } from "../engine/runner-protocol.ts";

/** What one look at what a gate watches came to. */
export interface Look {
  verdict: GateVerdict;
  /** What was seen, in one sentence. */
  detail: string;
  /** What was compared; null: there is no number. */
  value: number | null;
  /** What commands printed. */
  output?: string;
  /** The gate cannot be measured, now or later: nothing is won by another try. */
  cannotStart?: true;
}

/** How a gate's program ended and what it printed. */
export interface RanProgram {
  outcome: RequestOutcome;
  /** One sentence on how it ended that is no success. */
  failure: string;
  output: string;
}

/** What gates are measured in: an attempt of a deployment, or a person's own folder. */
export interface Surroundings {
  /** Of the stack that was updated; empty before. */
  outputs: Readonly<Record<string, unknown>>;
  /** Values of templates that are not outputs. */
  names: Readonly<Record<"organisation" | "project" | "stack" | "deployment", string>>;
  /** Where the source and the reports that its tests left lie. */
  folder: string;
  /** When the update ended, in milliseconds since 1970; null: there was none. */
  updateEndedAtMs: number | null;
  runProgram(argv: readonly string[], cwd: string, timeoutSeconds: number): Promise<RanProgram>;
  /** Validates the stack on AWS for the gate of that name. */
  validate(gate: string, check: ValidateCheck): Promise<Look>;
  nowMs(): number;
  signal: AbortSignal;
}

/** Says that a gate can never be measured as it is. */
export function cannotStart(detail: string): Look {
  return { verdict: "error", detail, value: null, cannotStart: true };
}
