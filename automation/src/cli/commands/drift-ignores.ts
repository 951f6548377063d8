import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import { LONGEST_IGNORE_DAYS } from "../../contract/drift.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";

interface IgnoreOptions extends StackOptions {
  readonly path?: string;
  readonly reason: string;
  readonly days: number;
}

interface VolatileOptions extends StackOptions {
  readonly off?: string;
  readonly on?: string;
  readonly path?: string;
}

/** The commands about what is to be quiet: rules of people, and outputs that were learned. */
export function registerIgnores(drift: Command, context: CliContext): void {
  withStackOptions(drift.command("ignore"))
    .description("ignore drift of some resources for a time; alerts that match close with the next check")
    .argument("<urn>", "of the resources; * stands for any characters")
    .option(
      "--path <path>",
      "one property and what is below it (tags.owner, rules[*].port); without: all, also that it is gone",
    )
    .requiredOption("--reason <text>", "why; kept with the rule and in the audit log")
    .requiredOption("--days <n>", `for how long, at most ${LONGEST_IGNORE_DAYS}`, positive("--days"))
    .action(async (urn: string, { path, reason, days, ...options }: IgnoreOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      const rule = await client.createDriftIgnore({
        params,
        body: { urn, reason, expiresInDays: days, ...(path === undefined ? {} : { path }) },
        idempotencyKey: randomUUID(),
      });
      if (options.json === true) printJson(context, rule);
      else printLine(context, `Ignored until ${rule.expiresAt}; the next check closes what it matches.`);
    });

  withStackOptions(drift.command("ignores"))
    .description("list the rules that ignore drift of a stack, newest first")
    .argument("[stack]", "instead of --stack")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const { items } = await client.listDriftIgnores({ params });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      printTable(
        context,
        ["ID", "URN", "PATH", "STATUS", "EXPIRES", "BY", "WHY"],
        items.map((one) => [
          one.id,
          one.urn,
          one.path ?? "(all of it)",
          one.flagged ? "matches nothing" : one.status,
          one.expiresAt,
          one.createdBy,
          one.reason,
        ]),
        `No drift of ${stackLabel(params)} is ignored.`,
      );
    });

  withStackOptions(drift.command("unignore"))
    .description("end a rule that ignores drift; what still differs is told of by the next check")
    .argument("<rule>", "as the list of rules shows it")
    .action(async (rule: string, options: StackOptions) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const removed = await client.removeDriftIgnore({ params: { ...stack, rule } });
      if (options.json === true) printJson(context, removed);
      else printLine(context, `${clean(removed.urn)} is ignored no more.`);
    });

  withStackOptions(drift.command("volatile"))
    .description("list the outputs that were learned to move by themselves, or switch one")
    .argument("[stack]", "instead of --stack")
    .option("--off <urn>", "count an output of this resource like any other; with --path")
    .option("--on <urn>", "leave it out again; with --path")
    .option("--path <path>", "the output")
    .action(async (given: string | undefined, options: VolatileOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const { off, on, path } = options;
      const urn = off ?? on;
      if ((urn === undefined) !== (path === undefined) || (off !== undefined && on !== undefined))
        throw usageError(
          "Switching needs --path and one of --off and --on.",
          "slipway drift volatile lists them.",
        );
      if (urn !== undefined && path !== undefined) {
        const body = { urn, path, off: off !== undefined };
        const switched = await client.switchDriftVolatile({ params, body });
        if (options.json === true) printJson(context, switched);
        else printLine(context, `${clean(path)} is ${body.off ? "counted again" : "left out again"}.`);
        return;
      }
      const { items } = await client.listDriftVolatile({ params });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["RESOURCE", "OUTPUT", "MOVES", "LAST", "URN"],
        items.map((one) => [
          one.name,
          one.switchedOffAt === null ? one.path : `${one.path} (switched off)`,
          String(one.moves),
          formatAge(one.movedAt, now),
          one.urn,
        ]),
        `No output of ${stackLabel(params)} was learned to move by itself.`,
      );
    });
}
