import { randomUUID } from "node:crypto";
import type { Actor } from "../access/rules.ts";
import { allowEmergency, recordEmergency } from "../approvals/emergency.ts";
import { refuseSkippedPreview } from "../approvals/refuse.ts";
import { recordAuthors, recordPromotedAuthors } from "../approvals/requesters-store.ts";
import { requirePerson } from "../approvals/sign-in.ts";
import { recordArtifact } from "../artifacts/store.ts";
import { appendAudit } from "../audit/store.ts";
import type { Clock } from "../clock.ts";
import type { Deployment, RequestDeployment } from "../contract/deployments.ts";
import type { StoredConfig } from "../database/tables.ts";
import type { Database, Transaction } from "../database.ts";
import type { HintSender } from "../dispatch/hints.ts";
import { hintStack } from "../dispatch/hints.ts";
import { SlipwayError } from "../errors.ts";
import { refuseFrozen } from "../freezes/refuse.ts";
import type { Caller } from "../http/endpoint.ts";
import { OPERATION_VERSION, stepsOf } from "../pipeline/operations.ts";
import { refuseUnpromoted } from "../promotions/rules.ts";
import type { Promotion } from "../promotions/source.ts";
import { requestedRelease } from "../promotions/source.ts";
import { placeOf } from "../promotions/store.ts";
import { refuseUnsealed } from "../readiness/refuse.ts";
import { refuseUnreconciled } from "../reconciliation/refuse.ts";
import { cancelRunning } from "../rollbacks/cancel-running.ts";
import { refuseAfterFailedRollback } from "../rollbacks/refusals.ts";
import { putConsent, readSettings } from "../rollbacks/store.ts";
import { requestedSeal } from "../seals/request.ts";
import { configDigest } from "../secrets/config-secrets.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { readStoredConfig } from "../stacks/config-store.ts";
import type { StackName } from "../stacks/store.ts";
import type { DeployedContent, DeploymentContent } from "./contents-store.ts";
import { findQuarantine, listReleaseContents } from "./contents-store.ts";
import { appendEvents } from "./events-store.ts";
import { checkRequiredConfig, chooseRemediationTarget, chooseRollbackTarget } from "./rules.ts";
import type { RequestedSource } from "./source.ts";
import { findDeployment, insertDeployment } from "./store.ts";

/** What was asked for, by whom and for which (locked) stack. */
export interface DeploymentRequest {
  stackId: string;
  name: StackName;
  body: RequestDeployment;
  /** Null for a rollback and a drift check, which take their release's. */
  source: RequestedSource | null;
  /** Where that came from, when it is another stack's release. */
  promotion?: Promotion | null;
  /** Who answers for the emergency that the body asks for, which passes votes and a freeze, and for consent beforehand. Without them both are refused. */
  actor?: Actor;
  /** Of a schedule no request did. */
  caller: Pick<Caller, "principal"> & { requestId: string | null };
}

/**
 * Queues a deployment: its row, its steps, its first event, its audit entry and the hint to the workers, in the caller's
 * transaction. Throws `config_missing`, `frozen`, `not_promoted`, `quarantined`, `release_not_found` and `release_not_good`; nothing is written then.
 */
export async function queueDeployment(
  trx: Transaction,
  { keyring, clock, hints }: { keyring: Keyring; clock: Clock; hints: HintSender },
  request: DeploymentRequest,
): Promise<Deployment> {
  const { stackId, name, body, source, caller } = request;
  const promotion = request.promotion ?? null;
  await refuseUnreconciled(trx, { ...name, stackId }, body.operation);
  refuseRollbackOptions(body);
  if (body.consent !== undefined) requirePerson(request.actor, "agrees to what cannot be undone");
  await refuseAfterFailedRollback(trx, stackId, {
    operation: body.operation,
    acknowledges: body.acknowledge ?? null,
  });
  await refuseFrozen(trx, stackId, {
    operation: body.operation,
    // Of one that the stack agreed to beforehand its preview decides whether a freeze holds it up.
    automaticRollback: body.operation === "rollback" && (await readSettings(trx, stackId)).coversRequested,
    emergency: body.emergency !== undefined,
  });
  if (body.options.skipPreview === true) await refuseSkippedPreview(trx, stackId);
  if (body.emergency !== undefined)
    await allowEmergency(trx, { stackId, operation: body.operation }, request.actor);
  if (body.operation === "update") {
    refuseUnpromoted(name.stack, await placeOf(trx, stackId), promotion?.stack ?? null);
  }
  // What was good when its source was read may have been quarantined meanwhile.
  if (promotion !== null) await requestedRelease(trx, name, promotion);
  const chosen =
    source === null
      ? body.operation === "detect-drift"
        ? await lookedAtContent(trx, keyring, stackId)
        : body.operation === "remediate-drift"
          ? await remediationContent(trx, stackId)
          : await rollbackContent(trx, stackId, body.release)
      : { content: await overlaidContent(trx, keyring, stackId, source), targetRelease: null };
  const { sourceDigest } = chosen.content;
  // Also in an emergency: it passes the sign-off by, and not the seal.
  if (body.options.skipPreview === true)
    await refuseUnsealed(trx, stackId, { operation: body.operation, sourceDigest });
  // What really is there is read first: without it the engine takes the state's word, and changes nothing.
  const options = body.operation === "remediate-drift" ? { ...body.options, refresh: true } : body.options;
  if ((body.operation === "update" || body.operation === "rollback") && sourceDigest !== null) {
    await refuseQuarantined(trx, stackId, { ...chosen.content, sourceDigest });
  }
  if (source !== null && source.sizeBytes !== null) {
    await recordArtifact(trx, { digest: source.sourceDigest, kind: "source", sizeBytes: source.sizeBytes });
  }
  if (source !== null) await recordAuthors(trx, source.sourceDigest, source.authors ?? []);
  if (promotion !== null) await recordPromotedAuthors(trx, { stackId, releaseId: promotion.releaseId });

  const boundTo =
    body.seal === undefined
      ? null
      : await requestedSeal(trx, keyring, stackId, body.seal, { ...body, options, content: chosen.content });
  const id = randomUUID();
  const number = await insertDeployment(trx, {
    ...chosen.content,
    id,
    stackId,
    operation: body.operation,
    operationVersion: OPERATION_VERSION,
    options,
    message: body.message ?? null,
    requestedBy: caller.principal,
    targetRelease: chosen.targetRelease,
    promotedFrom: promotion?.releaseId ?? null,
    acknowledges: body.acknowledge ?? null,
    boundTo,
    steps: stepsOf(body.operation, body.options, OPERATION_VERSION),
  });
  if (body.consent !== undefined)
    await putConsent(trx, id, { steps: body.consent, by: caller.principal, reason: body.message ?? null });
  if (body.cancelRunning === true) await cancelRunning(trx, stackId, caller);
  if (body.emergency !== undefined && request.actor !== undefined) {
    const { emergency: asked } = body;
    const { requestId } = caller;
    await recordEmergency(trx, { deploymentId: id, stackId, actor: request.actor, asked, requestId });
  }
  await appendEvents(trx, { deploymentId: id, attempt: 0, fence: null }, [
    { at: clock.now().toISOString(), body: { type: "status", status: "queued", detail: null } },
  ]);
  await appendAudit(trx, {
    ...caller,
    action: "deployment.requested",
    organisation: name.organisation,
    subject: `${name.organisation}/${name.project}/${name.stack}`,
    details: {
      deployment: id,
      number,
      operation: body.operation,
      options,
      sourceDigest: chosen.content.sourceDigest,
      configDigest: chosen.content.configDigest,
      ...(chosen.targetRelease === null ? {} : { targetRelease: chosen.targetRelease }),
      ...(promotion === null ? {} : { promotedFrom: { stack: promotion.stack, release: promotion.release } }),
      ...(body.message === undefined ? {} : { message: body.message }),
      ...(body.seal === undefined ? {} : { seal: body.seal }),
      ...(body.acknowledge === undefined ? {} : { acknowledges: body.acknowledge }),
      ...(body.consent === undefined ? {} : { consent: body.consent }),
    },
  });
  await hintStack(trx, hints, stackId);
  const deployment = await findDeployment(trx, id);
  if (deployment === undefined) throw new Error("the deployment that was just inserted is not there");
  return deployment;
}

/** Throws SlipwayError `option_not_supported` for what only a rollback takes. */
function refuseRollbackOptions(body: RequestDeployment): void {
  if (body.operation === "rollback") return;
  const given = (["cancelRunning", "consent"] as const).filter((name) => body[name] !== undefined);
  if (given.length === 0) return;
  throw new SlipwayError(
    "option_not_supported",
    `The operation '${body.operation}' does not support ${given.join(", ")}.`,
    {
      remedy: "Only a rollback takes it.",
      details: {
        issues: given.map((name) => ({ path: `body.${name}`, message: "has effect on rollback only" })),
      },
    },
  );
}

async function rollbackContent(
  trx: Transaction,
  stackId: string,
  asked: number | undefined,
): Promise<{ content: DeploymentContent; targetRelease: number }> {
  const release = chooseRollbackTarget(await listReleaseContents(trx, stackId), asked);
  return { content: release, targetRelease: release.number };
}

async function remediationContent(
  trx: Transaction,
  stackId: string,
): Promise<{ content: DeploymentContent; targetRelease: number }> {
  const release = chooseRemediationTarget(await listReleaseContents(trx, stackId));
  return { content: release, targetRelease: release.number };
}

/**
 * What a drift check runs with: source and config of the newest release, so that a folder that was edited since changes nothing. A stack that was only ever deployed by the Pulumi CLI
 * has none: its state alone is looked at.
 */
async function lookedAtContent(
  trx: Transaction,
  keyring: Keyring,
  stackId: string,
): Promise<{ content: DeployedContent; targetRelease: number | null }> {
  const [release] = await listReleaseContents(trx, stackId);
  if (release !== undefined) return { content: release, targetRelease: release.number };
  const config = await readStoredConfig(trx, stackId);
  const content = {
    sourceDigest: null,
    lockfileDigest: null,
    commit: null,
    dirty: false,
    config,
    configDigest: await configDigest(keyring, trx, stackId, config),
  };
  return { content, targetRelease: null };
}

/** The source's own config with the stack's config of this moment over it. */
export async function overlaidContent(
  trx: Database,
  keyring: Keyring,
  stackId: string,
  source: RequestedSource,
): Promise<DeploymentContent> {
  const config: StoredConfig = { ...source.config, ...(await readStoredConfig(trx, stackId)) };
  checkRequiredConfig(source.required, config);
  return { ...source, config, configDigest: await configDigest(keyring, trx, stackId, config) };
}

/** Throws SlipwayError `quarantined` for a source and config that are refused on a stack. */
export async function refuseQuarantined(
  trx: Database,
  stackId: string,
  content: DeploymentContent,
): Promise<void> {
  const quarantine = await findQuarantine(trx, stackId, content);
  if (quarantine === undefined) return;
  throw new SlipwayError("quarantined", `This source with this config is quarantined: ${quarantine.reason}`, {
    remedy: "Change the source or the config and request the deployment again.",
  });
}
