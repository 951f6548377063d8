import { ATTEMPT_MOVES, isAttemptLive } from "../../automation/src/attempts/moves.ts";
import { isTerminal, MOVES } from "../../automation/src/deployments/rules.ts";
import type { Entry } from "./history.ts";
import type { Run } from "./run.ts";
import { EVERYTHING } from "./statements.ts";
import type { Change, Rows } from "./store.ts";

/** What must never be seen, and the place in the history where it was. */
export interface Violation {
  invariant: string;
  detail: string;
  /** Of the entry in the history; its length when the end itself is wrong. */
  index: number;
}

const CHANGING = new Set(["update", "refresh", "destroy"]);
/** Steps that only find something out: done once, however many attempts there are. */
const ONCE = new Set(["build", "test"]);
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

/**
 * Reads a history from its beginning to its end and answers the first thing that must never be. It goes by nothing but the history: it asks none of the rules that made it, except the
 * tables of moves, which tests of their own compare with the database.
 */
export function check({ history, store, isOver }: Run): Violation | null {
  const reader = openReader();
  for (const [index, entry] of history.entries()) {
    const found = reader.read(entry);
    if (found !== null) return { ...found, index };
  }
  const found = isOver ? reader.end() : unfinished(store);
  return found === null ? null : { ...found, index: history.length };
}

type Found = Omit<Violation, "index"> | null;
const wrong = (invariant: string, detail: string): Found => ({ invariant, detail });

function openReader() {
  const deployments = new Map<string, Rows["deployments"]>();
  const attempts = new Map<string, Rows["attempts"]>();
  const writers = new Map<string, Rows["writers"]>();
  const workers = new Map<string, Rows["workers"]>();
  const approvals = new Map<string, Rows["approvals"]>();
  const pauses = new Set<string>();
  const rulesOf = new Map<string, Rows["stacks"]>();
  const deliveries = new Map<string, Rows["deliveries"]>();
  const messages = new Map<string, string>();
  /** Attempts whose right to write has ended. */
  const gone = new Set<string>();
  /** Attempts of which processes exist. */
  const there = new Set<string>();
  /** Attempts that are just changing a resource, by their stack. */
  const changing = new Map<string, Set<string>>();
  const stepsDone = new Map<string, string>();
  /** Deployments whose engine has started an update. */
  const started = new Set<string>();
  const seals = new Map<string, string>();
  const answers = new Map<string, string>();
  const received = new Map<string, string>();
  const sequences = new Map<string, number>();
  const eventKeys = new Set<string>();

  /** Before the changes of a commit are taken in. */
  function checkCommit(commit: Commit): Found {
    return (
      checkFence(commit) ??
      checkAudit(commit) ??
      commit.changes.reduce<Found>((found, change) => found ?? checkChange(change, commit), null) ??
      checkEndsAreTold(commit)
    );
  }

  function checkFence({ fence, now, what }: Commit): Found {
    if (fence === null) return null;
    const writer = writers.get(fence.stackId);
    const { attemptId, stackId } = fence;
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

  function checkChange(change: Change, commit: Commit): Found {
    switch (change.table) {
      case "deployments":
        return checkDeployment(
          change.before as Rows["deployments"] | undefined,
          change.after as Rows["deployments"],
          commit,
        );
      case "attempts": {
        const [before, after] = [change.before, change.after] as [
          Rows["attempts"] | undefined,
          Rows["attempts"],
        ];
        if (before === undefined || before.status === after.status) return null;
        return ATTEMPT_MOVES[before.status].includes(after.status)
          ? null
          : wrong("a status makes only known moves", `${after.id}: ${before.status} -> ${after.status}`);
      }
      case "writers":
        return checkWriter(change.before as Rows["writers"] | undefined, change.after as Rows["writers"]);
      case "events": {
        const { deploymentId, sequence, key } = change.after as Rows["events"];
        if (sequence !== (sequences.get(deploymentId) ?? 0) + 1)
          return wrong("events have numbers without gaps", `${deploymentId}: ${sequence}`);
        return eventKeys.has(key) ? wrong("no event is stored twice", `${key} of ${deploymentId}`) : null;
      }
      case "approvals":
        return checkApproval(
          change.before as Rows["approvals"] | undefined,
          change.after as Rows["approvals"],
          commit,
        );
      default:
        return null;
    }
  }

  function checkDeployment(
    before: Rows["deployments"] | undefined,
    after: Rows["deployments"],
    commit: Commit,
  ): Found {
    if (before === undefined) {
      if (after.requestKey === null) return null;
      const other = [...deployments.values()].find(({ requestKey }) => requestKey === after.requestKey);
      return other === undefined
        ? null
        : wrong("a request is carried out once", `${after.requestKey} is ${other.id} and ${after.id}`);
    }
    if (before.status === after.status) return null;
    if (!MOVES[before.status].includes(after.status)) {
      return wrong("a status makes only known moves", `${after.id}: ${before.status} -> ${after.status}`);
    }
    return before.status === "queued" && after.status === "running" ? checkClaim(after, commit) : null;
  }

  /** Somebody takes a deployment out of the queue. */
  function checkClaim(claimed: Rows["deployments"], commit: Commit): Found {
    const order = (one: Rows["deployments"]): number =>
      one.cause === "automatic-rollback" ? 0 : one.operation === "rollback" ? 1 : 2;
    for (const other of deployments.values()) {
      if (other.stackId !== claimed.stackId || other.id === claimed.id) continue;
      if (other.status === "running" && other.id !== claimed.causedBy) {
        return wrong(
          "one deployment at a time runs on a stack",
          `${claimed.id} is claimed beside ${other.id}`,
        );
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
    const attempt = commit.changes.find(({ table }) => table === "attempts")?.after as
      | Rows["attempts"]
      | undefined;
    const worker = workers.get(attempt?.workerId ?? "");
    if (attempt === undefined || worker === undefined)
      return wrong("a claim makes an attempt of a known worker", claimed.id);
    if (!worker.versions.includes(claimed.version))
      return wrong("a worker runs only versions that it knows", claimed.id);
    let own = 0;
    for (const { workerId, status } of attempts.values())
      if (workerId === worker.id && isAttemptLive(status)) own += 1;
    return own < worker.concurrency
      ? null
      : wrong("a worker takes no more than it can run", `${worker.id} takes ${claimed.id}`);
  }

  function checkWriter(before: Rows["writers"] | undefined, after: Rows["writers"]): Found {
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
    before: Rows["approvals"] | undefined,
    after: Rows["approvals"],
    { fence }: Commit,
  ): Found {
    if (after.state !== "begun" || before?.state === "begun") return null;
    const deployment = deployments.get(after.id);
    const stack = rulesOf.get(deployment?.stackId ?? "");
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
    const told = new Set(
      changes
        .filter(({ table }) => table === "messages")
        .map(({ after }) => (after as Rows["messages"]).about),
    );
    for (const { table, before, after } of changes) {
      if (table !== "deployments") continue;
      const { id, status } = after as Rows["deployments"];
      if (
        (before as Rows["deployments"] | undefined)?.status !== status &&
        TOLD.has(status) &&
        !told.has(`${id} ${status}`)
      ) {
        return wrong("every end is told in its transaction", `${id} is ${status}`);
      }
    }
    return null;
  }

  function take({ table, after }: Change): void {
    switch (table) {
      case "deployments":
        keep(deployments, after as Rows["deployments"]);
        return;
      case "attempts":
        keep(attempts, after as Rows["attempts"]);
        return;
      case "workers":
        keep(workers, after as Rows["workers"]);
        return;
      case "approvals":
        keep(approvals, after as Rows["approvals"]);
        return;
      case "deliveries":
        keep(deliveries, after as Rows["deliveries"]);
        return;
      case "messages": {
        const { id, about } = after as Rows["messages"];
        messages.set(about, id);
        return;
      }
      case "writers": {
        const row = after as Rows["writers"];
        const before = writers.get(row.id);
        if (before !== undefined && before.holder !== null && before.holder !== row.holder)
          gone.add(before.holder);
        keep(writers, row);
        return;
      }
      case "stacks": {
        const row = after as Rows["stacks"];
        keep(rulesOf, row);
        return;
      }
      case "pauses": {
        const { id, isPaused } = after as Rows["pauses"];
        if (isPaused) pauses.add(id);
        else pauses.delete(id);
        return;
      }
      case "events": {
        const { deploymentId, sequence, key } = after as Rows["events"];
        sequences.set(deploymentId, sequence);
        eventKeys.add(key);
        return;
      }
      default:
    }
  }

  function checkEffect({ attemptId, stackId, is, deploymentId }: Extract<Entry, { kind: "effect" }>): Found {
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
    const approval = approvals.get(deploymentId);
    const deployment = deployments.get(deploymentId);
    const needs =
      rulesOf.get(stackId)?.needsApproval === true &&
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

  function checkStep({ deploymentId, attemptId, step }: Extract<Entry, { kind: "step" }>): Found {
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

  return {
    read(entry: Entry): Found {
      switch (entry.kind) {
        case "commit": {
          const found = checkCommit(entry);
          for (const change of entry.changes) take(change);
          for (const { table, after } of entry.changes) {
            if (table === "updates") started.add((after as Rows["updates"]).id);
            if (table !== "steps") continue;
            const { deploymentId, name, state } = after as Rows["steps"];
            if (state === "succeeded" && ONCE.has(name)) stepsDone.set(`${deploymentId}/${name}`, "finished");
          }
          return found;
        }
        case "processes":
          if (entry.are === "there") there.add(entry.attemptId);
          else there.delete(entry.attemptId);
          return null;
        case "effect":
          return checkEffect(entry);
        case "step":
          return checkStep(entry);
        case "previewed":
          seals.set(entry.attemptId, entry.seal);
          return null;
        case "received": {
          const place = `${entry.destination}: ${entry.about}`;
          const before = received.get(place);
          received.set(place, entry.id);
          if (before !== undefined && before !== entry.id)
            return wrong(
              "a message has one id, however often it comes",
              `${place}: ${before} and ${entry.id}`,
            );
          return messages.get(entry.about) === entry.id
            ? null
            : wrong("a message carries the id of its row", `${place}: ${entry.id}`);
        }
        case "answered": {
          const known = answers.get(entry.key);
          answers.set(entry.key, entry.deploymentId);
          if (known !== undefined && known !== entry.deploymentId)
            return wrong("a request is carried out once", `${entry.key}: ${known} and ${entry.deploymentId}`);
          return deployments.has(entry.deploymentId)
            ? null
            : wrong("what was acknowledged is there", entry.deploymentId);
        }
        case "fault":
          return null;
      }
    },
    end(): Found {
      for (const { id, status } of attempts.values())
        if (isAttemptLive(status)) return wrong("every attempt ends", `${id} is ${status}`);
      for (const { id, status, destination, messageId } of deliveries.values()) {
        if (status === "pending") return wrong("every message is delivered or given up", id);
        const about = [...messages].find(([, other]) => other === messageId)?.[0];
        if (status === "delivered" && !received.has(`${destination}: ${about}`))
          return wrong("what counts as delivered was received", id);
      }
      for (const attempt of there) return wrong("nothing outlives its attempt", attempt);
      return null;
    },
  };
}

function keep<Row extends { id: string }>(rows: Map<string, Row>, row: Row): void {
  rows.set(row.id, row);
}

/** What an audit entry must name for a change; null for what is no change of its own. */
function auditedSubject({ table, id, before, after }: Change): string | null {
  const differs = (key: string): boolean =>
    (before as Record<string, unknown> | undefined)?.[key] !== (after as Record<string, unknown>)[key];
  switch (table) {
    case "deployments":
      return differs("status") || differs("cancelRequested") ? id : null;
    case "attempts":
      return (after as Rows["attempts"]).status === "running"
        ? (after as Rows["attempts"]).deploymentId
        : null;
    case "approvals":
      return id;
    case "pauses":
      return id;
    default:
      return null;
  }
}

/** What had not ended although nothing stood in its way any more. */
function unfinished({ tables }: Run["store"]): Found {
  for (const { id, status } of tables.deployments.values()) {
    if (!isTerminal(status))
      return wrong("every row has a live owner or a due timer", `${id} is ${status} for ever`);
  }
  for (const { id, holder } of tables.writers.values()) {
    if (holder !== null)
      return wrong("every row has a live owner or a due timer", `${holder} has ${id} for ever`);
  }
  for (const { id, status } of tables.deliveries.values()) {
    if (status === "pending")
      return wrong("every message is delivered or given up", `${id} is pending for ever`);
  }
  return wrong("every row has a live owner or a due timer", "processes of an attempt live for ever");
}
