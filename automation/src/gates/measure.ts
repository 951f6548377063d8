import type { Gate, GateThreshold } from "../contract/gates.ts";
import { thresholdsOf } from "./comparison.ts";
import type { Look, Surroundings } from "./look.ts";
import { measureCategory, measureCommand } from "./measure-command.ts";
import { measureHttp } from "./measure-http.ts";
import { measureMetric } from "./measure-metric.ts";
import { measureCoverage, measureTests } from "./measure-reports.ts";
import { kindOf } from "./timing.ts";

/** Looks once at what a gate watches. */
export async function measure(gate: Gate, surroundings: Surroundings): Promise<Look> {
  const { folder } = surroundings;
  if (gate.http !== undefined) return measureHttp(gate.http, gate, surroundings);
  if (gate.metric !== undefined) return measureMetric(gate.metric, gate, surroundings);
  if (gate.category !== undefined) return measureCategory(gate.category, surroundings);
  if (gate.coverage !== undefined) return measureCoverage(gate.coverage, folder);
  if (gate.tests !== undefined) return measureTests(gate.tests, folder);
  if (gate.validate !== undefined) return surroundings.validate(gate.name, gate.validate);
  return measureCommand(
    gate.command ?? [],
    { cwd: folder, timeoutSeconds: gate.timeoutSeconds },
    surroundings,
  );
}

/** Whether a gate reads what the tests of the source left in its folder. */
export function readsReports(gate: Gate): boolean {
  return (
    gate.coverage !== undefined ||
    gate.tests !== undefined ||
    (gate.category?.checks.some((check) => check.command === undefined) ?? false)
  );
}

/** The lines that a gate's values are held against, and the unit of both. */
export function scaleOf(gate: Gate): { thresholds: GateThreshold[]; unit: string | null } {
  const atLeast = (value: number): GateThreshold => ({ means: "pass", operator: ">=", value });
  switch (kindOf(gate)) {
    case "http": {
      const most = gate.http?.maxLatencyMs;
      return {
        thresholds: most === undefined ? [] : [{ means: "fail", operator: ">", value: most }],
        unit: "ms",
      };
    }
    case "metric":
      return { thresholds: gate.metric === undefined ? [] : thresholdsOf(gate.metric), unit: null };
    case "category":
      return { thresholds: [atLeast(Number(gate.category?.require.split("/")[0]))], unit: "passed" };
    case "coverage": {
      const { lines, branches, functions } = gate.coverage ?? {};
      const asked = [lines, branches, functions].filter((one) => one !== undefined);
      return { thresholds: asked.length === 1 ? asked.map(atLeast) : [], unit: "%" };
    }
    case "tests":
      return {
        thresholds: [{ means: "fail", operator: ">", value: gate.tests?.maxFailures ?? 0 }],
        unit: "failed",
      };
    case "validate":
      return { thresholds: [{ means: "fail", operator: ">", value: 0 }], unit: "failed" };
    case "command":
      return { thresholds: [{ means: "fail", operator: "!=", value: 0 }], unit: "exit code" };
  }
}
