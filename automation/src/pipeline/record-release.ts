import { randomUUID } from "node:crypto";
import { holdFence } from "../attempts/store.ts";
import { appendAudit } from "../audit/store.ts";
import type { Transaction } from "../database.ts";
import { subjectOf } from "../deployments/completion.ts";
import { appendEvents } from "../deployments/events-store.ts";
import { insertRelease } from "../releases/store.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { principalOf } from "./context.ts";
import { recordFacts } from "./facts-store.ts";
import type { StateFacts } from "./state-facts.ts";
import { readStateFacts } from "./state-facts.ts";

/** What the stack's state says now, for the rows of stack and release. */
export function factsOf(run: AttemptRun): Promise<StateFacts> {
  return readStateFacts(preparedOf(run).state.backendUrl, run.claim.project, run.claim.stack);
}

/** Records the release of a completed update in the caller's transaction, which holds the fence. Answers its number. */
export async function recordRelease(
  trx: Transaction,
  run: AttemptRun,
  facts: StateFacts,
  health: "pending" | "good",
): Promise<{ id: string; number: number }> {
  const { claim, context, pinned, results } = run;
  const id = randomUUID();
  const number = await insertRelease(trx, {
    id,
    stackId: claim.stackId,
    deploymentId: claim.deploymentId,
    health,
    rollbackOf: pinned?.number ?? null,
    sourceDigest: pinned?.sourceDigest ?? claim.sourceDigest ?? "",
    lockfileDigest: pinned === null ? claim.lockfileDigest : pinned.lockfileDigest,
    commit: pinned === null ? claim.commit : pinned.commit,
    dirty: pinned === null ? claim.dirty : pinned.dirty,
    config: pinned?.config ?? claim.config,
    configDigest: pinned?.configDigest ?? claim.configDigest,
    pulumiVersion: context.pulumiVersion,
    plugins: facts.plugins,
    outputs: results.engine?.outputs ?? {},
    requestedBy: claim.requestedBy,
    message: claim.message,
    artifacts: results.artifacts,
  });
  await auditRelease(trx, run, "release.recorded", number, { health, rollbackOf: pinned?.number ?? null });
  return { id, number };
}

/** Records, in one transaction, that the update is complete and its release, whose health the gates decide later. */
export async function completeUpdate(run: AttemptRun, detail: string | null): Promise<void> {
  const facts = await factsOf(run);
  await run.events.flush();
  run.results.release = await run.context.db.transaction().execute(async (trx) => {
    await holdFence(trx, run.claim);
    const release = await recordRelease(trx, run, facts, "pending");
    await recordFacts(trx, run.claim, run.results.engine?.changes ?? null, facts.resourceCount);
    await appendStep(trx, run, "update", detail);
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
