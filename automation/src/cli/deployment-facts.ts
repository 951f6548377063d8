import {
  formatAge,
  formatBrought,
  formatChanges,
  formatDuration,
  formatPlannedChanges,
} from "../client/formats.ts";
import { movedWords } from "../client/moved.ts";
import type { Approval, AwaitedSignOff } from "../contract/approvals.ts";
import type { Deployment } from "../contract/deployments.ts";
import { TERMINAL_STATUSES } from "../contract/deployments.ts";
import type { DeploymentPreview, MovedItem } from "../contract/seals.ts";
import { clean } from "./output.ts";

/** What is known of a deployment when it is shown. */
export interface Shown {
  readonly deployment: Deployment;
  readonly preview: DeploymentPreview | null;
  readonly approval: Approval | null;
  readonly moved: readonly MovedItem[];
}

const MOST_MOVED = 10;

/** What a person has to know first, as pairs of a word and a text: what, why, who, risk, who may, what moved. */
export function factsOf({ deployment, preview, approval, moved }: Shown, now: number): [string, string][] {
  const facts: [string, string][] = [
    ["what", whatOf(deployment, preview)],
    ["why", whyOf(deployment)],
    ["who", `${personOf(deployment.requestedBy)}, ${formatAge(deployment.requestedAt, now)}`],
  ];
  if (deployment.waiting !== null) facts.push(["waits", deployment.waiting.detail]);
  if (deployment.failure !== null) facts.push(...failureFacts(deployment.status, deployment.failure));
  if (approval !== null) facts.push(...approvalFacts(approval, now));
  for (const one of moved.slice(0, MOST_MOVED)) {
    const { what, path, was, is } = movedWords(one);
    facts.push(["moved", `${what}${path === null ? "" : ` ${path}`}: ${was} → ${is}`]);
  }
  if (moved.length > MOST_MOVED)
    facts.push(["moved", `and ${moved.length - MOST_MOVED} more; --json has all`]);
  return facts.map(([word, text]) => [word, clean(text)]);
}

/** How it ended when it did not succeed, and what to do about that. A cancel is nobody's failure. */
function failureFacts(
  status: Deployment["status"],
  { detail, remedy }: NonNullable<Deployment["failure"]>,
): [string, string][] {
  const isFailure = status === "failed" || status === "rolled_back" || status === "interrupted";
  return [
    [isFailure ? "failure" : "ended", detail],
    ...(remedy === null ? [] : [["remedy", remedy] satisfies [string, string]]),
  ];
}

function whatOf(deployment: Deployment, preview: DeploymentPreview | null): string {
  const back = deployment.targetRelease === null ? "" : `, back to release ${deployment.targetRelease}`;
  if (deployment.status === "succeeded" && deployment.operation !== "preview")
    return `${formatChanges(deployment.changes)}${back}`;
  return `${preview === null ? "not previewed" : formatPlannedChanges(preview.counts)}${back}`;
}

function whyOf({ message, cause }: Deployment): string {
  return (
    message ??
    (cause === "automatic-rollback" ? "Slipway rolls back after a failed deployment." : "no reason was given")
  );
}

function approvalFacts(approval: Approval, now: number): [string, string][] {
  const facts: [string, string][] = approval.risk.reasons.map((reason, index) => [
    "risk",
    index === 0 ? `${approval.risk.tier}: ${reason}` : reason,
  ]);
  for (const { name, need, missing, mayVote } of approval.rules) {
    const who = mayVote.length === 0 ? "nobody" : mayVote.map(personOf).join(", ");
    const rest = missing === 0 ? "" : `, ${missing} missing; who may: ${who}`;
    facts.push(["rule", `${name}: ${need - missing} of ${need} votes${rest}`]);
  }
  if (approval.signOff !== null) facts.push(...signOffFacts(approval.signOff));
  for (const { principal, verdict, comment, counts, why } of approval.votes) {
    const not = counts ? "" : ` (does not count: ${why ?? ""})`;
    facts.push(["vote", `${personOf(principal)}: ${verdict}${comment === null ? "" : `, ${comment}`}${not}`]);
  }
  if (approval.state === "open" || approval.state === "approved")
    facts.push(["lapses", `in ${formatDuration(Date.parse(approval.expiresAt) - now)}`]);
  if (approval.state === "open") facts.push(["you", whatYouMay(approval)]);
  if (approval.ending !== null) facts.push(["ended", approval.ending]);
  facts.push(["seal", approval.seal]);
  return facts;
}

function signOffFacts({ brings, isMissing, signOffs, open, mayGive }: AwaitedSignOff): [string, string][] {
  const who = mayGive.length === 0 ? "nobody" : mayGive.map(personOf).join(", ");
  const by = signOffs.filter(({ why }) => why === null).map(({ principal }) => personOf(principal));
  const state = isMissing ? `missing; who may: ${who}` : `by ${by.join(", ")}`;
  const facts: [string, string][] = [["sign-off", `of ${formatBrought(brings)}: ${state}`]];
  for (const { name, state: is, detail } of open) facts.push(["checklist", `${name}: ${is}, ${detail}`]);
  return facts;
}

function whatYouMay({ me }: Approval): string {
  const may = [...(me.mayVote ? ["vote"] : []), ...(me.maySignOff ? ["sign it off"] : [])];
  return may.length > 0 ? `may ${may.join(" and ")}` : (me.why ?? "may not vote");
}

/** The command that goes on from here, and what it does; null when nothing is to be done. */
export function nextCommand({
  deployment,
  approval,
}: Pick<Shown, "deployment" | "approval">): [string, string] | null {
  const { id, status, hold, consent, nextAction } = deployment;
  const isOver = TERMINAL_STATUSES.includes(status);
  if (!isOver && consent !== null && consent.consentedBy === null)
    return [`slipway consent ${id}`, "agrees to its irreversible steps"];
  if (hold !== null && hold.decision === null)
    return [
      `slipway hold ${id} keep --reason <why>`,
      "or rollback in place of keep: decides about what it left",
    ];
  if (!isOver && approval?.state === "open" && approval.me.mayVote)
    return [`slipway approve ${id}`, `or slipway reject ${id} --comment <why>`];
  if (!isOver && approval?.state === "open" && approval.me.maySignOff && approval.signOff !== null)
    return [approval.signOff.command, "signs off what it brings, once nothing on the checklist is open"];
  if (nextAction !== null) return [`slipway continue ${id}`, nextAction.detail];
  if (status === "stale" || status === "expired")
    return [
      `slipway ${commandOf(deployment)}`,
      "previews it again on what there is now; nothing was changed",
    ];
  if (!isOver) return [`slipway logs ${id} --follow`, "follows it to its end"];
  if (status === "failed" || status === "rolled_back")
    return [`slipway logs ${id}`, "prints all that happened, with what programs said"];
  return null;
}

function commandOf({ operation, organisation, project, stack, targetRelease }: Deployment): string {
  const name = `${organisation === "default" ? "" : `${organisation}/`}${project}/${stack}`;
  switch (operation) {
    case "update":
      return `deploy --stack ${name}`;
    case "rollback":
      return `rollback --stack ${name}${targetRelease === null ? "" : ` --to ${targetRelease}`}`;
    case "remediate-drift":
    case "detect-drift":
      return `drift ${operation === "detect-drift" ? "run" : "remediate"} ${name}`;
    case "preview":
    case "refresh":
    case "destroy":
      return `${operation} --stack ${name}`;
  }
}

function personOf(principal: string): string {
  return principal.startsWith("user:") ? principal.slice("user:".length) : principal;
}
