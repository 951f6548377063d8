import type { SlipwayError } from "../errors.ts";

/** Where AWS is reached and as whom. Credentials are those that the SDK finds in `env` (variables, profile, web identity, instance). */
export interface AwsSettings {
  region: string;
  /** Another address of every service: a private endpoint, or a stand-in in tests. */
  endpoint: string | undefined;
}

/** What every task on AWS is given. */
export interface AwsContext extends AwsSettings {
  /** A line for people; never a secret. */
  tell: (line: string) => void;
  signal: AbortSignal;
}

/** How a part of a task ended: reported one by one, so that the first failure does not hide what was done before. */
export interface PartOutcome {
  part: string;
  state: "succeeded" | "failed" | "not-started";
  detail: string;
  durationMs: number;
}

/** How a task ended. `failure`: nothing that serves was changed unless it says so. */
export type TaskOutcome<T> = { parts: readonly PartOutcome[] } & (
  | { state: "succeeded"; result: T }
  | { state: "failed"; failure: SlipwayError }
);
