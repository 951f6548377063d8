import { randomUUID } from "node:crypto";
import { holdFence } from "../attempts/store.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import { loseLocksWhenFrozen } from "../database/frozen.ts";
import type { Transaction } from "../database.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { createRedactor } from "../engine/redact.ts";
import { insertRelease } from "../releases/store.ts";
import { currentFacts } from "../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { commitOnce } from "./commit-once.ts";
import { principalOf } from "./context.ts";
import { recordChanges } from "./facts-store.ts";
import { markVerifying } from "./verification.ts";

/** A cancelled attempt has to be concluded too, so that its own signal does not end a wait. */
const NEVER = new AbortController().signal;

/** What a release is told of a state. */
export type ReleaseFacts = NonNullable<AttemptRun["results"]["facts"]>;

/** What the state says that the engine has left. Nobody else changes it while the attempt holds the stack, so it is read once. */
export async function factsOf(run: AttemptRun): Promise<ReleaseFacts> {
  const { context, claim, results } = run;
  if (results.facts !== undefined) return results.facts;
  const current = await holdWhileDatabaseIsAway(
    () => currentFacts(context.db, context.keyring, claim.stackId),
    NEVER,
  );
  const { outputs, plugins } = current?.facts ?? { outputs: {}, plugins: [] };
  // A program may print a secret into an output that is none.
  const clean = createRedactor(preparedOf(run).secrets).json(outputs) as Record<string, unknown>;
  results.facts = { outputs: clean, plugins };
  return results.facts;
}

/** Records the release of a completed update in the caller's transaction, which holds the fence. Answers its number. */
export async function recordRelease(
  trx: Transaction,
  run: AttemptRun,
  facts: ReleaseFacts,
  health: "pending" | "good",
): Promise<{ id: string; number: number }> {
  const { claim, context, pinned, results } = run;
  const id = randomUUID();
  // What undoes drift repeats a release too, and goes back to nothing.
  const rollbackOf = claim.operation === "remediate-drift" ? null : (pinned?.number ?? null);
  const number = await insertRelease(trx, {
    id,
    stackId: claim.stackId,
    deploymentId: claim.deploymentId,
    health,
    rollbackOf,
    sourceDigest: pinned?.sourceDigest ?? claim.sourceDigest ?? "",
    lockfileDigest: pinned === null ? claim.lockfileDigest : pinned.lockfileDigest,
    commit: pinned === null ? claim.commit : pinned.commit,
    dirty: pinned === null ? claim.dirty : pinned.dirty,
    config: pinned?.config ?? claim.config,
    configDigest: pinned?.configDigest ?? claim.configDigest,
    pulumiVersion: context.pulumiVersion,
    plugins: [...facts.plugins],
    outputs: { ...facts.outputs },
    requestedBy: claim.requestedBy,
    message: claim.message,
    artifacts: results.artifacts,
  });
  await auditRelease(trx, run, "release.recorded", number, { health, rollbackOf });
  return { id, number };
}

/** A transaction that holds the attempt's right to write, committed once although the database may go away in the middle of it. */
export function inFence<T>(run: AttemptRun, work: (trx: Transaction) => Promise<T>): Promise<T> {
  const { context, claim } = run;
  return commitOnce(context.db, async (trx) => {
    await loseLocksWhenFrozen(trx);
    await holdFence(trx, claim);
    return work(trx);
  });
}

/** Records, in one transaction, that the update is complete and its release, whose health the gates decide later. */
export async function completeUpdate(run: AttemptRun, detail: string | null): Promise<void> {
  const facts = await factsOf(run);
  await run.events.flush();
  run.results.release = await inFence(run, async (trx) => {
    // An earlier attempt may have come as far as this.
    const release = run.results.release ?? (await recordRelease(trx, run, facts, "pending"));
    await recordChanges(trx, run.claim.deploymentId, run.results.engine?.changes);
    await appendStep(trx, run, "update", detail);
    await markVerifying(trx, run, release.number);
    return release;
  });
}

/** The event and row of a step that ended well, in the transaction of what it did. */
export async function appendStep(
  trx: Transaction,
  run: AttemptRun,
  step: string,
  detail: string | null,
): Promise<void> {
  const at = run.context.clock.now().toISOString();
  const { deploymentId, attempt } = run.claim;
  await appendEvents(
    trx,
    { deploymentId, attempt, fence: null },
    [{ at, body: { type: "step", step, state: "succeeded", detail } }],
    [{ name: step, state: "succeeded", startedAt: at, finishedAt: at, detail, result: null }],
  );
}

/** The audit entry of something that happened to a release. */
export async function auditRelease(
  trx: Transaction,
  run: AttemptRun,
  action: string,
  number: number,
  details: Record<string, unknown>,
): Promise<void> {
  await appendAudit(trx, {
    principal: principalOf(run.context),
    action,
    organisation: run.claim.organisation,
    subject: subjectOf(run.claim),
    details: { release: number, deployment: run.claim.deploymentId, ...details },
    requestId: null,
  });
}
