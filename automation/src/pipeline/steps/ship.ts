import path from "node:path";
import { unpackedServiceFolder } from "../../artifacts/service-folder.ts";
import type { TaskAnswer } from "../../aws/task-request.ts";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { Shipment } from "../../contract/aws/shipment.ts";
import { ALIAS_TYPE, FUNCTION_TYPE, hasManifest, manifestOf, servingOn } from "../../shipments/rules.ts";
import type { KeptShipment } from "../../shipments/store.ts";
import { recordShipment, servingShipment, shipmentOf } from "../../shipments/store.ts";
import { currentFacts } from "../../state/current-facts.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { failureOf, preparedOf } from "../attempt-run.ts";
import type { TaskEnd } from "../aws-tasks.ts";
import { runAwsTask } from "../aws-tasks.ts";
import { auditRelease, factsOf, inFence } from "../record-release.ts";
import { runEngine } from "../run-engine.ts";

/** Longer than a canary and an invalidation at their slowest: whatever hangs beyond it hangs for good. */
const SHIP_TIMEOUT_SECONDS = 7_200;

/** Resources whose versions the pipeline moves. */
const SHIPPED_TYPES: readonly string[] = [FUNCTION_TYPE, ALIAS_TYPE];

const SHOWN_OF_DIGEST = 12;

/** A release that a shipment belongs to. */
interface Shipped {
  id: string;
  number: number;
}

/** What is to be done: artifacts put in place, or an earlier release's shipment put back. */
type Plan =
  | { task: "ship"; input: Readonly<Record<string, unknown>>; restoredFrom: null }
  | { task: "restore"; input: Readonly<Record<string, unknown>>; restoredFrom: Shipped };

/**
 * On a stack of the target aws: puts functions and site of the release in place beside what Pulumi declares, and records what serves. All of it, or what served before serves on. A successor of a lost
 * attempt does it again: what is there already is found by its content and not made twice.
 */
export async function ship(run: AttemptRun): Promise<StepOutcome> {
  const { outputs } = await factsOf(run);
  if (!hasManifest(outputs))
    return { state: "skipped", detail: "the stack has no manifest of the target aws" };
  const { release } = run.results;
  if (release === undefined) throw new Error("a shipment is of a release, and there is none");
  let manifest: AwsManifest;
  try {
    manifest = manifestOf(outputs);
  } catch (error) {
    return { state: "failed", failure: failureOf("manifest_invalid", error) };
  }
  const { db } = run.context;
  const done = await holdWhileDatabaseIsAway(() => shipmentOf(db, release.id), run.stop);
  let detail = "in place since an earlier attempt";
  if (done === undefined) {
    const plan = await planOf(run, manifest);
    if (plan === null)
      return {
        state: "skipped",
        detail: "slipway.yaml names neither functions nor a site: nothing is shipped",
      };
    const { region } = manifest;
    const end = await runAwsTask(run, "ship", { ...plan, region }, SHIP_TIMEOUT_SECONDS);
    const kept = await keep(run, { release, manifest, plan, end });
    if (kept.outcome !== null) return kept.outcome;
    detail = kept.detail;
  }
  return readAgain(run, detail);
}

/** What this attempt has to do; null: nothing of the source is shipped. */
async function planOf(run: AttemptRun, manifest: AwsManifest): Promise<Plan | null> {
  const { context, claim, pinned, stop } = run;
  const { db } = context;
  const { ship: settings } = preparedOf(run).files.manifest;
  const serving = await holdWhileDatabaseIsAway(() => servingShipment(db, claim.stackId), stop);
  const common = {
    reference: `${claim.deploymentId}-${claim.attempt}`,
    manifest,
    serving: servingOn(manifest, serving),
    previous: serving?.shipment ?? null,
    ...(settings === undefined ? {} : { limits: settings.limits }),
  };
  const repeats = claim.operation === "rollback" || claim.operation === "remediate-drift" ? pinned : null;
  const target: KeptShipment | undefined =
    repeats === null ? undefined : await holdWhileDatabaseIsAway(() => shipmentOf(db, repeats.id), stop);
  if (repeats !== null && target !== undefined)
    return { task: "restore", input: { ...common, target: target.shipment }, restoredFrom: repeats };
  const sources = await sourcesOf(run);
  if (sources.functionFolders.length === 0 && sources.site === null) return null;
  return {
    task: "ship",
    input: { ...common, ...sources, version: versionOf(run), canary: settings?.canary ?? null },
    restoredFrom: null,
  };
}

/** What people call the release: its commit, or its source. Another release of the same source is the same version, so that nothing of it is uploaded anew. */
function versionOf({ claim, pinned }: AttemptRun): string {
  const { commit, dirty, sourceDigest } = pinned ?? claim;
  if (commit !== null && !dirty) return commit.slice(0, SHOWN_OF_DIGEST);
  return (sourceDigest ?? "").replace("sha256:", "").slice(0, SHOWN_OF_DIGEST);
}

/** Where the functions and the site of this deployment lie: in its artifacts, never in the source. */
async function sourcesOf(run: AttemptRun) {
  const { context, results } = run;
  const { services } = preparedOf(run).files.manifest;
  const functionFolders: string[] = [];
  let site: { folder: string; configFile: string | null } | null = null;
  for (const [name, service] of Object.entries(services)) {
    const artifact = results.artifacts.find((one) => one.name === name);
    if (artifact === undefined || (service.functions ?? service.site) === undefined) continue;
    const folder = await unpackedServiceFolder(context.artifacts, artifact.digest);
    if (service.functions !== undefined) functionFolders.push(path.join(folder, service.functions));
    if (service.site !== undefined)
      site = { folder: path.join(folder, service.site), configFile: service.siteConfig ?? null };
  }
  return { functionFolders, site };
}

/** Records what a task has put in place, also of one that was asked to end when it had done it all. `outcome`: how the step ends instead of going on. */
async function keep(
  run: AttemptRun,
  { release, manifest, plan, end }: { release: Shipped; manifest: AwsManifest; plan: Plan; end: TaskEnd },
): Promise<{ outcome: StepOutcome | null; detail: string }> {
  const { answer, why, isStopped } = end;
  if (answer === null || answer.state === "failed") {
    const outcome: StepOutcome = isStopped
      ? { state: "stopped" }
      : { state: "failed", failure: answer === null ? unknownEnd(why) : failed(answer) };
    return { outcome, detail: "" };
  }
  const shipment = Shipment.parse(answer.result);
  const { stackId, deploymentId } = run.claim;
  const { restoredFrom } = plan;
  await run.events.flush();
  await inFence(run, async (trx) => {
    await recordShipment(trx, {
      stackId,
      deploymentId,
      releaseId: release.id,
      restoredFrom: restoredFrom?.id ?? null,
      manifest,
      shipment,
      parts: answer.parts,
    });
    await auditRelease(trx, run, "release.shipped", release.number, {
      functions: Object.fromEntries(
        Object.entries(shipment.functions).map(([name, { version }]) => [name, version]),
      ),
      files: Object.keys(shipment.site).length,
      restoredFrom: restoredFrom?.number ?? null,
    });
  });
  return { outcome: isStopped ? { state: "stopped" } : null, detail: describe(shipment, restoredFrom) };
}

function failed({ failure }: Extract<TaskAnswer, { state: "failed" }>) {
  return { code: failure.code, detail: failure.message, remedy: failure.remedy };
}

function unknownEnd(why: string) {
  return {
    code: "ship_failed",
    detail: `Shipping ended without an answer: ${why}. Which versions serve is not known.`,
    remedy: "Deploy again or roll back: both put every alias where it belongs.",
  };
}

function describe({ functions, site }: Shipment, restoredFrom: Shipped | null): string {
  const versions = Object.entries(functions)
    .map(([name, { version }]) => `${name} ${version}`)
    .join(", ");
  const files = Object.keys(site).length;
  const from = restoredFrom === null ? "" : `; put back as release ${restoredFrom.number} had it`;
  return `serves ${versions === "" ? "no function" : versions}; ${files} files${from}`;
}

/**
 * Has the engine read functions and aliases again, so that the state says what is there and the next refresh finds nothing. What serves is right without it: an engine that cannot read now is told of, and
 * fails nothing.
 */
async function readAgain(run: AttemptRun, detail: string): Promise<StepOutcome> {
  const { context, claim, stop } = run;
  const current = await holdWhileDatabaseIsAway(
    () => currentFacts(context.db, context.keyring, claim.stackId),
    stop,
  );
  const targets = (current?.facts.resources ?? []).flatMap(({ urn, type }) =>
    SHIPPED_TYPES.includes(type) ? [urn] : [],
  );
  if (targets.length === 0) return { state: "succeeded", detail };
  const outcome = await runEngine(run, "ship", "refresh", {}, () => {}, { targets });
  if (outcome.status === "interrupted") return { state: "stopped" };
  if (outcome.status === "succeeded") return { state: "succeeded", detail };
  const why = outcome.errors[0]?.trim() ?? "the engine did not say why";
  const line = `What serves is in place and recorded, but it was not read into the stack's state: ${why}`;
  run.events.emit({ type: "output", step: "ship", stream: "stderr", line });
  return { state: "succeeded", detail: `${detail}; not read into the state, which the next refresh does` };
}
