import { formatChanges, formatDuration, formatPlannedChanges } from "../client/formats.ts";
import type { Deployment } from "../contract/deployments.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { clean, type painter } from "./output.ts";
import { stackLabel } from "./stack-choice.ts";

/** How a deployment ended: what to print and the exit code. `rollback` is the one that Slipway started for it. */
export interface Outcome {
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/** The outcome of a deployment in a terminal status. The first line is the one that matters most. */
export function outcomeOf(
  deployment: Deployment,
  rollback: Deployment | null,
  paint: ReturnType<typeof painter>,
): Outcome {
  const name = `${deployment.operation} #${deployment.number} of ${stackLabel(deployment)}`;
  if (deployment.status === "succeeded")
    return { lines: [`${paint("green", "✓")} ${successOf(deployment, name)}`], exitCode: EXIT.ok };
  if (deployment.status === "cancelled") {
    const lines = [`${paint("yellow", "■")} ${name} was cancelled.`];
    return { lines: [...lines, ...explain(deployment), ...nextOf(deployment)], exitCode: EXIT.cancelled };
  }
  if (deployment.status === "running" && deployment.verification === "held")
    return { lines: heldLines(deployment, name), exitCode: EXIT.waiting };
  if (deployment.status === "waiting_approval")
    return { lines: waitingLines(deployment, name), exitCode: EXIT.waiting };
  const first = deployment.failure?.detail ?? `it ended as ${deployment.status}`;
  const lines = [`${paint(["red", "bold"], "✗")} ${clean(first)}`, ...remedyOf(deployment)];
  if (rollback === null) {
    const end = deployment.status === "failed" ? "failed" : `ended as ${deployment.status}`;
    return { lines: [...lines, `${name} ${end}.`, ...nextOf(deployment)], exitCode: exitCodeOf(deployment) };
  }
  const target =
    rollback.targetRelease === null ? "the last good release" : `release ${rollback.targetRelease}`;
  if (rollback.status === "succeeded")
    return {
      lines: [
        ...lines,
        `${name} failed; Slipway rolled back automatically: ${target} runs again (deployment #${rollback.number}).`,
      ],
      exitCode: EXIT.rolledBack,
    };
  return {
    lines: [
      ...lines,
      paint(
        "red",
        `${name} failed, and the automatic rollback to ${target} did not succeed either (deployment #${rollback.number}).`,
      ),
      ...explain(rollback),
      "Slipway tries that once only.",
    ],
    exitCode: EXIT.failed,
  };
}

/** What a held deployment waits for, and the commands that decide. */
function heldLines({ id, hold, rolledBackBy }: Deployment, name: string): string[] {
  const reason = clean(hold?.reason ?? "A person has to decide whether what it left stays.");
  const decide =
    hold?.why === "consent" && rolledBackBy !== null
      ? `→ Read what cannot be undone: slipway consent ${rolledBackBy}. Or keep what runs: slipway hold ${id} keep --reason <text>`
      : `→ Decide: slipway hold ${id} keep --reason <text>, or slipway hold ${id} rollback --reason <text>`;
  const until = hold === null ? [] : [`Until ${hold.expiresAt}; after that: ${hold.onExpiry}.`];
  return [`⏸ ${name} is held. ${reason}`, decide, ...until];
}

function waitingLines({ id, consent }: Deployment, name: string): string[] {
  if (consent !== null && consent.consentedAt === null) {
    const steps = consent.steps.map(({ detail }) => `  ${clean(detail)}`);
    return [
      `⏸ ${name} waits for consent to what cannot be undone:`,
      ...steps,
      `→ slipway consent ${id} --all`,
    ];
  }
  return [`⏸ ${name} waits for approval.`, `→ See what it waits for: slipway approvals show ${id}`];
}

function exitCodeOf(deployment: Deployment): ExitCode {
  return deployment.status === "rolled_back" ? EXIT.rolledBack : EXIT.failed;
}

function successOf(deployment: Deployment, name: string): string {
  const counts =
    deployment.operation === "preview"
      ? formatPlannedChanges(deployment.changes)
      : formatChanges(deployment.changes);
  const took =
    deployment.startedAt !== null && deployment.finishedAt !== null
      ? ` in ${formatDuration(Date.parse(deployment.finishedAt) - Date.parse(deployment.startedAt))}`
      : "";
  const release = deployment.release === null ? "" : ` Release ${deployment.release} was recorded.`;
  return `${name} succeeded${took}: ${counts}.${release}`;
}

function explain(deployment: Deployment): string[] {
  if (deployment.failure === null) return [];
  return [`  ${clean(deployment.failure.detail)}`, ...remedyOf(deployment)];
}

/** The next safe action, and which resources it is about. */
function nextOf({ id, nextAction, resources }: Deployment): string[] {
  if (nextAction === null) return [];
  const pending = nextAction.pendingCreates.map(
    ({ urn, mayExist }) => `  ${clean(urn)}: its create was begun${mayExist ? ", and it may exist" : ""}`,
  );
  const list = resources === null ? [] : [`Each resource: slipway resources --run ${id}`];
  return [...list, `Next: slipway continue ${id}. ${clean(nextAction.detail)}`, ...pending];
}

function remedyOf(deployment: Deployment): string[] {
  const remedy = deployment.failure?.remedy ?? null;
  return remedy === null ? [] : [`→ ${clean(remedy)}`];
}
