import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { Option } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { Client } from "../../client/index.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import type { NextRuns, Schedule, ScheduleSlot } from "../../contract/schedules.ts";
import { MissedSetting, ScheduledOperation } from "../../contract/schedules.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";

interface CreateOptions extends StackOptions {
  readonly operation: ScheduledOperation;
  readonly cron?: string;
  readonly at?: string;
  readonly timeZone: string;
  readonly jitter: number;
  readonly missed: MissedSetting;
  readonly allowDestroy?: boolean;
  readonly dryRun?: boolean;
}

const SHOWN_RUNS = 3;
const SHOWN_SLOTS = 10;

export const register: Register = (program, context) => {
  const schedules = program
    .command("schedules")
    .description("run an operation on a stack by cron or once, and see what became of it");

  withStackOptions(schedules.command("list"))
    .description("list the schedules of a stack, when each runs next and how its last slot went")
    .argument("[stack]", "instead of --stack")
    .action(async (given: string | undefined, options: StackOptions) => {
      const { client, stack } = await open(context, withStackArgument(options, given));
      const { items } = await client.listSchedules({ params: stack });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["NAME", "OPERATION", "WHEN", "NEXT", "LAST SLOT", "OWNER"],
        items.map((one) => [
          one.name,
          one.operation,
          whenOf(one),
          nextOf(one),
          one.lastSlot === null ? "-" : `${slotOutcome(one.lastSlot)}, ${formatAge(one.lastSlot.slot, now)}`,
          one.owner,
        ]),
        "No schedules yet. Make one with `slipway schedules create`.",
      );
    });

  withStackOptions(schedules.command("create"))
    .description("make a schedule; it runs with what you may do at that time")
    .argument("<name>", "of the schedule")
    .addOption(
      new Option("--operation <operation>", "what it runs")
        .choices(ScheduledOperation.options)
        .default("detect-drift"),
    )
    .option(
      "--cron <pattern>",
      "minute, hour, day, month, day of the week; or @hourly, @daily, @weekly, @monthly",
    )
    .option("--at <instant>", "once, instead of --cron: 2030-01-31T18:00:00+01:00")
    .option("--time-zone <name>", "of the IANA database, for --cron", "UTC")
    .option("--jitter <seconds>", "each slot is late by so much at most, always the same", seconds, 0)
    .addOption(
      new Option("--missed <setting>", "slots that no server was there for")
        .choices(MissedSetting.options)
        .default("record"),
    )
    .option("--allow-destroy", "with --operation destroy: let it take away all resources of the stack")
    .option("--dry-run", "only print when it would run")
    .action((name: string, options: CreateOptions) => create(context, name, options));

  withStackOptions(schedules.command("show"))
    .description("show a schedule, its next runs and what became of its last slots")
    .argument("<name>")
    .action(async (name: string, options: StackOptions) => {
      const { client, stack } = await open(context, options);
      const params = { ...stack, schedule: name };
      const [schedule, next, slots] = await Promise.all([
        client.getSchedule({ params }),
        client.listNextRuns({ params, query: { count: SHOWN_RUNS } }),
        allPages((page) => client.listScheduleSlots({ params, query: page }), SHOWN_SLOTS),
      ]);
      if (options.json === true) {
        printJson(context, { ...schedule, next: next.items, slots });
        return;
      }
      printSchedule(context, schedule);
      printLine(context);
      printRuns(context, next, schedule.pausedAt === null ? "No more runs." : "Paused: nothing runs.");
      printLine(context);
      printTable(
        context,
        ["SLOT", "OUTCOME", "WHY"],
        slots.map((one) => [one.slot, slotOutcome(one), one.detail ?? ""]),
        "No slot has come yet.",
      );
    });

  withStackOptions(schedules.command("next"))
    .description("print when a schedule runs next, in UTC and in its time zone")
    .argument("<name>")
    .option("--count <n>", "how many", positive("--count"), 10)
    .action(async (name: string, options: StackOptions & { count: number }) => {
      const { client, stack } = await open(context, options);
      const params = { ...stack, schedule: name };
      const next = await client.listNextRuns({ params, query: { count: options.count } });
      if (options.json === true) printJson(context, next);
      else printRuns(context, next, "No more runs: it is paused, or over.");
    });

  change(schedules, context, {
    name: "pause",
    description: "let no more slots come",
    apply: async (client, params) => {
      await client.pauseSchedule({ params });
      return "is paused; what it has queued goes on";
    },
  });
  change(schedules, context, {
    name: "resume",
    description: "let slots come again; those of the pause are left out",
    apply: async (client, params) => {
      const { nextAt } = await client.resumeSchedule({ params });
      return nextAt === null ? "is resumed, and over" : `is resumed and runs next at ${nextAt}`;
    },
  });
  change(schedules, context, {
    name: "remove",
    description: "remove a schedule; what it has queued goes on",
    apply: async (client, params) => {
      await client.removeSchedule({ params });
      return "is removed";
    },
  });
};

async function create(context: CliContext, name: string, options: CreateOptions): Promise<void> {
  const { client, stack } = await open(context, options);
  const timing = {
    ...(options.cron === undefined ? {} : { cron: options.cron }),
    ...(options.at === undefined ? {} : { at: options.at }),
    timeZone: options.timeZone,
    jitterSeconds: options.jitter,
  };
  if (options.dryRun === true) {
    const next = await client.previewSchedule({ params: stack, query: { count: 10 }, body: timing });
    if (options.json === true) printJson(context, next);
    else printRuns(context, next, "It would never run.");
    return;
  }
  const made = await client.createSchedule({
    params: stack,
    body: {
      name,
      operation: options.operation,
      ...timing,
      options: {},
      missed: options.missed,
      allowDestroy: options.allowDestroy === true,
    },
    idempotencyKey: randomUUID(),
  });
  if (options.json === true) {
    printJson(context, made);
    return;
  }
  printLine(context, `Schedule ${made.name} of ${stackLabel(made)} runs ${made.operation} ${whenOf(made)}.`);
  const next = await client.listNextRuns({
    params: { ...stack, schedule: made.name },
    query: { count: SHOWN_RUNS },
  });
  printRuns(context, next, "It does not run.");
}

function printSchedule(context: CliContext, one: Schedule): void {
  printLine(context, `Schedule ${one.name} of ${stackLabel(one)}: ${one.operation} ${whenOf(one)}`);
  printLine(context, `Runs with the rights of ${clean(one.owner)}; missed slots: ${one.missed}`);
  if (one.jitterSeconds > 0) printLine(context, `Up to ${one.jitterSeconds} s after its slot`);
  if (one.pausedBy !== null) printLine(context, `Paused by ${clean(one.pausedBy)}`);
}

function printRuns(context: CliContext, { items, timeZone }: NextRuns, empty: string): void {
  printTable(
    context,
    ["NEXT RUNS (UTC)", timeZone],
    items.map(({ at, local }) => [at, local]),
    empty,
  );
}

function whenOf(one: Schedule): string {
  return one.cron === null ? `once at ${one.at ?? "-"}` : `at '${one.cron}' ${one.timeZone}`;
}

function nextOf(one: Schedule): string {
  if (one.nextAt !== null) return one.nextAt;
  return one.pausedAt === null ? "over" : "paused";
}

function slotOutcome({ outcome, deployment, slots }: ScheduleSlot): string {
  if (deployment !== null) return `#${deployment.number} ${deployment.status}`;
  return slots === 1 ? outcome : `${outcome} (${slots} slots)`;
}

/** Parses --jitter as whole seconds. */
function seconds(given: string): number {
  if (/^[0-9]{1,6}$/.test(given)) return Number(given);
  throw usageError(`--jitter wants whole seconds, not ${JSON.stringify(given)}.`, "Write --jitter 600.");
}

async function open(
  context: CliContext,
  options: StackOptions,
): Promise<{ client: Client; stack: StackPath }> {
  const client = await connect(context, options);
  return { client, stack: await chooseStack(context, client, options) };
}

interface Change {
  readonly name: string;
  readonly description: string;
  /** Answers what is to be said of the schedule. */
  apply(client: Client, params: StackPath & { schedule: string }): Promise<string>;
}

function change(schedules: Command, context: CliContext, { name, description, apply }: Change): void {
  withStackOptions(schedules.command(name))
    .description(description)
    .argument("<name>")
    .action(async (schedule: string, options: StackOptions) => {
      const { client, stack } = await open(context, options);
      const said = await apply(client, { ...stack, schedule });
      if (options.json === true) printJson(context, { schedule, stack, change: name });
      else printLine(context, `Schedule ${schedule} of ${stackLabel(stack)} ${said}.`);
    });
}
