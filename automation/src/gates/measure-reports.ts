import type { CoverageCheck, TestsCheck } from "../contract/gates.ts";
import { messageOf } from "../errors.ts";
import type { Look } from "./look.ts";
import { cannotStart } from "./look.ts";
import type { Share } from "./reports/coverage.ts";
import { readCoverage } from "./reports/coverage.ts";
import { readTests } from "./reports/junit.ts";

const KINDS = ["lines", "branches", "functions"] as const;

/** Holds a coverage report against its thresholds; the value is the share in percent that is furthest below its own. Never throws. */
export async function measureCoverage(check: CoverageCheck, folder: string): Promise<Look> {
  try {
    const coverage = await readCoverage(folder, check);
    const asked = KINDS.flatMap((kind) => {
      const least = check[kind];
      return least === undefined
        ? []
        : [{ kind, least, ...coverage[kind], percent: percentOf(coverage[kind]) }];
    });
    const silent = asked.find(({ found }) => found === 0);
    if (silent !== undefined) {
      return {
        verdict: "inconclusive",
        detail: `no data: ${check.file} says nothing of ${silent.kind}`,
        value: null,
      };
    }
    const said = asked
      .map(
        ({ kind, least, percent, covered, found }) =>
          `${kind} ${shown(percent)} % (${covered} of ${found}), at least ${least} %`,
      )
      .join("; ");
    const worst = asked.toSorted((a, b) => a.percent - a.least - (b.percent - b.least))[0];
    const isEnough = asked.every(({ percent, least }) => percent >= least);
    return {
      verdict: isEnough ? "pass" : "fail",
      detail: `${check.file}: ${said}`,
      value: worst?.percent ?? null,
    };
  } catch (error) {
    return cannotStart(messageOf(error));
  }
}

/** Counts tests and failures in reports; the value is how many failed. Never throws. */
export async function measureTests(check: TestsCheck, folder: string): Promise<Look> {
  try {
    const { tests, failed, skipped, failures } = await readTests(folder, check.files);
    const said = `${tests} tests, ${failed} failed, ${skipped} skipped`;
    if (failed > check.maxFailures) {
      const names = failures.length === 0 ? "" : `: ${failures.join(", ")}`;
      return {
        verdict: "fail",
        detail: `${said}; at most ${check.maxFailures} may fail${names}`,
        value: failed,
      };
    }
    if (tests - skipped < check.minTests) {
      return { verdict: "fail", detail: `${said}; at least ${check.minTests} must run`, value: failed };
    }
    return { verdict: "pass", detail: said, value: failed };
  } catch (error) {
    return cannotStart(messageOf(error));
  }
}

function percentOf({ covered, found }: Share): number {
  return found === 0 ? 0 : (100 * covered) / found;
}

/** Rounded down, so that 79.96 is never shown as the 80 that it is not. */
function shown(percent: number): string {
  return (Math.floor(percent * 10) / 10).toString();
}
