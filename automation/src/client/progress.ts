import type { DeploymentStatus, GateResult, StepState } from "../contract/deployments.ts";
import type { DeploymentEvent, EventBody } from "../contract/events.ts";
import type { UpdateEvent } from "../contract/updates.ts";

type Body<Type extends EventBody["type"]> = Extract<EventBody, { type: Type }>;

/** `unknown`: it was in flight when its attempt was lost, and the successor has not reported on it. */
export type ResourceState = Body<"resource">["state"] | "unknown";

export interface ResourceProgress {
  readonly urn: string;
  readonly step: string;
  readonly name: string;
  readonly resourceType: string;
  readonly operation: string;
  readonly state: ResourceState;
  readonly changedProperties: readonly string[];
  /** Instants of the events that set it in motion and ended it; null while that has not happened. */
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

export interface StepProgress {
  readonly name: string;
  readonly state: StepState;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly detail: string | null;
}

export interface Diagnostic {
  readonly sequence: number;
  readonly at: string;
  readonly step: string;
  readonly severity: Body<"diagnostic">["severity"];
  readonly urn: string | null;
  readonly message: string;
}

export interface LogLine {
  readonly sequence: number;
  readonly at: string;
  readonly step: string;
  readonly stream: "stdout" | "stderr";
  readonly line: string;
}

export interface Rung {
  readonly at: string;
  readonly rung: Body<"stop">["rung"];
  readonly detail: string;
}

/** What the events of one deployment, or of one update, say so far. Plain data: two folds of the same events are deeply equal. */
export interface DeploymentProgress {
  /** The sequence to resume after. */
  readonly lastSequence: number;
  /** Events that never arrived: holes in the sequence of a deployment, told gaps of an update. */
  readonly missing: number;
  readonly attempt: number;
  readonly status: DeploymentStatus | null;
  readonly statusDetail: string | null;
  readonly steps: readonly StepProgress[];
  /** In the order of their first event. */
  readonly resources: readonly ResourceProgress[];
  readonly gates: readonly GateResult[];
  readonly diagnostics: readonly Diagnostic[];
  readonly log: readonly LogLine[];
  /** How it was stopped, rung by rung. */
  readonly ladder: readonly Rung[];
  /** Counts by operation, from the summary of each engine step. */
  readonly changes: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export const NO_PROGRESS: DeploymentProgress = {
  lastSequence: 0,
  missing: 0,
  attempt: 0,
  status: null,
  statusDetail: null,
  steps: [],
  resources: [],
  gates: [],
  diagnostics: [],
  log: [],
  ladder: [],
  changes: {},
};

/**
 * The progress after more events, which must be in ascending order of sequence. Events that were folded before (a resumed
 * stream repeats some) change nothing. Works on copies of the lists once per call, so that a batch of n costs n.
 */
export function foldEvents(
  progress: DeploymentProgress,
  events: readonly DeploymentEvent[],
): DeploymentProgress {
  return fold(progress, events, (draft, event) => {
    draft.missing += event.sequence - draft.lastSequence - 1;
    if (event.attempt > draft.attempt) {
      draft.attempt = event.attempt;
      draft.resources = draft.resources.map(withUnknownEnd);
    }
    apply(draft, event.sequence, event.at, event.body);
  });
}

/** The same for the events of an update, in which numbers may be left out and what is missing is told. */
export function foldUpdateEvents(
  progress: DeploymentProgress,
  events: readonly UpdateEvent[],
): DeploymentProgress {
  return fold(progress, events, (draft, { sequence, at, body }) => {
    if (body.type === "gap") draft.missing += body.to - body.from + 1;
    else apply(draft, sequence, at, body);
  });
}

/** The progress of what will tell no more: whatever was in flight has an end that nobody reported. */
export function endProgress(progress: DeploymentProgress): DeploymentProgress {
  return { ...progress, resources: progress.resources.map(withUnknownEnd) };
}

function withUnknownEnd(one: ResourceProgress): ResourceProgress {
  return one.state === "started" ? { ...one, state: "unknown" } : one;
}

function fold<Event extends { readonly sequence: number }>(
  progress: DeploymentProgress,
  events: readonly Event[],
  add: (draft: Draft, event: Event) => void,
): DeploymentProgress {
  const fresh = events.filter((event) => event.sequence > progress.lastSequence);
  if (fresh.length === 0) return progress;
  const draft: Draft = {
    ...progress,
    steps: [...progress.steps],
    resources: [...progress.resources],
    places: new Map(progress.resources.map((one, index) => [keyOf(one.step, one.urn), index])),
    gates: [...progress.gates],
    diagnostics: [...progress.diagnostics],
    log: [...progress.log],
    ladder: [...progress.ladder],
    changes: { ...progress.changes },
  };
  for (const event of fresh) {
    if (event.sequence <= draft.lastSequence) continue;
    add(draft, event);
    draft.lastSequence = event.sequence;
  }
  const { places: _, ...folded } = draft;
  return folded;
}

interface Draft {
  lastSequence: number;
  missing: number;
  attempt: number;
  status: DeploymentStatus | null;
  statusDetail: string | null;
  steps: StepProgress[];
  resources: ResourceProgress[];
  /** Index of each resource by step and URN. */
  places: Map<string, number>;
  gates: GateResult[];
  diagnostics: Diagnostic[];
  log: LogLine[];
  ladder: Rung[];
  changes: Record<string, Readonly<Record<string, number>>>;
}

function apply(draft: Draft, sequence: number, at: string, body: EventBody): void {
  switch (body.type) {
    case "status":
      draft.status = body.status;
      draft.statusDetail = body.detail;
      return;
    case "step":
      draft.steps = withStep(draft.steps, body, at);
      return;
    case "output":
      draft.log.push({ sequence, at, step: body.step, stream: body.stream, line: body.line });
      return;
    case "engine":
      // That its step runs is told already.
      return;
    case "resource":
      addResource(draft, body, at);
      return;
    case "diagnostic":
      draft.diagnostics.push({
        sequence,
        at,
        step: body.step,
        severity: body.severity,
        urn: body.urn,
        message: body.message,
      });
      return;
    case "summary":
      draft.changes[body.step] = body.changes;
      return;
    case "stop":
      draft.ladder.push({ at, rung: body.rung, detail: body.detail });
      return;
    case "policy":
      // What policies say is read as a whole, with what became of each: GET /v1/deployments/{id}/policies.
      return;
    case "gate":
      draft.gates = [
        ...draft.gates.filter((one) => one.name !== body.gate.name || one.phase !== body.gate.phase),
        body.gate,
      ];
      return;
  }
}

function withStep(steps: readonly StepProgress[], body: Body<"step">, at: string): StepProgress[] {
  const before = steps.find((one) => one.name === body.step);
  const after: StepProgress = {
    name: body.step,
    state: body.state,
    startedAt: body.state === "running" ? at : (before?.startedAt ?? null),
    finishedAt: body.state === "running" || body.state === "waiting" ? null : at,
    detail: body.detail,
  };
  if (before === undefined) return [...steps, after];
  return steps.map((one) => (one.name === body.step ? after : one));
}

const REPLACEMENT = new Set(["replace", "create-replacement", "delete-replaced"]);

function addResource(draft: Draft, body: Body<"resource">, at: string): void {
  const key = keyOf(body.step, body.urn);
  const place = draft.places.get(key);
  const before = place === undefined ? undefined : draft.resources[place];
  const isReplacement =
    REPLACEMENT.has(body.operation) || (before !== undefined && REPLACEMENT.has(before.operation));
  const after: ResourceProgress = {
    urn: body.urn,
    step: body.step,
    name: body.name,
    resourceType: body.resourceType,
    // A replacement is reported in up to three parts under one URN; a person sees one row.
    operation: isReplacement ? "replace" : body.operation,
    // Its later parts do not make good what failed.
    state: before?.state === "failed" && isReplacement ? "failed" : body.state,
    changedProperties:
      body.changedProperties.length > 0 ? body.changedProperties : (before?.changedProperties ?? []),
    startedAt: before?.startedAt ?? (body.state === "planned" ? null : at),
    finishedAt: body.state === "succeeded" || body.state === "failed" ? at : null,
  };
  if (place === undefined) {
    draft.places.set(key, draft.resources.length);
    draft.resources.push(after);
  } else {
    draft.resources[place] = after;
  }
}

function keyOf(step: string, urn: string): string {
  return `${step}\n${urn}`;
}

/**
 * One row a resource: what the newest engine step says of it, else what an earlier one (the preview) planned. Those that
 * need no change (`same`, and a `read`) come only with `includeUnchanged`.
 */
export function resourceRows(
  progress: DeploymentProgress,
  options: { includeUnchanged?: boolean } = {},
): ResourceProgress[] {
  const rows = new Map<string, ResourceProgress>();
  for (const one of progress.resources) rows.set(one.urn, one);
  const all = [...rows.values()];
  return options.includeUnchanged === true ? all : all.filter((one) => !isUnchanged(one));
}

/** Whether the resource needs no change, and did not fail either. */
export function isUnchanged(one: ResourceProgress): boolean {
  return (one.operation === "same" || one.operation === "read") && one.state !== "failed";
}

/** The line that a person needs first when a deployment did not succeed, or null. */
export function firstFailure(progress: DeploymentProgress): string | null {
  const diagnostic = progress.diagnostics.find((one) => one.severity === "error");
  if (diagnostic !== undefined) return firstLine(diagnostic.message);
  const gate = progress.gates.find((one) => one.required && one.verdict !== "pass");
  if (gate !== undefined) return `${gate.name}: ${gate.detail}`;
  const step = progress.steps.find((one) => one.state === "failed");
  if (step === undefined) return null;
  return step.detail === null ? `step ${step.name} failed` : firstLine(step.detail);
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? text
  );
}
