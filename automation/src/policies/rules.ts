import type { PolicyFinding, PolicyLevel } from "../contract/policies.ts";
import { canonicalJson, digestOf } from "../seals/canonical.ts";

/** What decides whether a rule is for a stack. */
export interface RuleScope {
  projectId: string | null;
  tag: { name: string; value: string } | null;
}

/** Whether a rule is for a stack: its project and its tag, where the rule names them. */
export function appliesTo(
  { projectId, tag }: RuleScope,
  stack: { projectId: string; tags: Readonly<Record<string, string>> },
): boolean {
  if (projectId !== null && projectId !== stack.projectId) return false;
  return tag === null || (Object.hasOwn(stack.tags, tag.name) && stack.tags[tag.name] === tag.value);
}

/** What of a rule decides what it does; its id does not, nor who made it. */
export interface RuleContent {
  kind: string;
  pack: { name: string; version: string; digest: string } | null;
  level: PolicyLevel;
  overridable: boolean;
  holdsForRollbacks: boolean;
  config: Readonly<Record<string, unknown>>;
}

/** The digest of a set of rules: the same exactly while they do the same, in whatever order they were made. */
export function setDigest(rules: readonly RuleContent[]): string {
  const each = rules.map(({ kind, pack, level, overridable, holdsForRollbacks, config }) =>
    // Only where it is set: what was sealed before there was such a thing is still the same.
    canonicalJson({
      kind,
      pack,
      level,
      overridable,
      ...(holdsForRollbacks ? { holdsForRollbacks } : {}),
      config,
    }),
  );
  return digestOf(each.sort());
}

/** Something that a policy found. */
export interface Finding extends PolicyFinding {
  /** Of the rule that brought the policy; null: a pack of the project's own. */
  ruleId: string | null;
  /** Whether the rule lets somebody answer for it. */
  overridable: boolean;
}

export type Outcome = "violated" | "overridden" | "remediated" | "reported";

/** A finding with what became of it. */
export interface Judged extends Finding {
  outcome: Outcome;
}

/** What an override of a finding names: a rule's policy at the resource. What a policy says of it may be worded anew each time. */
export type FindingName = Pick<Finding, "ruleId" | "policy" | "urn">;

/** What was asked for, as far as it decides what policies look at. */
export interface CheckedContent {
  sourceDigest: string | null;
  configDigest: string;
  operation: string;
  options: Readonly<Record<string, unknown>>;
  targetRelease: number | null;
  setDigest: string;
}

/** The digest of what is looked at. An override is for this alone: whatever changes in it, the override is for something else. */
export function contentDigest(content: CheckedContent): string {
  return digestOf(content);
}

/** The seal of what a person passes over: all that was looked at, and each violation with its words. */
export function findingsSeal(content: string, findings: readonly Finding[]): string {
  const each = mandatory(findings).map(({ ruleId, pack, version, policy, urn, message }) =>
    canonicalJson({ ruleId, pack, version, policy, urn, message }),
  );
  return digestOf([content, ...each.sort()]);
}

/**
 * Whether a rule can stop an automatic rollback to a release. What that release deployed was good then: a rule that came later and judges what is deployed has nothing to say against going back to it
 * while something is broken, unless whoever made it wants that. What `protected-types` judges is the change itself, which nobody has looked at before.
 */
export function stopsRollback(
  rule: Pick<RuleContent, "kind" | "holdsForRollbacks"> & { enabledAt: string },
  releasedAt: Date,
): boolean {
  if (rule.kind === "protected-types" || rule.holdsForRollbacks) return true;
  return Date.parse(rule.enabledAt) <= releasedAt.getTime();
}

/**
 * Decides about each finding. Of the mandatory ones those that an override names are passed over, if their rule allows that. `reporting`: rules that stop nothing here, whatever they find.
 */
export function judge(
  findings: readonly Finding[],
  override: readonly FindingName[],
  reporting: ReadonlySet<string> = new Set(),
): Judged[] {
  const named = new Set(override.map(nameOf));
  return findings.map((finding) => ({
    ...finding,
    outcome:
      finding.ruleId !== null && reporting.has(finding.ruleId)
        ? "reported"
        : finding.level === "remediate"
          ? "remediated"
          : finding.level === "mandatory" && finding.overridable && named.has(nameOf(finding))
            ? "overridden"
            : "violated",
  }));
}

/** The violations that stop a deployment. */
export function violations(judged: readonly Judged[]): Judged[] {
  return judged.filter(({ level, outcome }) => level === "mandatory" && outcome === "violated");
}

/** Whether somebody who may can pass over all violations: one that nobody can pass over stops the deployment whatever is said of the others. */
export function canOverride(judged: readonly Judged[]): boolean {
  const stopping = violations(judged);
  return stopping.length > 0 && stopping.every(({ overridable }) => overridable);
}

/** What the findings of a level come to, for people. */
export function countFindings(judged: readonly Pick<Judged, "level" | "outcome">[]): {
  mandatory: number;
  advisory: number;
  remediated: number;
  overridden: number;
  reported: number;
} {
  const of = (wanted: (one: Pick<Judged, "level" | "outcome">) => boolean): number =>
    judged.filter(wanted).length;
  return {
    mandatory: of(({ level, outcome }) => level === "mandatory" && outcome === "violated"),
    advisory: of(({ level, outcome }) => level === "advisory" && outcome !== "reported"),
    remediated: of(({ outcome }) => outcome === "remediated"),
    overridden: of(({ outcome }) => outcome === "overridden"),
    reported: of(({ outcome }) => outcome === "reported"),
  };
}

/**
 * The config of a pack as the engine takes it: the rule's own, its level for all policies that the config does not name, and the policies whose violations are passed over made advisory,
 * since the engine ends at a mandatory one.
 */
export function packConfig(
  rule: { level: PolicyLevel; config: Readonly<Record<string, unknown>> },
  passedOver: readonly string[],
): Record<string, unknown> {
  const config: Record<string, unknown> = { ...rule.config };
  if (rule.level !== "pack" && !Object.hasOwn(config, "all")) config.all = rule.level;
  for (const policy of passedOver) {
    const own = Object.hasOwn(config, policy) ? config[policy] : undefined;
    config[policy] = isRecord(own) ? { ...own, enforcementLevel: "advisory" } : "advisory";
  }
  return config;
}

/** The config of a pack that can only report: each policy that is on is made advisory, since the engine ends at a mandatory one, and a remediation would change what is gone back to. */
export function reportingConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const each = Object.entries(config).map(([policy, own]): [string, unknown] => {
    if (own === "disabled") return [policy, own];
    if (!isRecord(own)) return [policy, "advisory"];
    return [policy, own.enforcementLevel === "disabled" ? own : { ...own, enforcementLevel: "advisory" }];
  });
  return { all: "advisory", ...Object.fromEntries(each) };
}

function mandatory(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ level }) => level === "mandatory");
}

/** A finding by its name, as text. */
export function nameOf({ ruleId, policy, urn }: FindingName): string {
  return JSON.stringify([ruleId, policy, urn]);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
