import path from "node:path";
import type { Category, CategoryCheck, Gate } from "../contract/gates.ts";
import type { Look, Surroundings } from "./look.ts";
import { cannotStart } from "./look.ts";
import { measureCoverage, measureTests } from "./measure-reports.ts";

/** Runs a command once: exit code 0 passes. */
export async function measureCommand(
  argv: readonly string[],
  { cwd, timeoutSeconds }: { cwd: string; timeoutSeconds: Gate["timeoutSeconds"] },
  surroundings: Surroundings,
): Promise<Look> {
  const { outcome, failure, output } = await surroundings.runProgram(argv, cwd, timeoutSeconds);
  const seen = { value: outcome.exitCode, output };
  switch (outcome.status) {
    case "succeeded":
      return { verdict: "pass", detail: `'${argv.join(" ")}' exited with 0`, ...seen };
    case "interrupted":
      return { verdict: "inconclusive", detail: "ended before it was decided", ...seen };
    default:
      // A program that is not there says nothing about what it should have looked at.
      if (outcome.status === "failed" && outcome.exitCode === null && outcome.signal === null)
        return { ...cannotStart(failure), output };
      return { verdict: "fail", detail: failure, ...seen };
  }
}

/** Makes all checks of a category, one after another; the value is how many passed. A fail is told once so many failed that too few can pass. */
export async function measureCategory(
  { require, checks }: Category,
  surroundings: Surroundings,
): Promise<Look> {
  const needed = Number(require.split("/")[0]);
  const looks: { name: string; look: Look }[] = [];
  for (const check of checks) {
    if (surroundings.signal.aborted) break;
    looks.push({ name: check.name, look: await measureCheck(check, surroundings) });
  }
  const of = (verdict: Look["verdict"]) => looks.filter(({ look }) => look.verdict === verdict);
  const passed = of("pass").length;
  const open = looks.filter(({ look }) => look.verdict !== "pass");
  const said = open.map(({ name, look }) => `${name}: ${look.detail}`).join("; ");
  const output = looks
    .map(({ name, look }) => `== ${name}: ${look.verdict}, ${look.detail}\n${look.output ?? ""}`)
    .join("\n");
  const verdict =
    passed >= needed
      ? "pass"
      : of("fail").length > checks.length - needed
        ? "fail"
        : of("error").length > 0
          ? "error"
          : looks.length < checks.length || of("inconclusive").length > 0
            ? "inconclusive"
            : "fail";
  return {
    verdict,
    detail: `${passed}/${checks.length} passed, ${needed} needed${said === "" ? "" : `; ${said}`}`,
    value: passed,
    output,
    ...(verdict === "error" && of("error").every(({ look }) => look.cannotStart === true)
      ? { cannotStart: true }
      : {}),
  };
}

async function measureCheck(check: CategoryCheck, surroundings: Surroundings): Promise<Look> {
  const { folder } = surroundings;
  if (check.coverage !== undefined) return measureCoverage(check.coverage, folder);
  if (check.tests !== undefined) return measureTests(check.tests, folder);
  const cwd = path.join(folder, check.path ?? ".");
  return measureCommand(check.command ?? [], { cwd, timeoutSeconds: check.timeoutSeconds }, surroundings);
}
