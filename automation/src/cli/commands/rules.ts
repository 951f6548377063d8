import type { Command } from "commander";
import type { ApprovalRule, StackRulesVersion } from "../../contract/approvals.ts";
import { ApprovalRule as Rule } from "../../contract/approvals.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { collect, withStackOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { bodyOf } from "../request-body.ts";
import { chooseStack, stackLabel } from "../stack-choice.ts";

interface RuleOptions extends StackOptions {
  readonly need: number;
  readonly from?: readonly string[];
  readonly operation?: readonly string[];
  readonly minRisk?: string;
  readonly type?: readonly string[];
  readonly automatic?: string;
  readonly expiresInHours?: number;
}

export const register: Register = (program, context) => {
  const rules = program.command("rules").description("what a stack asks for before it is changed");

  withStackOptions(rules.command("show"))
    .description("the rules in force, or those of an earlier version")
    .option("--version <n>", "that version", positive("--version"))
    .action(async (options: StackOptions & { readonly version?: number }) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      const { version } = options;
      const found = await client.getStackRules({ params, query: version === undefined ? {} : { version } });
      if (options.json === true) printJson(context, found);
      else printRules(context, params, found);
    });

  withStackOptions(rules.command("set"))
    .description("add a rule, or replace the one of that name; refused when nobody could ever fulfil it")
    .argument("<name>", "of the rule")
    .requiredOption("--need <n>", "so many votes", positive("--need"))
    .option(
      "--from <group>",
      "of people in this group; may be repeated; without one of whoever may deploy",
      collect,
    )
    .option("--operation <operation>", "only for this operation; may be repeated", collect)
    .option("--min-risk <tier>", "only from this risk on: low, medium, high, highest")
    .option("--type <glob>", "only for changes to such types of resources; may be repeated", collect)
    .option("--automatic <kind>", "let the rule itself vote for adds-only or in-place-only")
    .option("--expires-in-hours <n>", "votes and preview lapse then", positive("--expires-in-hours"))
    .action((name: string, options: RuleOptions) => {
      const rule = bodyOf(
        Rule,
        {
          name,
          need: options.need,
          from: options.from ?? [],
          operations: options.operation ?? null,
          ...(options.minRisk === undefined ? {} : { minRisk: options.minRisk }),
          resourceTypes: options.type ?? null,
          automatic: options.automatic ?? null,
          ...(options.expiresInHours === undefined ? {} : { expiresInHours: options.expiresInHours }),
        },
        "See `slipway help rules set`.",
      );
      return change(options, (before) => ({
        ...before,
        rules: [...before.rules.filter((one) => one.name !== name), rule],
      }));
    });

  withStackOptions(rules.command("remove"))
    .description("remove a rule")
    .argument("<name>", "of the rule")
    .action((name: string, options: StackOptions) =>
      change(options, (before) => {
        if (!before.rules.some((one) => one.name === name))
          throw usageError(`The stack has no rule ${name}.`, "slipway rules show lists them.");
        return { ...before, rules: before.rules.filter((one) => one.name !== name) };
      }),
    );

  listOption(
    rules.command("emergency"),
    "whose people may pass the votes by in an emergency",
    "<group...>",
  ).action((groups: readonly string[], options: StackOptions) =>
    change(options, (before) => ({ ...before, emergency: [...groups].filter((one) => one !== "none") })),
  );

  listOption(
    rules.command("stateful"),
    "globs of resource types that hold data, besides the known ones",
    "<type...>",
  ).action((types: readonly string[], options: StackOptions) =>
    change(options, (before) => ({ ...before, statefulTypes: [...types].filter((one) => one !== "none") })),
  );

  async function change(
    options: StackOptions,
    edit: (before: StackRulesVersion) => Pick<StackRulesVersion, "rules" | "statefulTypes" | "emergency">,
  ): Promise<void> {
    const client = await connect(context, options);
    const params = await chooseStack(context, client, options);
    const before = await client.getStackRules({ params, query: {} });
    const { rules: all, statefulTypes, emergency } = edit(before);
    // What somebody else changes at this moment is not undone.
    const body = { rules: all, statefulTypes, emergency, basedOn: before.version };
    const after = await client.setStackRules({ params, body });
    if (options.json === true) printJson(context, after);
    else printRules(context, params, after);
  }
};

function listOption(command: Command, description: string, argument: string): Command {
  return withStackOptions(command)
    .description(description)
    .argument(argument, "all of them; none: take all away");
}

function printRules(context: CliContext, stack: StackPath, found: StackRulesVersion): void {
  const by = found.setBy === null ? "" : `, set by ${found.setBy}`;
  printLine(context, `Rules of ${stackLabel(stack)}, version ${found.version}${by}`);
  printTable(
    context,
    ["RULE", "NEED", "FROM", "OPERATIONS", "RISK", "TYPES", "AUTOMATIC", "HOURS"],
    found.rules.map((rule: ApprovalRule) => [
      rule.name,
      String(rule.need),
      rule.from.length === 0 ? "whoever may deploy" : rule.from.join(", "),
      rule.operations?.join(", ") ?? "all",
      `from ${rule.minRisk}`,
      rule.resourceTypes?.join(", ") ?? "all",
      rule.automatic ?? "",
      String(rule.expiresInHours),
    ]),
    found.production
      ? "No rules of its own: the tag environment: production asks for one vote of somebody who has no part in the change."
      : "No rules: nothing waits for approval.",
  );
  if (found.emergency.length > 0) printLine(context, `Emergency: ${clean(found.emergency.join(", "))}`);
  if (found.statefulTypes.length > 0)
    printLine(context, `Hold data too: ${clean(found.statefulTypes.join(", "))}`);
  if (found.cliUpdates === "preview-only") printLine(context, "Runs of the Pulumi CLI: previews only.");
}
