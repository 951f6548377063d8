import type { PolicyFinding } from "../contract/policies.ts";
import type { Finding } from "../policies/rules.ts";
import type { StackPolicySet, UsableOverride } from "../policies/store.ts";

/** A pack that is laid out for the engine. */
export interface LaidPack {
  /** Absolute folder. */
  path: string;
  /** Of the rule that asks for it; null: the project does. */
  ruleId: string | null;
  name: string;
  version: string | null;
  /** Of its content; null: it is part of the source. */
  digest: string | null;
  overridable: boolean;
  /** As the engine takes it. */
  config: Record<string, unknown>;
  /** Policies whose violations an override passes over, and which the engine is told are advisory. */
  passedOver: string[];
}

/** A pack that can stop nothing here and could not be asked either. */
export interface UnaskedPack {
  ruleId: string;
  name: string;
  version: string | null;
  why: string;
}

/** What an attempt's policies are. */
export interface LaidPolicies {
  set: StackPolicySet;
  packs: LaidPack[];
  /** Of all that they look at. */
  content: string;
  override: UsableOverride | undefined;
  /** Ids of rules that stop nothing here: the deployment is an automatic rollback to a release that is older. */
  reporting: ReadonlySet<string>;
  /** Packs of such rules that could not be asked: told, and nothing waits for them. */
  unasked: readonly UnaskedPack[];
  /** What was found before the change; not there before the step for policies. */
  found?: readonly Finding[];
}

/** What packs said during one engine operation. */
export interface PacksSaid {
  findings: PolicyFinding[];
  /** Names by folder, of those that have run. */
  ran: Map<string, { name: string; version: string }>;
  /** Whether the engine ended for what they said, and for nothing else. */
  stopped: boolean;
}
