import type { Policies, PolicyResource, ResourceValidationArgs } from "@pulumi/policy";
import type { Declared } from "./graph.ts";
import { withoutEnvelopes } from "./secrets.ts";

export interface Violation {
  policy: string;
  message: string;
}

/** Asks policies about a graph in this process, as the engine would ask a pack. */
export async function violationsOf(policies: Policies, resources: readonly Declared[]): Promise<Violation[]> {
  const violations: Violation[] = [];
  const seen = resources.map(asSeen);
  for (const policy of policies) {
    const report = (message: string) => violations.push({ policy: policy.name, message });
    if ("validateStack" in policy) {
      const resourcesOfStack = seen as unknown as PolicyResource[];
      await policy.validateStack(
        { resources: resourcesOfStack, stackTags: new Map(), getConfig, notApplicable },
        report,
      );
      continue;
    }
    const checks = "validateResource" in policy ? [policy.validateResource ?? []].flat() : [];
    for (const check of checks) for (const one of seen) await check(one, report);
  }
  return violations;
}

function asSeen({ type, name, inputs, protect, ignoreChanges }: Declared): ResourceValidationArgs {
  return {
    type,
    name,
    urn: `urn:pulumi:test::slipway::${type}::${name}`,
    props: withoutEnvelopes(inputs) as Record<string, unknown>,
    opts: {
      protect,
      ignoreChanges,
      aliases: [],
      additionalSecretOutputs: [],
      customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
    },
    stackTags: new Map(),
    isType: () => false,
    asType: () => undefined,
    getConfig,
    notApplicable,
  };
}

function getConfig<T extends object>(): T {
  return {} as T;
}

function notApplicable(reason?: string): never {
  throw new Error(`A policy of this repository says that it does not apply: ${reason ?? "no reason"}.`);
}
