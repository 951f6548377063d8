import { ATTEMPT_MOVES, isAttemptLive } from "../../automation/src/attempts/moves.ts";
import { MOVES } from "../../automation/src/deployments/rules.ts";
import type { Entry } from "./history.ts";
import type { Seen } from "./seen.ts";
import { EVERYTHING } from "./statements.ts";
import type { Change, Rows } from "./store.ts";
import type { Found } from "./violation.ts";
import { wrong } from "./violation.ts";

/** Ends that nobody may miss. */
const TOLD = new Set([
  "succeeded",
  "failed",
  "cancelled",
  "interrupted",
  "rolled_back",
  "rejected",
  "expired",
  "stale",
]);

type Commit = Extract<Entry, { kind: "commit" }>;

/** Looks at a commit before its changes are taken in. */
export function checkCommit(seen: Seen, commit: Commit): Found {
  return (
    checkFence(seen, commit) ??
    checkAudit(commit) ??
    commit.changes.reduce<Found>((found, change) => found ?? checkChange(seen, change, commit), null) ??
    checkEndsAreTold(commit)
  );
}

function checkFence({ rows }: Seen, { fence, now, what }: Commit): Found {
  if (fence === null) return null;
  const { attemptId, stackId } = fence;
  const writer = rows.writers.get(stackId);
  if (writer?.holder !== attemptId || writer.epoch !== fence.epoch) {
    return wrong(
      "every write carries the epoch of its right",
      `'${what}' by ${attemptId}, but ${stackId} is ${writer?.holder ?? "nobody"}'s`,
    );
  }
  if (writer.expiresAt === null || writer.expiresAt <= now) {
    return wrong(
      "no write after the lease",
      `'${what}' by ${attemptId}, ${now - (writer.expiresAt ?? 0)} ms after its end`,
    );
  }
  return null;
}

function checkAudit({ changes, audit, what }: Commit): Found {
  const audited = new Set(audit.map(({ subject }) => subject));
  const subjects = new Set<string>();
  for (const change of changes) {
    const subject = auditedSubject(change);
    if (subject === null) continue;
    subjects.add(subject);
    if (!audited.has(subject)) {
      return wrong(
        "every change has an audit entry in its transaction",
        `'${what}' changes ${subject} without one`,
      );
    }
  }
  for (const { action, subject } of audit) {
    if (!subjects.has(subject))
      return wrong("every audit entry tells of a change", `'${action}' of ${subject} in '${what}'`);
  }
  return null;
}

/** What an audit entry must name for a change; null for what is no change of its own. */
function auditedSubject({ table, id, before, after }: Change): string | null {
  switch (table) {
    case "deployments":
      return before?.status !== after.status || before.cancelRequested !== after.cancelRequested ? id : null;
    case "attempts":
      return after.status === "running" ? after.deploymentId : null;
    case "approvals":
    case "pauses":
      return id;
    default:
      return null;
  }
}

function checkChange(seen: Seen, { table, before, after }: Change, commit: Commit): Found {
  switch (table) {
    case "deployments":
      return checkDeployment(seen, before, after, commit);
    case "attempts":
      return before === undefined ||
        before.status === after.status ||
        ATTEMPT_MOVES[before.status].includes(after.status)
        ? null
        : wrong("a status makes only known moves", `${after.id}: ${before.status} -> ${after.status}`);
    case "writers":
      return checkWriter(seen, before, after);
    case "events": {
      const { deploymentId, sequence, key } = after;
      if (sequence !== (seen.sequences.get(deploymentId) ?? 0) + 1)
        return wrong("events have numbers without gaps", `${deploymentId}: ${sequence}`);
      return seen.eventKeys.has(key) ? wrong("no event is stored twice", `${key} of ${deploymentId}`) : null;
    }
    case "approvals":
      return checkApproval(seen, before, after, commit);
    default:
      return null;
  }
}

function checkDeployment(
  seen: Seen,
  before: Rows["deployments"] | undefined,
  after: Rows["deployments"],
  commit: Commit,
): Found {
  if (before === undefined) {
    if (after.requestKey === null) return null;
    const others = [...seen.rows.deployments.values()];
    const other = others.find(({ requestKey }) => requestKey === after.requestKey);
    return other === undefined
      ? null
      : wrong("a request is carried out once", `${after.requestKey} is ${other.id} and ${after.id}`);
  }
  if (before.status === after.status) return null;
  if (!MOVES[before.status].includes(after.status)) {
    return wrong("a status makes only known moves", `${after.id}: ${before.status} -> ${after.status}`);
  }
  return before.status === "queued" && after.status === "running" ? checkClaim(seen, after, commit) : null;
}

/** Somebody takes a deployment out of the queue. */
function checkClaim({ rows, pauses }: Seen, claimed: Rows["deployments"], commit: Commit): Found {
  const order = (one: Rows["deployments"]): number =>
    one.cause === "automatic-rollback" ? 0 : one.operation === "rollback" ? 1 : 2;
  for (const other of rows.deployments.values()) {
    if (other.stackId !== claimed.stackId || other.id === claimed.id) continue;
    if (other.status === "running" && other.id !== claimed.causedBy) {
      return wrong("one deployment at a time runs on a stack", `${claimed.id} is claimed beside ${other.id}`);
    }
    const isBefore =
      order(other) < order(claimed) || (order(other) === order(claimed) && other.number < claimed.number);
    if (other.status === "queued" && isBefore) {
      return wrong(
        "rollbacks first, then the order of requests",
        `${claimed.id} is claimed before ${other.id}`,
      );
    }
  }
  if (claimed.cause === "request" && (pauses.has(EVERYTHING) || pauses.has(claimed.stackId))) {
    return wrong("nothing is claimed that is paused", claimed.id);
  }
  const attempt = commit.changes.find((change) => change.table === "attempts")?.after;
  const worker = rows.workers.get(attempt?.workerId ?? "");
  if (attempt === undefined || worker === undefined)
    return wrong("a claim makes an attempt of a known worker", claimed.id);
  if (!worker.versions.includes(claimed.version))
    return wrong("a worker runs only versions that it knows", claimed.id);
  let own = 0;
  for (const { workerId, status } of rows.attempts.values())
    if (workerId === worker.id && isAttemptLive(status)) own += 1;
  return own < worker.concurrency
    ? null
    : wrong("a worker takes no more than it can run", `${worker.id} takes ${claimed.id}`);
}

function checkWriter({ there }: Seen, before: Rows["writers"] | undefined, after: Rows["writers"]): Found {
  if (before === undefined) return null;
  if (after.epoch < before.epoch)
    return wrong("the epoch only grows", `${after.id}: ${before.epoch} -> ${after.epoch}`);
  if (before.holder === null || after.holder === before.holder) return null;
  if (there.has(before.holder)) {
    return wrong(
      "a stack is freed when the containment is empty",
      `${after.id} is taken from ${before.holder}, whose processes live`,
    );
  }
  return null;
}

function checkApproval(
  { rows, seals }: Seen,
  before: Rows["approvals"] | undefined,
  after: Rows["approvals"],
  { fence }: Commit,
): Found {
  if (after.state !== "begun" || before?.state === "begun") return null;
  const deployment = rows.deployments.get(after.id);
  const stack = rows.stacks.get(deployment?.stackId ?? "");
  if (deployment === undefined || stack === undefined || fence === null)
    return wrong("an approved update is begun by its attempt", after.id);
  const ran = seals.get(fence.attemptId);
  if (ran !== after.seal)
    return wrong("an approval names what runs", `${after.id}: approved '${after.seal}', begun '${ran}'`);
  const people = new Set(
    after.votes
      .filter(({ verdict, seal }) => verdict === "approve" && seal === after.seal)
      .map(({ by }) => by),
  );
  for (const by of people) {
    if (by === deployment.requestedBy || by === `author of ${stack.id}`)
      return wrong("nobody approves a change of their own", `${after.id}: ${by}`);
  }
  const needed = Math.max(
    1,
    stack.rules.reduce((sum, { need }) => sum + need, 0),
  );
  const counted = [...people].filter(
    (by) => stack.rules.length === 0 || stack.rules.some(({ members }) => members.has(by)),
  );
  return counted.length >= needed
    ? null
    : wrong("approvals come before the start", `${after.id} begins with ${counted.length} of ${needed}`);
}

function checkEndsAreTold({ changes }: Commit): Found {
  const told = new Set(changes.map((change) => (change.table === "messages" ? change.after.about : null)));
  for (const { table, before, after } of changes) {
    if (table !== "deployments") continue;
    const { id, status } = after;
    if (before?.status !== status && TOLD.has(status) && !told.has(`${id} ${status}`))
      return wrong("every end is told in its transaction", `${id} is ${status}`);
  }
  return null;
}
