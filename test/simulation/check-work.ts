import type { Entry } from "./history.ts";
import type { Seen } from "./seen.ts";
import { ONCE } from "./seen.ts";
import type { Found } from "./violation.ts";
import { wrong } from "./violation.ts";

const CHANGING = new Set(["update", "refresh", "destroy"]);

/** A change of a resource begins or ends. */
export function checkEffect(
  seen: Seen,
  { attemptId, stackId, is, deploymentId }: Extract<Entry, { kind: "effect" }>,
): Found {
  const { gone, started, changing, rows } = seen;
  const active = changing.get(stackId) ?? new Set<string>();
  changing.set(stackId, active);
  if (is === "ended") {
    active.delete(attemptId);
    return gone.has(attemptId)
      ? wrong("no effect after a takeover", `${attemptId} still changes ${stackId}`)
      : null;
  }
  if (gone.has(attemptId)) return wrong("no effect after a takeover", `${attemptId} changes ${stackId}`);
  // By it a takeover knows that nothing was changed.
  if (!started.has(deploymentId))
    return wrong("nothing is changed before its update has started", `${attemptId} changes ${stackId}`);
  for (const other of active) {
    if (other !== attemptId)
      return wrong("never two writers at once", `${attemptId} and ${other} change ${stackId}`);
  }
  active.add(attemptId);
  const approval = rows.approvals.get(deploymentId);
  const deployment = rows.deployments.get(deploymentId);
  const needs =
    rows.stacks.get(stackId)?.needsApproval === true &&
    deployment?.operation !== "refresh" &&
    deployment?.operation !== "destroy";
  if (needs && deployment?.cause === "request" && approval?.state !== "begun") {
    return wrong(
      "approvals come before the start",
      `${deploymentId} changes ${stackId} although its approval is ${approval?.state ?? "not asked for"}`,
    );
  }
  return null;
}

/** A step does its work. */
export function checkStep(
  { stepsDone, started }: Seen,
  { deploymentId, attemptId, step }: Extract<Entry, { kind: "step" }>,
): Found {
  const place = `${deploymentId}/${step}`;
  const before = stepsDone.get(place);
  if (CHANGING.has(step) && before !== undefined && started.has(deploymentId)) {
    return wrong(
      "what may have changed resources is never run again",
      `${step} of ${deploymentId} by ${attemptId} after ${before}`,
    );
  }
  if (ONCE.has(step) && before === "finished")
    return wrong("a finished step is not repeated", `${step} of ${deploymentId} by ${attemptId}`);
  if (before !== "finished") stepsDone.set(place, attemptId);
  return null;
}

/** Somebody receives a message. */
export function checkReceived(
  { received, messages }: Seen,
  { destination, about, id }: Extract<Entry, { kind: "received" }>,
): Found {
  const place = `${destination}: ${about}`;
  const before = received.get(place);
  received.set(place, id);
  if (before !== undefined && before !== id)
    return wrong("a message has one id, however often it comes", `${place}: ${before} and ${id}`);
  return messages.get(about) === id ? null : wrong("a message carries the id of its row", `${place}: ${id}`);
}

/** Somebody is told what became of a request. */
export function checkAnswered(
  { answers, rows }: Seen,
  { key, deploymentId }: Extract<Entry, { kind: "answered" }>,
): Found {
  const known = answers.get(key);
  answers.set(key, deploymentId);
  if (known !== undefined && known !== deploymentId)
    return wrong("a request is carried out once", `${key}: ${known} and ${deploymentId}`);
  return rows.deployments.has(deploymentId) ? null : wrong("what was acknowledged is there", deploymentId);
}
