import { systemClock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { PartOutcome } from "./task.ts";

/** The parts of a task, each not started until it is run. */
export interface Parts {
  /** Runs a part; what it answers as `detail` is what people read. What it throws marks it failed and is thrown on. */
  run<T>(part: string, work: () => Promise<{ detail: string; value: T }>): Promise<T>;
  /** In the order in which they were planned. */
  outcomes(): readonly PartOutcome[];
}

/** Plans the parts of a task, and tells each one's end in a line. */
export function planParts(planned: readonly string[], tell: (line: string) => void): Parts {
  const outcomes = new Map<string, PartOutcome>(
    planned.map((part) => [part, { part, state: "not-started", detail: "", durationMs: 0 }]),
  );
  return {
    run: async (part, work) => {
      const startMs = systemClock.monotonicMs();
      const end = (state: "succeeded" | "failed", detail: string) => {
        const durationMs = Math.round(systemClock.monotonicMs() - startMs);
        outcomes.set(part, { part, state, detail, durationMs });
        tell(`${part}: ${state === "failed" ? "failed: " : ""}${detail}`);
      };
      try {
        const { detail, value } = await work();
        end("succeeded", detail);
        return value;
      } catch (thrown) {
        end("failed", messageOf(thrown));
        throw thrown;
      }
    },
    outcomes: () => [...outcomes.values()],
  };
}
