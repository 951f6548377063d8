import type { RequestOutcome, RunnerMessage, RunnerRequest } from "./runner-protocol.ts";

/** How sure we are that everything an attempt started is gone when its containment ends. */
export type ContainmentLevel = "pid-namespace" | "cgroup" | "weak";

/** A process, told from others that had its number before. */
export interface SeenProcess {
  pid: number;
  startedAt: string;
}

/** The two processes on whose end the kernel has ended a whole containment. */
export interface ContainmentProcesses {
  guardian: SeenProcess;
  init: SeenProcess;
}

/** How a containment ended. */
export interface ContainmentEnd {
  reason: "closed" | "deadline" | "lost-parent" | "killed" | "crashed";
  /** True once no process of the containment is left; the stack may only be freed then. */
  empty: boolean;
}

/**
 * One attempt's containment with its guardian outside and its runner inside. Made ahead of need: it stands ready until the
 * first `run`, so that Node's start time is not paid by a deployment.
 */
export interface AttemptContainment {
  readonly level: ContainmentLevel;
  /** Guardian and first process of the containment, as this machine names them; once both are gone, nothing of it is left. Null where that cannot be told so. */
  readonly processes: ContainmentProcesses | null;
  /** Told of each rung of the ladder when it is reached; replaces an earlier listener. */
  onRung(listener: (rung: "interrupted" | "terminated") => void): void;
  /** Runs one request and resolves with its outcome. Never throws for a failed command or deployment; throws SlipwayError `containment_ended` when the containment ended first. */
  run(request: RunnerRequest, onMessage: (message: RunnerMessage) => void): Promise<RequestOutcome>;
  /** Moves the guardian's deadline to `remainingMs` from `askedAtMonotonicMs`, which the caller took before it asked the database to renew. */
  renew(askedAtMonotonicMs: number, remainingMs: number): void;
  /** Walks the ladder on the running request: exactly one SIGINT to the CLI, then after `graceMs` terminate, then kill. Idempotent. */
  interrupt(graceMs: number): void;
  /** Ends everything at once (a lost lease). */
  kill(): void;
  /** Ends an idle containment and waits until it is empty. */
  close(): Promise<ContainmentEnd>;
  readonly ended: Promise<ContainmentEnd>;
}

/** What is needed to make a containment. */
export interface ContainmentOptions {
  /** Node 24 binary that runs guardian and runner. */
  nodePath: string;
  /** First deadline, from now, in milliseconds. The guardian ends the containment when it passes without a renewal. */
  deadlineMs: number;
  /** Folder that belongs to this attempt, for logs and work; 0700. */
  attemptDir: string;
  /** Where Node keeps the compiled code of guardian and runner between starts. */
  compileCache?: string;
}
