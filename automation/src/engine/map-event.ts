import { z } from "zod";
import type { EventBody } from "../contract/events.ts";
import { withoutColours } from "./engine-events.ts";
import { packFindingOf } from "./policy-events.ts";

/** Longer diagnostics are cut: one megabyte of a provider's words helps nobody. */
const MAX_MESSAGE_CHARACTERS = 16_000;
const MAX_PROPERTIES = 200;
const MS_PER_SECOND = 1_000;

/** The parts of Pulumi's apitype.EngineEvent that become events here. Source: sdk/go/common/apitype/events.go at 3.250.0. */
const StepMetadata = z.object({
  op: z.string(),
  urn: z.string(),
  type: z.string(),
  diffs: z.array(z.string()).nullish(),
  detailedDiff: z.record(z.string(), z.unknown()).nullish(),
});
const EngineEvent = z.object({
  preludeEvent: z.object({}).optional(),
  resourcePreEvent: z.object({ metadata: StepMetadata, planning: z.boolean().nullish() }).optional(),
  resOutputsEvent: z.object({ metadata: StepMetadata, planning: z.boolean().nullish() }).optional(),
  resOpFailedEvent: z.object({ metadata: StepMetadata }).optional(),
  diagnosticEvent: z
    .object({
      urn: z.string().nullish(),
      message: z.string(),
      severity: z.string(),
      ephemeral: z.boolean().nullish(),
    })
    .optional(),
  summaryEvent: z
    .object({
      resourceChanges: z.record(z.string(), z.int()).nullish(),
      durationSeconds: z.number().nullish(),
    })
    .optional(),
});

/** The event of ours that one engine event of `step` becomes; null for those that say nothing to people. Names of properties pass, values never do. */
export function eventOf(step: string, raw: Readonly<Record<string, unknown>>): EventBody | null {
  const finding = packFindingOf(raw);
  if (finding !== null) return { type: "policy", step, ...finding, message: cut(finding.message) };
  const parsed = EngineEvent.safeParse(raw);
  if (!parsed.success) return null;
  const { preludeEvent, resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent, summaryEvent } =
    parsed.data;
  // Config stays behind: only that the engine is at work is told.
  if (preludeEvent !== undefined) return { type: "engine", step, state: "started" };
  if (resourcePreEvent !== undefined) {
    if (resourcePreEvent.planning === true) return resource(step, resourcePreEvent.metadata, "planned");
    // Nothing is begun for a resource that stays as it is; its outputs event says all there is.
    return resourcePreEvent.metadata.op === "same"
      ? null
      : resource(step, resourcePreEvent.metadata, "started");
  }
  if (resOutputsEvent !== undefined) {
    return resOutputsEvent.planning === true ? null : resource(step, resOutputsEvent.metadata, "succeeded");
  }
  if (resOpFailedEvent !== undefined) return resource(step, resOpFailedEvent.metadata, "failed");
  if (diagnosticEvent !== undefined) {
    const message = withoutColours(diagnosticEvent.message).trimEnd();
    // Debug lines are the engine's talk with the program, a dozen for each resource.
    if (diagnosticEvent.ephemeral === true || diagnosticEvent.severity === "debug" || message === "")
      return null;
    return {
      type: "diagnostic",
      step,
      severity: severityOf(diagnosticEvent.severity),
      urn: diagnosticEvent.urn || null,
      message: cut(message),
    };
  }
  if (summaryEvent !== undefined) {
    return {
      type: "summary",
      step,
      changes: summaryEvent.resourceChanges ?? {},
      durationMs: Math.round((summaryEvent.durationSeconds ?? 0) * MS_PER_SECOND),
    };
  }
  return null;
}

function cut(message: string): string {
  return message.length <= MAX_MESSAGE_CHARACTERS
    ? message
    : `${message.slice(0, MAX_MESSAGE_CHARACTERS)} [${message.length - MAX_MESSAGE_CHARACTERS} more characters]`;
}

function resource(
  step: string,
  metadata: z.infer<typeof StepMetadata>,
  state: "planned" | "started" | "succeeded" | "failed",
): EventBody {
  const paths = metadata.detailedDiff ? Object.keys(metadata.detailedDiff) : (metadata.diffs ?? []);
  return {
    type: "resource",
    step,
    urn: metadata.urn,
    resourceType: metadata.type,
    name: metadata.urn.split("::").at(-1) ?? metadata.urn,
    operation: metadata.op,
    state,
    changedProperties: paths.slice(0, MAX_PROPERTIES),
  };
}

function severityOf(severity: string): "info" | "warning" | "error" {
  if (severity === "warning" || severity === "error") return severity;
  // `info#err` is what a program wrote to stderr.
  return "info";
}
