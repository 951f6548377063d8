import { z } from "zod";
import type { ReadResource } from "../../drift/record.ts";
import { countDrift, sentenceOf } from "../../drift/rules.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { failedEngine, runEngine } from "../run-engine.ts";

/** What the runner adds to the event of a resource that was read; see engine/drift-facts.ts. */
const DriftEvent = z.object({
  drift: z.object({
    class: z.enum(["same", "gone", "input-changed", "output-only"]),
    changes: z.array(
      z.object({
        path: z.string(),
        side: z.enum(["input", "output"]),
        before: z.string().nullable(),
        after: z.string().nullable(),
        valueDigest: z.string(),
        formOnly: z.boolean(),
        sealed: z.boolean(),
      }),
    ),
  }),
  resOutputsEvent: z.object({ metadata: z.object({ urn: z.string(), type: z.string() }) }),
});

/** Compares the state with what the providers read now. Changes nothing: neither a resource nor the state. Values go into no event. */
export async function detectDrift(run: AttemptRun): Promise<StepOutcome> {
  const read = new Map<string, ReadResource>();
  const outcome = await runEngine(run, "detect-drift", "detect-drift", {}, (raw) => {
    const parsed = DriftEvent.safeParse(raw);
    if (!parsed.success) return;
    const { drift, resOutputsEvent } = parsed.data;
    const { urn, type } = resOutputsEvent.metadata;
    // The program's own step for a resource comes after what its provider has answered, and says nothing of that.
    if (drift.class === "same" && read.has(urn)) return;
    read.set(urn, { urn, resourceType: type, ...drift });
    const changed = drift.changes.filter(({ formOnly }) => !formOnly);
    if (drift.class === "same" || (drift.class !== "gone" && changed.length === 0)) return;
    run.events.emit({
      type: "resource",
      step: "detect-drift",
      urn,
      resourceType: type,
      name: urn.split("::").at(-1) ?? urn,
      operation: drift.class,
      state: "planned",
      changedProperties: changed.map(({ path }) => path),
    });
  });
  if (outcome.status !== "succeeded") return failedEngine(run, "detect-drift", outcome);
  run.results.drift = [...read.values()];
  return { state: "succeeded", detail: sentenceOf(countDrift(differing(run.results.drift))) };
}

function differing(read: readonly ReadResource[]): { class: Exclude<ReadResource["class"], "same"> }[] {
  return read.flatMap(({ class: kind, changes }) =>
    kind === "same" || (kind !== "gone" && changes.every(({ formOnly }) => formOnly))
      ? []
      : [{ class: kind }],
  );
}
