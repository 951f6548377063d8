import { formatDuration } from "../../client/formats.ts";
import type { Budget } from "../../contract/figures.ts";
import { MeasuredStep } from "../../contract/figures.ts";
import { connect } from "../connection.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { collect } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import type { ProjectOptions } from "../project-choice.ts";
import { chooseProject, withProjectOptions } from "../project-choice.ts";

interface BudgetOptions extends ProjectOptions {
  readonly fails?: readonly string[];
}

export const register: Register = (program, context) => {
  const figures = program
    .command("figures")
    .description("how a project's builds, tests, gates and updates went, and how long they may take");

  withProjectOptions(figures.command("show"))
    .description("success rate and durations of each step, whole and by service")
    .option("--days <n>", "of so many days", positive("--days"), 30)
    .action(async (options: ProjectOptions & { days: number }) => {
      const client = await connect(context, options);
      const params = await chooseProject(context, client, options);
      const found = await client.getFigures({ params, query: { days: options.days } });
      if (options.json === true) {
        printJson(context, found);
        return;
      }
      const span = (ms: number | null): string => (ms === null ? "" : formatDuration(ms));
      printTable(
        context,
        ["STEP", "RUNS", "SUCCEEDED", "P50", "P95", "LAST", "BUDGET", "BEYOND"],
        found.steps.map((one) => [
          nameOf(one),
          String(one.runs),
          one.successRate === null ? "" : `${(one.successRate * 100).toFixed(1)} %`,
          span(one.p50Ms),
          span(one.p95Ms),
          span(one.lastMs),
          one.budget === null ? "" : budgetText(one.budget),
          one.budget === null ? "" : String(one.budget.exceeded),
        ]),
        `Nothing was built or deployed in the last ${options.days} days.`,
      );
    });

  withProjectOptions(figures.command("budgets"))
    .description("show how long steps may take, or set that in place of the budgets before")
    .argument("[budgets...]", "step=seconds or step/service=seconds; the word none removes all")
    .option(
      "--fails <step>",
      "a step, or step/service, that fails beyond its budget; may be repeated",
      collect,
    )
    .action(async (given: string[], options: BudgetOptions) => {
      const budgets = parseBudgets(given, options.fails ?? []);
      const client = await connect(context, options);
      const params = await chooseProject(context, client, options);
      const { budgets: found } =
        budgets === null
          ? await client.listBudgets({ params })
          : await client.setBudgets({ params, body: { budgets } });
      if (options.json === true) {
        printJson(context, found);
        return;
      }
      printTable(
        context,
        ["STEP", "BUDGET"],
        found.map((one) => [nameOf(one), budgetText(one)]),
        "No step has a budget.",
      );
    });
};

function nameOf({ step, service }: { step: string; service: string | null }): string {
  return service === null ? step : `${step}/${service}`;
}

function budgetText({ mostSeconds, fails }: Pick<Budget, "mostSeconds" | "fails">): string {
  return `${formatDuration(mostSeconds * 1_000)}${fails ? ", fails" : ""}`;
}

/** The budgets to set; null to show them. */
function parseBudgets(given: readonly string[], fails: readonly string[]): Budget[] | null {
  const how = `Write step=seconds, with one of the steps ${MeasuredStep.options.join(", ")}.`;
  const budgets = (given.length === 1 && given[0] === "none" ? [] : given).map((one): Budget => {
    const [, name = "", service = null, seconds = ""] = /^([a-z-]+)(?:\/([^=]+))?=([\d.]+)$/.exec(one) ?? [];
    const step = MeasuredStep.safeParse(name);
    const mostSeconds = Number(seconds);
    if (!step.success || !(mostSeconds > 0)) throw usageError(`${JSON.stringify(one)} is not a budget.`, how);
    const budget = { step: step.data, service: service ?? null, mostSeconds };
    return { ...budget, fails: fails.includes(nameOf(budget)) };
  });
  const stranger = fails.find((name) => !budgets.some((budget) => nameOf(budget) === name));
  if (stranger !== undefined) throw usageError(`${JSON.stringify(stranger)} is given no budget.`, how);
  return given.length === 0 ? null : budgets;
}
