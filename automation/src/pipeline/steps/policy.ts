import { appendAudit } from "../../audit/store.ts";
import { subjectOf } from "../../audit/subject.ts";
import { ProtectedTypes, RequiredTags } from "../../contract/policies.ts";
import type { PlannedStep } from "../../contract/previews.ts";
import type { BuiltInFinding } from "../../policies/built-in.ts";
import { missingTags, protectedChanges } from "../../policies/built-in.ts";
import { recordCheck } from "../../policies/results-store.ts";
import type { Finding, Judged } from "../../policies/rules.ts";
import { canOverride, countFindings, findingsSeal, judge, violations } from "../../policies/rules.ts";
import type { LiveRule } from "../../policies/store.ts";
import { useOverride } from "../../policies/store.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { principalOf } from "../context.ts";
import { findingsOfPacks, findingsOfUnasked, hasPolicies, ranAs, unheardPacks } from "../policy-findings.ts";
import type { LaidPolicies } from "../policy-types.ts";

/** Decides by what packs said of this attempt's preview, and by the built-in policies. A mandatory violation ends the deployment before anything is touched, and so does a policy that could not be asked. */
export async function policy(run: AttemptRun): Promise<StepOutcome> {
  const { policies } = run.results;
  if (policies === undefined || !hasPolicies(run)) {
    return { state: "skipped", detail: "no policies" };
  }
  const previewed = run.results.previewed?.steps;
  if (previewed === undefined) {
    return unchecked("There is no preview that policies could look at.", "Deploy with a preview.");
  }
  const unheard = unheardPacks(policies, run.results.packs);
  if (unheard.length > 0) {
    return unchecked(
      `Not all policy packs could be asked: ${unheard.join(", ")}.`,
      "Correct the pack, or let an admin end the rule that asks for it.",
    );
  }
  const own = [
    ...policies.set.rules.flatMap((rule) => findingsOfRule(rule, previewed)),
    ...findingsOfUnasked(policies, run.results.packs),
  ];
  for (const { ruleId: _, overridable: __, ...finding } of own)
    run.events.emit({ type: "policy", step: "policy", ...finding });
  const findings = [...findingsOfPacks(policies, run.results.packs), ...own];
  run.results.policies = { ...policies, found: findings };
  const judged = await holdWhileDatabaseIsAway(() => decide(run, policies, findings), run.stop);
  const [first, ...more] = violations(judged);
  if (first !== undefined) return violated(run, judged, first, more.length);
  // The engine says that a mandatory policy stopped it, and nobody here knows of one: never go on.
  if (run.results.packs?.stopped === true) {
    return unchecked(
      "A policy stopped the preview and could not be told.",
      "Look at the events of the preview.",
    );
  }
  return { state: "succeeded", detail: summary(policies, judged) };
}

/** What a built-in rule finds. */
function findingsOfRule(rule: LiveRule, steps: readonly PlannedStep[]): Finding[] {
  if (rule.kind === "pack") return [];
  const found: BuiltInFinding[] =
    rule.kind === "required-tags"
      ? missingTags(steps, RequiredTags.parse(rule.config))
      : protectedChanges(steps, ProtectedTypes.parse(rule.config));
  return found.map((one) => ({
    ...one,
    ruleId: rule.id,
    pack: "slipway",
    version: null,
    policy: rule.kind,
    level: rule.level === "advisory" ? "advisory" : "mandatory",
    overridable: rule.overridable,
  }));
}

/** Judges and records it, and uses the override when it is needed, in one transaction. An override that another deployment has used meanwhile is none. */
function decide(run: AttemptRun, policies: LaidPolicies, findings: readonly Finding[]): Promise<Judged[]> {
  const { claim, context } = run;
  return context.db.transaction().execute(async (trx) => {
    const { override, reporting } = policies;
    let judged = judge(findings, override?.findings ?? [], reporting);
    const passesOver = judged.some(({ outcome }) => outcome === "overridden");
    if (override !== undefined && passesOver && violations(judged).length === 0) {
      if (!(await useOverride(trx, override.id, claim.deploymentId))) judged = judge(findings, [], reporting);
    } else if (passesOver) judged = judge(findings, [], reporting);
    const stopping = violations(judged);
    await recordCheck(
      trx,
      claim,
      {
        setDigest: policies.set.digest,
        setVersion: policies.set.version,
        packs: packsOf(run, policies),
        content: policies.content,
        seal: findingsSeal(policies.content, findings),
        stopped: stopping.length > 0,
      },
      judged,
    );
    const isOverridden = judged.some(({ outcome }) => outcome === "overridden");
    const isReported = judged.some(({ outcome }) => outcome === "reported");
    if (stopping.length > 0 || isOverridden || isReported) {
      await appendAudit(trx, {
        principal: principalOf(context),
        action:
          stopping.length > 0 ? "policy.stopped" : isOverridden ? "policy.override_used" : "policy.reported",
        organisation: claim.organisation,
        subject: subjectOf(claim),
        details: {
          deployment: claim.deploymentId,
          attempt: claim.attempt,
          rules: policies.set.version,
          ...countFindings(judged),
          ...(isOverridden && override !== undefined ? { override: override.id } : {}),
        },
        requestId: null,
      });
    }
    return judged;
  });
}

function packsOf(
  run: AttemptRun,
  { packs }: LaidPolicies,
): { name: string; version: string; digest: string | null }[] {
  return packs.map((pack) => ({
    name: pack.name,
    version: pack.version ?? ranAs(pack, run.results.packs)[0]?.version ?? "",
    digest: pack.digest,
  }));
}

function violated(run: AttemptRun, judged: readonly Judged[], first: Judged, more: number): StepOutcome {
  const where = first.urn === null ? "" : ` at ${first.urn.split("::").at(-1) ?? first.urn}`;
  const others = more === 0 ? "" : ` And ${more} more.`;
  const { deploymentId } = run.claim;
  const override = canOverride(judged)
    ? ` Somebody with that right may answer for it: slipway policies override ${deploymentId}.`
    : "";
  return {
    state: "failed",
    failure: {
      code: "policy_violation",
      detail: `${first.pack}/${first.policy}${where}: ${first.message.replace(/\.?$/, ".")}${others}`,
      remedy: `Nothing was changed. Correct the program and deploy again; slipway policies results ${deploymentId} lists all.${override}`,
    },
  };
}

function unchecked(detail: string, remedy: string): StepOutcome {
  return {
    state: "failed",
    failure: { code: "policy_unchecked", detail, remedy: `Nothing was changed. ${remedy}` },
  };
}

function summary({ set, packs }: LaidPolicies, judged: readonly Judged[]): string {
  const { advisory, remediated, overridden, reported } = countFindings(judged);
  const builtIn = set.rules.filter(({ kind }) => kind !== "pack").length;
  const said = [
    advisory > 0 ? `${advisory} advisory` : "",
    remediated > 0 ? `${remediated} remediated` : "",
    overridden > 0 ? `${overridden} overridden` : "",
    reported > 0 ? `${reported} reported by rules that are newer than the release` : "",
  ].filter((one) => one !== "");
  return `${packs.length} packs, ${builtIn} built-in: ${said.length === 0 ? "nothing found" : said.join(", ")}`;
}
