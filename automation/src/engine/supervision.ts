import type { RunnerMessage } from "./runner-protocol.ts";

/** What a request needs of the runner around it. */
export interface Supervision {
  /** The attempt's private folder. */
  attemptDir: string;
  /** Set only where a containment finds its processes by a mark in their environment. */
  extraEnvironment: Readonly<Record<string, string>>;
  /** Tells the guardian whom an interrupt is for: the process alone, or its whole process group. */
  childStarted(pid: number, kind: "process" | "group"): void;
  childEnded(): void;
  /** True once the running request has been interrupted. */
  isInterrupted(): boolean;
  send(message: RunnerMessage): void;
}
