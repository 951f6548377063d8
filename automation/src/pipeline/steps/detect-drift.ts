import { z } from "zod";
import type { DriftedResource } from "../../contract/drift.ts";
import { DriftClass } from "../../contract/drift.ts";
import { countDrift, sentenceOf } from "../../drift/rules.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { failedEngine, runEngine } from "../run-engine.ts";

/** What the runner adds to the event of a resource that differs; see engine/drift-facts.ts. */
const DriftEvent = z.object({
  drift: z.object({
    class: DriftClass,
    changedProperties: z.array(z.string()),
    sealedProperties: z.array(z.string()),
  }),
  resOutputsEvent: z.object({ metadata: z.object({ urn: z.string(), type: z.string() }) }),
});

/** Compares the state with what the providers read now. Changes nothing: neither a resource nor the state. */
export async function detectDrift(run: AttemptRun): Promise<StepOutcome> {
  const found: DriftedResource[] = [];
  const outcome = await runEngine(run, "detect-drift", "detect-drift", undefined, (raw) => {
    const parsed = DriftEvent.safeParse(raw);
    if (!parsed.success) return;
    const { drift, resOutputsEvent } = parsed.data;
    const { urn, type } = resOutputsEvent.metadata;
    const resource = { urn, resourceType: type, name: urn.split("::").at(-1) ?? urn, ...drift };
    found.push(resource);
    run.events.emit({
      type: "resource",
      step: "detect-drift",
      urn,
      resourceType: type,
      name: resource.name,
      operation: drift.class,
      state: "planned",
      changedProperties: drift.changedProperties,
    });
  });
  if (outcome.status !== "succeeded") return failedEngine(run, "detect-drift", outcome);
  run.results.drift = found;
  return { state: "succeeded", detail: sentenceOf(countDrift(found)) };
}
