import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { RetentionRule } from "../../contract/retention.ts";
import { RetentionCategory } from "../../contract/retention.ts";
import { sizeText } from "../backup-text.ts";
import { connect } from "../connection.ts";
import type { CliContext, CommonOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";

interface SetOptions extends CommonOptions {
  readonly age?: string;
  readonly size?: string;
  readonly default?: boolean;
}

export const register: Register = (program, context) => {
  const retention = program
    .command("retention")
    .description("what is kept for how long, and what was collected");
  registerShow(retention, context);
  registerSet(retention, context);
  registerRun(retention, context);
};

function registerShow(retention: Command, context: CliContext): void {
  withCommonOptions(retention.command("show"))
    .description("list what is collected, with its limits and what was freed")
    .action(async (options: CommonOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listRetention();
      if (options.json === true) return printJson(context, items);
      printRules(context, items);
    });
}

function registerSet(retention: Command, context: CliContext): void {
  withCommonOptions(retention.command("set"))
    .description("set how long and how much of a category is kept")
    .argument("<category>", RetentionCategory.options.join(", "))
    .option("--age <days>", "days, or `any`")
    .option("--size <size>", "500MB, 20GB, or `any`")
    .option("--default", "as the program has it")
    .action(async (given: string, options: SetOptions) => {
      const category = RetentionCategory.safeParse(given);
      if (!category.success)
        throw usageError(`${given} is no category.`, `One of ${RetentionCategory.options.join(", ")}.`);
      const client = await connect(context, options);
      const params = { category: category.data };
      if (options.default === true) {
        const rule = await client.resetRetention({ params });
        return options.json === true ? printJson(context, rule) : printRules(context, [rule]);
      }
      if (options.age === undefined && options.size === undefined)
        throw usageError("Neither --age nor --size was given.", "Give one, or --default.");
      const now = (await client.listRetention()).items.find((one) => one.category === category.data)?.limits;
      const rule = await client.setRetention({
        params,
        body: {
          maxAgeDays: options.age === undefined ? (now?.maxAgeDays ?? null) : daysOf(options.age),
          maxBytes: options.size === undefined ? (now?.maxBytes ?? null) : bytesOf(options.size),
        },
      });
      if (options.json === true) printJson(context, rule);
      else printRules(context, [rule]);
    });
}

function registerRun(retention: Command, context: CliContext): void {
  withCommonOptions(retention.command("run"))
    .description("collect now what is beyond its limits; the server does it every hour")
    .option("--dry-run", "only say what would be removed")
    .action(async (options: CommonOptions & { dryRun?: boolean }) => {
      const client = await connect(context, options);
      const run = await client.runRetention({ body: { dryRun: options.dryRun === true } });
      if (options.json === true) return printJson(context, run);
      printTable(
        context,
        ["CATEGORY", run.dryRun ? "WOULD REMOVE" : "REMOVED", run.dryRun ? "WOULD FREE" : "FREED"],
        run.items.map((one) => [one.category, String(one.removed), sizeText(one.freedBytes)]),
        "Nothing.",
      );
      if (!run.complete)
        printLine(context, "There may be more: run it again. A backup or another run keeps it waiting.");
    });
}

function printRules(context: CliContext, rules: readonly RetentionRule[]): void {
  const now = Date.now();
  printTable(
    context,
    ["CATEGORY", "AGE", "SIZE", "FREED", "LAST RUN", "WHAT"],
    rules.map(({ category, limits, freedBytes, lastRunAt, what }) => [
      category,
      limits.maxAgeDays === null ? "any" : `${limits.maxAgeDays} days`,
      limits.maxBytes === null ? "any" : sizeText(limits.maxBytes),
      sizeText(freedBytes),
      lastRunAt === null ? "never" : formatAge(lastRunAt, now),
      what,
    ]),
    "Nothing.",
  );
}

function daysOf(text: string): number | null {
  if (text === "any") return null;
  const days = Number(text);
  if (Number.isInteger(days) && days > 0) return days;
  throw usageError(`--age ${text} is no number of days.`, "Give a whole number, or `any`.");
}

const UNITS: Readonly<Record<string, number>> = { MB: 1_000_000, GB: 1_000_000_000, TB: 1_000_000_000_000 };

function bytesOf(text: string): number | null {
  if (text === "any") return null;
  const [, number = "", unit = ""] = /^(\d{1,9})(MB|GB|TB)$/.exec(text) ?? [];
  const factor = UNITS[unit];
  if (factor === undefined) throw usageError(`--size ${text} is no size.`, "Give 500MB, 20GB, or `any`.");
  return Number(number) * factor;
}
