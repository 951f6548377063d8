import { formatAge } from "../../client/formats.ts";
import type { DriftCheck } from "../../contract/drift.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { clean, painter, printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { type RequestOptions, requestAndWatch, withRequestOptions } from "../request.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";
import { registerAlerts } from "./drift-alerts.ts";
import { registerIgnores } from "./drift-ignores.ts";

export const register: Register = (program, context) => {
  const drift = program
    .command("drift")
    .description("whether a stack's resources are still what its state says, and what to do when not");

  withStackOptions(drift.command("show", { isDefault: true }))
    .description("what the newest check found, and when the next one is made")
    .argument("[stack]", "instead of --stack")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, withStackArgument(options, given));
      const found = await client.getDrift({ params: stack });
      if (options.json === true) {
        printJson(context, found);
        return;
      }
      const { latest, lastKnown, openAlerts, overdue, next } = found;
      if (latest === null) printLine(context, `${stackLabel(stack)} has never been checked for drift.`);
      else printCheck(context, latest);
      if (latest?.status === "unknown" && lastKnown !== null) {
        printLine(
          context,
          `The newest check that could be made found, ${formatAge(lastKnown.checkedAt, Date.now())}:`,
        );
        printCheck(context, lastKnown);
      }
      if (openAlerts > 0)
        printLine(context, `${openAlerts} alerts are open: slipway drift alerts ${stackLabel(stack)}`);
      if (overdue !== null)
        printLine(
          context,
          `A check is overdue, asked for ${formatAge(overdue.since, Date.now())}. ${clean(overdue.why)}`,
        );
      printLine(
        context,
        next === null
          ? "No schedule checks it: slipway schedules create nightly-drift --cron @daily"
          : `Next check: ${next.at} by the schedule ${next.schedule}`,
      );
    });

  withStackOptions(drift.command("list"))
    .description("list the drift checks of a stack, newest first")
    .argument("[stack]", "instead of --stack")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (given: string | undefined, options: StackOptions & { limit: number }) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const checks = await allPages((page) => client.listDriftChecks({ params, query: page }), options.limit);
      if (options.json === true) {
        printJson(context, checks);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["CHECKED", "STATUS", "GONE", "INPUTS", "OUTPUTS ONLY", "BY", "WHY"],
        checks.map((one) => [
          formatAge(one.checkedAt, now),
          one.status,
          String(one.gone),
          String(one.inputChanged),
          String(one.outputOnly),
          one.schedule ?? "a person",
          one.cause ?? "",
        ]),
        "No checks yet. Make one with `slipway drift run`.",
      );
    });

  withRequestOptions(drift.command("run"))
    .description("check now; reads the real resources and changes neither them nor the state")
    .argument("[stack]", "instead of --stack")
    .action(async (given: string | undefined, options: RequestOptions) => {
      const chosen = { ...options, ...withStackArgument(options, given) };
      await requestAndWatch(context, chosen, { operation: "detect-drift" });
      if (!options.wait || options.json === true) return;
      const client = await connect(context, options);
      const { latest } = await client.getDrift({ params: await chooseStack(context, client, chosen) });
      if (latest !== null) printCheck(context, latest);
    });

  registerAlerts(drift, context);
  registerIgnores(drift, context);
};

function printCheck(context: CliContext, check: DriftCheck): void {
  const paint = painter(context);
  const colour = { clean: "green", drifted: "red", unknown: "yellow" } as const;
  const against = check.state === null ? "" : ` against state ${check.state}`;
  const when = formatAge(check.checkedAt, Date.now());
  printLine(context, `${paint(colour[check.status], check.status)}: checked ${when}${against}`);
  if (check.cause !== null) printLine(context, `  ${clean(check.cause)}`);
  if (check.status === "unknown") return;
  printTable(
    context,
    ["RESOURCE", "TYPE", "WHAT", "PROPERTIES"],
    check.resources
      .filter(({ quiet }) => quiet === null || quiet === "unconfirmed")
      .map((one) => [
        one.name,
        one.resourceType,
        one.quiet === null ? WHAT[one.class] : "not found once",
        one.changedProperties
          .map((property) => (one.sealedProperties.includes(property) ? `${property} (sealed)` : property))
          .join(", "),
      ]),
    "Nothing differs from the state in a way that counts.",
  );
  if (check.quiet > 0) {
    printLine(
      context,
      `${check.quiet} more differ in ways that count for nothing (form, known since the update, volatile, ignored): slipway drift raw`,
    );
  }
}

const WHAT = { gone: "gone", "input-changed": "changed", "output-only": "other outputs only" } as const;
