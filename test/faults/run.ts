import { randomUUID } from "node:crypto";
import { makeBed } from "./bed.ts";
import { canaryIsSilent, NOT_YET, nothingIsLeft } from "./checks.ts";
import { runControls } from "./controls/run.ts";
import { choosePlans } from "./plan.ts";
import { boundOf, lineOf, tableOf } from "./report.ts";
import { runTrial, type TrialResult, type TrialShared } from "./trial.ts";

export interface FaultOptions {
  trials: number;
  seed: number;
  /** Names of points and victims; empty: all. */
  only: readonly string[];
  json: boolean;
  controls: boolean;
  say: (line: string) => void;
  /** Ends everything that was started. */
  signal: AbortSignal;
}

/** Everything is looked through for the canary so often. */
const SEARCH_EVERY = 10;
/** What is left so long after the last trial stays. */
const SETTLED_MS = 60_000;

/** Runs trials, prints each and a table; answers the exit code: 1 with any violation or trial that says nothing. */
export async function runFaults(options: FaultOptions): Promise<number> {
  const { say } = options;
  if (options.controls) return runControls(options);
  const results: TrialResult[] = [];
  const plans = choosePlans(options);
  if (!options.json) say(`seed ${options.seed}, ${plans.length} trials`);
  const bed = await makeBed();
  // The trial under way finds nothing any more and ends as one that says nothing.
  options.signal.addEventListener("abort", () => bed.killAll());
  const shared: TrialShared = {
    acknowledged: { deployments: [], projects: [] },
    canary: `canary-${randomUUID()}`,
    searchCanary: false,
    left: new Set(),
  };
  const began = performance.now();
  try {
    for (const plan of plans) {
      if (options.signal.aborted) break;
      const result = await runTrial(bed, plan, {
        ...shared,
        searchCanary: plan.number % SEARCH_EVERY === 0,
      });
      results.push(result);
      say(options.json ? JSON.stringify({ seed: options.seed, ...result }) : lineOf(result));
    }
    const last = [...(await nothingIsLeft(bed, SETTLED_MS)), ...(await canaryIsSilent(bed, shared.canary))];
    for (const one of last) say(options.json ? JSON.stringify(one) : `at the end: ${one.rule} ${one.detail}`);
    const violations = results.reduce((sum, one) => sum + one.violations.length, 0) + last.length;
    const invalid = results.filter((one) => one.invalid !== null).length;
    if (!options.json) {
      for (const line of tableOf(results)) say(line);
      for (const line of NOT_YET) say(`not tried: ${line}`);
      say(`minutes: ${((performance.now() - began) / 60_000).toFixed(1)}`);
    }
    say(boundOf(violations, results.length - invalid, invalid));
    return violations === 0 && invalid === 0 ? 0 : 1;
  } finally {
    await bed.close();
  }
}
