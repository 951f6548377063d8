import { randomUUID } from "node:crypto";
import { appendAudit } from "../audit/store.ts";
import type { DriftedResource, DriftValue, RawDrift } from "../contract/drift.ts";
import type { Transaction } from "../database.ts";
import type { Keyring } from "../secrets/keyring.ts";
import type { AlertToOpen } from "./alerts-store.ts";
import { closeAlerts, openAlerts, seeAlerts } from "./alerts-store.ts";
import type { Evaluation, Finding, NewAlert } from "./evaluate.ts";
import { evaluate } from "./evaluate.ts";
import { dropRetry, planRetry, planSecondRead } from "./follow-ups-store.ts";
import type { CheckLook } from "./known-store.ts";
import { lookOf, noteMatched, noteMissing, noteMoved, readKnown, replaceBaseline } from "./known-store.ts";
import { tellClosed, tellOpened } from "./messages.ts";
import { countDrift, UNKNOWN_IN_A_ROW } from "./rules.ts";
import { insertCheck, insertUnchecked, unknownInARow } from "./store.ts";

/** Opened by one check. Of a stack that is another one altogether, these say enough. */
const MOST_ALERTS = 1_000;
/** Who opens an alert that no check has found, as audit entries name it. */
const SLIPWAY = "slipway";
/** Kept of one check's values, in characters. */
const MOST_RAW = 1_000_000;

/** What was read of one resource, as the engine tells it. */
export interface ReadResource {
  urn: string;
  resourceType: string;
  class: Finding["class"];
  changes: readonly {
    path: string;
    side: "input" | "output";
    before: string | null;
    after: string | null;
    valueDigest: string;
    formOnly: boolean;
    sealed: boolean;
  }[];
}

/** A check that came to its end. */
export interface EndedCheck {
  deploymentId: string;
  attemptId: string;
  stackId: string;
  organisation: string;
  /** organisation/project/stack */
  subject: string;
  /** Who made the check, for the audit log. */
  principal: string;
  /** 0: the stack has no state. */
  stateNumber: number;
  release: number | null;
  read: readonly ReadResource[];
}

/** Records what a check found, opens and closes alerts, learns, and plans what follows from it. A second record of the same deployment changes nothing. */
export async function recordDriftCheck(
  trx: Transaction,
  { keyring }: { keyring: Keyring },
  check: EndedCheck,
): Promise<void> {
  const { stackId, deploymentId, stateNumber, organisation, subject } = check;
  const id = randomUUID();
  const look = await lookOf(trx, check);
  const findings = check.read.map((one) => findingOf(keyring, stackId, one));
  const found = evaluate(findings, look, await readKnown(trx, stackId));
  const counts = found.manyGone ? { gone: 0, inputChanged: 0, outputOnly: 0 } : countDrift(found.resources);
  const isNew = await insertCheck(trx, keyring, {
    id,
    stackId,
    deploymentId,
    stateNumber,
    release: check.release,
    kind: look.kind,
    status: found.status,
    cause: found.cause,
    gone: counts.gone,
    inputChanged: counts.inputChanged,
    outputOnly: counts.outputOnly,
    unconfirmed: found.manyGone
      ? findings.filter((one) => one.class === "gone").length
      : found.resources.filter(({ quiet }) => quiet === "unconfirmed").length,
    quiet: found.resources.filter(({ quiet }) => quiet !== null && quiet !== "unconfirmed").length,
    resources: loudFirst(found.resources),
    raw: rawOf(findings),
  });
  if (!isNew) return;
  await appendAudit(trx, {
    principal: check.principal,
    action: "drift.checked",
    organisation,
    subject,
    details: {
      deployment: deploymentId,
      kind: look.kind,
      status: found.status,
      gone: counts.gone,
      inputChanged: counts.inputChanged,
      outputOnly: counts.outputOnly,
    },
    requestId: null,
  });
  const stack = { organisation, subject };
  if (found.manyGone) {
    const { principal } = check;
    await tellAlert(
      trx,
      keyring,
      { ...stack, stackId, checkId: id, principal },
      "many-gone",
      found.cause ?? "",
    );
    return;
  }
  await applyAlerts(trx, keyring, { ...check, checkId: id }, found);
  await learn(trx, check, id, look, found);
  await noteMissing(trx, stackId, id, found);
  if (found.missing.length > 0) await planSecondRead(trx, stackId);
  if (look.scope === null) await dropRetry(trx, stackId);
}

/** Records that the drift check of a deployment that ends now could not be made; nothing when the deployment is none. Three in a row are told of. */
export async function recordUnchecked(
  trx: Transaction,
  { keyring }: { keyring: Keyring },
  deploymentId: string,
  { cause, wasBusy }: { cause: string; wasBusy: boolean },
): Promise<void> {
  const stack = await insertUnchecked(trx, deploymentId, cause);
  if (stack === undefined) return;
  if (wasBusy) await planRetry(trx, stack.stackId);
  if ((await unknownInARow(trx, stack.stackId)) < UNKNOWN_IN_A_ROW) return;
  const summary = `${UNKNOWN_IN_A_ROW} drift checks in a row could not be made. ${cause}`;
  await tellAlert(trx, keyring, stack, "cannot-check", summary);
}

/** Opens an alert about a stack as a whole, audits it and tells of it; nothing when it is open already. */
export async function tellAlert(
  trx: Transaction,
  keyring: Keyring,
  /** `checkId`: of the check, or of the deployment that is to make it. `principal`: who made the check; left out when none was made. */
  stack: { stackId: string; checkId: string; organisation: string; subject: string; principal?: string },
  kind: "cannot-check" | "many-gone",
  summary: string,
): Promise<void> {
  const alert = { kind, fingerprint: kind, urn: null, resourceType: null, path: null, value: null, summary };
  const opened = await openAlerts(trx, keyring, stack, [alert]);
  const told = [...opened.values()].map((id) => ({ id, kind, summary }));
  if (told.length === 0) return;
  const { organisation, subject, principal = SLIPWAY } = stack;
  await tellOpened(trx, { organisation, subject }, told, stack.checkId);
  const alerts = told.map(({ id, summary: what }) => ({ id, summary: what }));
  const details = { check: stack.checkId, alerts };
  await appendAudit(trx, {
    principal,
    action: "drift.opened",
    organisation,
    subject,
    details,
    requestId: null,
  });
}

async function applyAlerts(
  trx: Transaction,
  keyring: Keyring,
  check: EndedCheck & { checkId: string },
  { open, seen, close }: Evaluation,
): Promise<void> {
  const { checkId, organisation, subject } = check;
  const stack = { organisation, subject };
  await seeAlerts(trx, checkId, seen);
  const closed = await closeAlerts(trx, close);
  const opening = open.slice(0, MOST_ALERTS).map(alertToOpen);
  const opened = await openAlerts(trx, keyring, check, opening);
  const told = opening.flatMap(({ kind, fingerprint, summary }) => {
    const id = opened.get(fingerprint);
    return id === undefined ? [] : [{ id, kind, summary }];
  });
  await tellOpened(trx, stack, told, checkId);
  await tellClosed(trx, stack, closed, checkId);
  for (const [action, alerts] of [
    ["drift.opened", told],
    ["drift.closed", closed],
  ] as const) {
    if (alerts.length === 0) continue;
    await appendAudit(trx, {
      principal: check.principal,
      action,
      ...stack,
      details: { deployment: check.deploymentId, alerts: alerts.map(({ id, summary }) => ({ id, summary })) },
      requestId: null,
    });
  }
}

async function learn(
  trx: Transaction,
  { stackId, stateNumber }: EndedCheck,
  checkId: string,
  look: CheckLook,
  found: Evaluation,
): Promise<void> {
  if (look.birth) await replaceBaseline(trx, stackId, { checkId, stateNumber }, found.baseline);
  if (look.scope === null) await noteMoved(trx, stackId, stateNumber, found.moved);
  await noteMatched(trx, found.matchedRules);
}

function alertToOpen({ kind, fingerprint, urn, resourceType, change }: NewAlert): AlertToOpen {
  const name = urn.split("::").at(-1) ?? urn;
  const what = `${name} (${resourceType})`;
  return {
    kind,
    fingerprint,
    urn,
    resourceType,
    path: change?.path ?? null,
    summary: change === null ? `${what} is gone.` : `${change.path} of ${what} has another value.`,
    value: change === null ? null : shownValue(change),
  };
}

function findingOf(keyring: Keyring, stackId: string, read: ReadResource): Finding {
  const { urn } = read;
  const mac = (...parts: (string | null)[]): string =>
    keyring.installation.macOf(JSON.stringify(["drift", stackId, urn, ...parts]));
  return {
    ...read,
    fingerprint: mac(null),
    changes: read.changes.map(({ valueDigest, ...change }) => ({
      ...change,
      fingerprint: mac(change.path, valueDigest),
    })),
  };
}

function shownValue({ path, side, before, after }: Finding["changes"][number]): DriftValue {
  return { path, side, before, after };
}

function rawOf(findings: readonly Finding[]): RawDrift {
  const items: RawDrift["items"] = [];
  let size = 0;
  for (const { urn, class: kind, changes } of findings) {
    if (kind === "same") continue;
    const item = { urn, class: kind, values: changes.map(shownValue) };
    size += JSON.stringify(item).length;
    if (size > MOST_RAW) return { complete: false, items };
    items.push(item);
  }
  return { complete: true, items };
}

/** Lists are cut: what counts must not be behind what does not. */
function loudFirst(resources: readonly DriftedResource[]): DriftedResource[] {
  const weight = ({ quiet, class: kind }: DriftedResource): number =>
    (quiet === null ? 0 : 10) + (kind === "output-only" ? 1 : 0);
  return resources.toSorted((one, other) => weight(one) - weight(other));
}
