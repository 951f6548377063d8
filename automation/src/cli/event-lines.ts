import {
  formatChanges,
  formatDuration,
  formatPlannedChanges,
  pastTense,
  presentTense,
} from "../client/formats.ts";
import type { DeploymentProgress, ResourceProgress } from "../client/progress.ts";
import type { GateResult } from "../contract/deployments.ts";
import type { EventBody } from "../contract/events.ts";
import type { EventGap } from "../contract/updates.ts";
import type { painter } from "./output.ts";
import { clean } from "./output.ts";

export interface LineOptions {
  readonly paint: ReturnType<typeof painter>;
  /** Also what a resource starts and what programs print; a terminal shows those in its live part instead. */
  readonly verbose: boolean;
}

const PREVIEW_STEPS = /^preview/;

/** The lines that an event adds to the record on screen; `progress` includes the event. */
export function linesOf(
  event: { readonly body: EventBody | EventGap },
  progress: DeploymentProgress,
  { paint, verbose }: LineOptions,
): string[] {
  const { body } = event;
  switch (body.type) {
    case "status":
      return verbose || body.detail !== null ? [withDetail(`status ${body.status}`, body.detail)] : [];
    case "step":
      return stepLines(body, progress, paint);
    case "stop":
      return [`${paint("yellow", "■")} ${clean(body.detail)}`];
    case "output":
      return verbose ? [`  ${paint("dim", "|")} ${clean(body.line)}`] : [];
    case "engine":
      return verbose ? [`  ${paint("dim", "the engine starts the program")}`] : [];
    case "resource": {
      const row = progress.resources.find((one) => one.urn === body.urn && one.step === body.step);
      return row === undefined ? [] : resourceLines(row, { paint, verbose });
    }
    case "diagnostic": {
      if (body.severity === "debug") return [];
      const style = body.severity === "error" ? "red" : body.severity === "warning" ? "yellow" : "dim";
      const [first = "", ...rest] = clean(body.message).trimEnd().split("\n");
      return [`  ${paint(style, body.severity)} ${first}`, ...rest.map((line) => `    ${line}`)];
    }
    case "summary": {
      const counts = PREVIEW_STEPS.test(body.step)
        ? formatPlannedChanges(body.changes)
        : formatChanges(body.changes);
      return [`  ${counts} in ${formatDuration(body.durationMs)}`];
    }
    case "gate":
      return [gateLine(body.gate, paint)];
    case "policy":
      return policyLines(body, paint);
    case "gap": {
      const count = body.to - body.from + 1;
      return [
        `  ${paint("yellow", count === 1 ? "1 event was lost" : `${count} events were lost`)} on the way here`,
      ];
    }
  }
}

function policyLines(
  { level, pack, policy, urn, message }: Extract<EventBody, { type: "policy" }>,
  paint: LineOptions["paint"],
): string[] {
  const style = level === "mandatory" ? "red" : level === "advisory" ? "yellow" : "dim";
  const where = urn === null ? "" : ` (${clean(urn.split("::").at(-1) ?? urn)})`;
  const [first = "", ...rest] = clean(message).trimEnd().split("\n");
  return [
    `  ${paint(style, level)} ${clean(pack)}/${clean(policy)}${where}: ${first}`,
    ...rest.map((line) => `    ${line}`),
  ];
}

function stepLines(
  body: Extract<EventBody, { type: "step" }>,
  progress: DeploymentProgress,
  paint: LineOptions["paint"],
): string[] {
  if (body.state === "waiting") return [];
  // A step that runs already says what it is at.
  if (body.state === "running")
    return [body.detail === null ? paint("bold", `▸ ${body.step}`) : `  ${clean(body.detail)}`];
  const step = progress.steps.find((one) => one.name === body.step);
  const took =
    step?.startedAt != null && step.finishedAt !== null
      ? ` ${paint("dim", formatDuration(Date.parse(step.finishedAt) - Date.parse(step.startedAt)))}`
      : "";
  if (body.state === "skipped") return [withDetail(paint("dim", `– ${body.step} skipped`), body.detail)];
  if (body.state === "failed") return [withDetail(paint("red", `✗ ${body.step} failed`), body.detail)];
  return [withDetail(`${paint("green", "✓")} ${body.step}${took}`, body.detail)];
}

const SIGNS: Readonly<Record<string, string>> = { create: "+", update: "~", replace: "±", delete: "-" };

function resourceLines(row: ResourceProgress, { paint, verbose }: LineOptions): string[] {
  if (row.state !== "failed" && (row.operation === "same" || row.operation === "read")) return [];
  const name = clean(`${row.resourceType} ${row.name}`);
  const sign = SIGNS[row.operation] ?? "*";
  const properties =
    row.changedProperties.length === 0 ? "" : paint("dim", ` [${clean(row.changedProperties.join(", "))}]`);
  switch (row.state) {
    case "planned":
      return [`  ${sign} ${row.operation.padEnd(8)} ${name}${properties}`];
    case "started":
      return verbose ? [`  ${sign} ${presentTense(row.operation).padEnd(8)} ${name}`] : [];
    case "succeeded":
      return [
        `  ${paint("green", sign)} ${pastTense(row.operation).padEnd(8)} ${name}${properties}${tookOf(row, paint)}`,
      ];
    case "failed":
      return [`  ${paint("red", "✗")} ${`${row.operation} failed`.padEnd(8)} ${name}`];
    case "unknown":
      return [`  ? ${row.operation.padEnd(8)} ${name}`];
  }
}

function tookOf(row: ResourceProgress, paint: LineOptions["paint"]): string {
  if (row.startedAt === null || row.finishedAt === null) return "";
  return ` ${paint("dim", formatDuration(Date.parse(row.finishedAt) - Date.parse(row.startedAt)))}`;
}

function gateLine(gate: GateResult, paint: LineOptions["paint"]): string {
  const passed = gate.verdict === "pass";
  const sign = passed ? paint("green", "✓") : paint(gate.required ? "red" : "yellow", "✗");
  const optional = gate.required ? "" : " (advisory)";
  return `  ${sign} gate ${clean(gate.name)}${optional}: ${gate.verdict}, ${clean(gate.detail)}`;
}

function withDetail(text: string, detail: string | null): string {
  return detail === null || detail === "" ? text : `${text}: ${clean(detail)}`;
}
