import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of minutes: begun last they would leave one worker at work when all others are done. */
const LONGEST = [
  "tour",
  "onboarding-leaving",
  "many-machines",
  "local-target",
  "drain",
  "rollback",
  "rollback-holds",
  "policies",
  "seals",
  "approvals-side-doors",
  "interrupted",
  "pipeline",
  "engine-containment",
  "engine-pulumi",
  "faults",
  "drift",
  "state-writers-cli",
  "cli-deploy",
  "gates-metric",
  "gates",
];

/** Runs the files of minutes first, in this order, and the rest as vitest would. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return found === -1 ? LONGEST.length : found;
    };
    const sorted = await super.sort(files);
    return sorted.sort((one, other) => rank(one) - rank(other));
  }
}
