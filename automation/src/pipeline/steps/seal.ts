import { appendAudit } from "../../audit/store.ts";
import { subjectOf } from "../../audit/subject.ts";
import { createRedactor } from "../../engine/redact.ts";
import { withSealedNames, withSealedSeeds } from "../../seals/drawn-names.ts";
import { withOpenCredentials } from "../../seals/loosen-plan.ts";
import { staleFailure } from "../../seals/moved-words.ts";
import { writePlan } from "../../seals/plan-file.ts";
import { sealedOperation, sealedOptions } from "../../seals/request.ts";
import type { Comparison, SealedDeployment, SealFacts } from "../../seals/rules.ts";
import { compare, seal as sealOf } from "../../seals/rules.ts";
import { ciphertextsOf, seedsOf, stepsOfPlan, stepsOfReport } from "../../seals/sealed-steps.ts";
import { presentFacts } from "../../seals/stale.ts";
import type { StoredSeal } from "../../seals/store.ts";
import { bindingSeal, packSeal, putSeal, recordBinding, recordMoved } from "../../seals/store.ts";
import { macsOf } from "../../seals/value-macs.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { failureOf, keptResult, preparedOf } from "../attempt-run.ts";
import { principalOf } from "../context.ts";
import { inFence } from "../record-release.ts";

type Bound = Exclude<Comparison, { stale: unknown }>;

/**
 * Seals what the deployment is about to do. Where people have seen a seal already, what is about to run is compared with it: nothing has been changed yet, and whatever is not as they saw it ends the
 * deployment.
 */
export async function seal(run: AttemptRun): Promise<StepOutcome> {
  if (run.results.previewed === undefined) {
    return keptResult(run, "preview") === undefined
      ? { state: "skipped", detail: "nothing was previewed" }
      : { state: "skipped", detail: "sealed by an earlier attempt" };
  }
  try {
    const sealed = await holdWhileDatabaseIsAway(
      () => bindingSeal(run.context.db, run.context.keyring, run.claim.deploymentId),
      run.stop,
    );
    const { made, macKeyVersion } = await holdWhileDatabaseIsAway(() => makeSeal(run, sealed), run.stop);
    if (sealed === undefined) return await store(run, made, macKeyVersion, null);
    const comparison = compare(sealed, made);
    if ("stale" in comparison) return await endAsStale(run, sealed, comparison.stale);
    await takeSealedNames(run, comparison);
    return sealed.deploymentId === run.claim.deploymentId
      ? await bind(run, sealed, comparison)
      : await store(run, asSealed(made, comparison), macKeyVersion, comparison);
  } catch (error) {
    if (run.stop.aborted) throw error;
    return { state: "failed", failure: failureOf("seal_failed", error) };
  }
}

async function makeSeal(
  run: AttemptRun,
  sealed: StoredSeal | undefined,
): Promise<{ made: SealedDeployment; macKeyVersion: number }> {
  const { context, claim, results } = run;
  const { db, keyring } = context;
  const { plan = null, steps = [] } = results.previewed ?? {};
  // Values can only be compared under the key that the first ones were taken under.
  const dataKey =
    sealed === undefined
      ? await keyring.newest(db, claim.stackId)
      : await keyring.version(db, claim.stackId, sealed.macKeyVersion);
  const facts = await factsOf(run);
  if (plan === null) return { made: sealOf(facts, stepsOfReport(steps), {}), macKeyVersion: dataKey.version };
  const macOf = await macsOf(db, keyring, dataKey, ciphertextsOf(plan));
  const sealedSteps = stepsOfPlan(plan, { macOf, folder: run.folder });
  return { made: sealOf(facts, sealedSteps, seedsOf(plan)), macKeyVersion: dataKey.version };
}

async function factsOf(run: AttemptRun): Promise<SealFacts> {
  const { context, claim, pinned, results } = run;
  const providers = results.previewed?.providers ?? [];
  const plugins = new Map(
    providers.map(({ name, version }) => [`${name}@${version ?? ""}`, { name, version }]),
  );
  return {
    operation: sealedOperation(claim.operation),
    options: sealedOptions(claim.options),
    source: pinned?.sourceDigest ?? claim.sourceDigest,
    lockfile: pinned === null ? claim.lockfileDigest : pinned.lockfileDigest,
    config: pinned?.configDigest ?? claim.configDigest,
    cli: context.pulumiVersion,
    plugins: [...plugins.entries()]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, plugin]) => plugin),
    artifacts: [...results.artifacts].sort((one, other) => (one.name < other.name ? -1 : 1)),
    ...(await presentFacts(context.db, context.keyring, claim.stackId)),
  };
}

/** The names that were approved are those that are created: the plan of this attempt takes them, and what they are drawn from. */
async function takeSealedNames({ results }: AttemptRun, { drawn }: Bound): Promise<void> {
  const { planFile, previewed } = results;
  if (drawn.names.size === 0 || planFile === undefined || previewed?.plan == null) return;
  const plan = withOpenCredentials(withSealedSeeds(previewed.plan, drawn), previewed.providers);
  results.planFile = await writePlan(planFile.path, plan);
}

function asSealed(made: SealedDeployment, { drawn }: Bound): SealedDeployment {
  const { plan: _, ...facts } = made.items;
  return sealOf(facts, withSealedNames(made.steps, drawn), { ...made.seeds, ...drawn.seeds });
}

/** The first seal of the deployment, which nobody has been asked about. `comparison`: with the one that its request named. */
async function store(
  run: AttemptRun,
  made: SealedDeployment,
  macKeyVersion: number,
  comparison: Bound | null,
): Promise<StepOutcome> {
  const { context, claim } = run;
  const { deploymentId, stackId, attempt } = claim;
  const binding = comparison?.binding ?? "exact";
  const body = await packSeal(context.db, context.keyring, stackId, made, macKeyVersion);
  await inFence(run, async (trx) => {
    await putSeal(trx, { deploymentId, stackId, attempt }, made, body);
    await recordBinding(trx, deploymentId, binding);
    await audit(run, trx, "deployment.sealed", { seal: made.digest, binding, ...differingOf(comparison) });
  });
  run.results.sealed = { digest: made.digest, binding };
  return { state: "succeeded", detail: `${made.digest}; ${inWords(comparison)}` };
}

/** What is about to run is what people were asked about. */
async function bind(run: AttemptRun, { digest }: StoredSeal, comparison: Bound): Promise<StepOutcome> {
  const { binding } = comparison;
  await inFence(run, async (trx) => {
    await recordBinding(trx, run.claim.deploymentId, binding);
    await audit(run, trx, "deployment.seal_compared", { seal: digest, binding, ...differingOf(comparison) });
  });
  run.results.sealed = { digest, binding };
  return { state: "succeeded", detail: `${digest}; ${inWords(comparison)}` };
}

async function endAsStale(
  run: AttemptRun,
  { digest }: StoredSeal,
  found: Extract<Comparison, { stale: unknown }>["stale"],
): Promise<StepOutcome> {
  // A program may write a secret of its config where nothing marks it as one.
  const moved = createRedactor(preparedOf(run).secrets).json(found) as typeof found;
  await inFence(run, async (trx) => {
    await recordMoved(trx, run.claim.deploymentId, moved);
    await audit(run, trx, "deployment.seal_compared", { seal: digest, moved });
  });
  return { state: "over", status: "stale", failure: staleFailure(moved) };
}

function inWords(comparison: Bound | null): string {
  if (comparison === null) return "binding exact";
  if (comparison.binding === "exact") return "compared with what was sealed before: binding exact";
  const named = comparison.differing.map(({ urn, path }) => `${urn.split("::").at(-1)} ${path}`).join(", ");
  return `compared with what was sealed before: binding equivalent, other credentials of providers (${named})`;
}

function differingOf(comparison: Bound | null): Record<string, unknown> {
  return comparison?.binding === "equivalent" ? { differing: comparison.differing } : {};
}

function audit(
  { context, claim }: AttemptRun,
  trx: Parameters<typeof appendAudit>[0],
  action: string,
  details: Record<string, unknown>,
): Promise<unknown> {
  return appendAudit(trx, {
    principal: principalOf(context),
    action,
    organisation: claim.organisation,
    subject: subjectOf(claim),
    details: { deployment: claim.deploymentId, attempt: claim.attempt, ...details },
    requestId: null,
  });
}
