import { messageOf } from "../../automation/src/errors.ts";
import type { RunSlipway } from "./run-slipway.ts";
import type { Scenario } from "./scenarios.ts";

/** How one scenario ended. */
export interface ScenarioResult {
  name: string;
  state: "passed" | "failed" | "not-run";
  detail: string;
  seconds: number;
}

const MS_PER_SECOND = 1_000;
const SHOWN_CHARACTERS = 400;

/** Runs the scenarios one after the other. What comes after a failure is not run: each needs those before it. */
export async function verifyAll(
  scenarios: readonly Scenario[],
  run: RunSlipway,
  tell: (line: string) => void,
): Promise<ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (const scenario of scenarios) {
    const { name } = scenario;
    if (results.some(({ state }) => state === "failed")) {
      results.push({ name, state: "not-run", detail: "after a failure", seconds: 0 });
      continue;
    }
    const began = performance.now();
    const wrong = await verifyOne(scenario, run);
    const seconds = Math.round((performance.now() - began) / MS_PER_SECOND);
    results.push({ name, state: wrong === null ? "passed" : "failed", detail: wrong ?? "", seconds });
    tell(
      `${wrong === null ? "passed" : "FAILED"}  ${name} (${seconds} s)${wrong === null ? "" : `: ${wrong}`}`,
    );
  }
  return results;
}

async function verifyOne({ argv, input, judge }: Scenario, run: RunSlipway): Promise<string | null> {
  const { exitCode, stdout, stderr } = await run({ argv, ...(input === undefined ? {} : { input }) });
  if (exitCode !== 0)
    return `slipway ${argv[0] ?? ""} ended with ${exitCode}: ${stderr.trim().slice(0, SHOWN_CHARACTERS)}`;
  if (judge === undefined) return null;
  try {
    return judge(JSON.parse(stdout));
  } catch (thrown) {
    return `its answer is no JSON: ${messageOf(thrown)}`;
  }
}
