import { formatAge } from "../../client/formats.ts";
import type { Freeze, FreezeWindow } from "../../contract/freezes.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack } from "../stack-choice.ts";

interface ListOptions extends OrganisationOptions {
  readonly stack?: string;
}
interface SetOptions extends OrganisationOptions {
  readonly reason: string;
  readonly from?: string;
  readonly until?: string;
  readonly cron?: string;
  readonly minutes?: number;
  readonly timeZone: string;
  readonly project?: string;
  readonly stack?: string;
  readonly dryRun?: boolean;
}

const SHOWN_WINDOWS = 3;

export const register: Register = (program, context) => {
  const freezes = program
    .command("freezes")
    .description("windows in which nothing may change; previews and drift checks stay possible");

  withOrganisationOptions(freezes.command("list"))
    .description("list freezes with their windows, of an organisation or those that cover a stack")
    .option("-s, --stack <stack>", "[organisation/]project/stack")
    .action(async (options: ListOptions) => {
      const client = await connect(context, options);
      const query = { count: SHOWN_WINDOWS };
      const { items } =
        options.stack === undefined
          ? await client.listFreezes({ params: { organisation: organisationOf(options) }, query })
          : await client.listStackFreezes({
              params: await chooseStack(context, client, options as StackOptions),
              query,
            });
      if (options.json === true) return printJson(context, items);
      const now = Date.now();
      printTable(
        context,
        ["ID", "COVERS", "NOW", "WINDOW", "REASON", "SET"],
        items.map((one) => [
          one.id,
          coveredBy(one),
          one.active ? "frozen" : "",
          windowText(one.windows[0]),
          clean(one.reason),
          `by ${one.setBy}, ${formatAge(one.setAt, now)}`,
        ]),
        "Nothing is frozen, now or later.",
      );
    });

  withOrganisationOptions(freezes.command("set"))
    .description(
      "let nothing change for a time: once with --until, or again and again with --cron and --minutes",
    )
    .requiredOption("--reason <text>", "why; whoever is refused reads it")
    .option("--from <instant>", "with its distance from UTC; by default now")
    .option("--until <instant>", "2030-01-31T18:00:00+01:00")
    .option("--cron <pattern>", "when windows begin: minute, hour, day, month, day of the week")
    .option("--minutes <n>", "how long each window of --cron lasts", positive("--minutes"))
    .option("--time-zone <name>", "of the IANA database", "UTC")
    .option("--project <name>", "only this project")
    .option("-s, --stack <stack>", "only this stack, as project/stack")
    .option("--dry-run", "only print the windows")
    .action((options: SetOptions) => set(context, options));

  withOrganisationOptions(freezes.command("remove"))
    .description("end a freeze")
    .argument("<freeze>", "its id, as in freezes list")
    .action(async (freeze: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      await client.removeFreeze({ params: { organisation: organisationOf(options), freeze } });
      if (options.json === true) printJson(context, { removed: freeze });
      else printLine(context, `The freeze ${freeze} is ended.`);
    });
};

async function set(context: CliContext, options: SetOptions): Promise<void> {
  const { from, until, cron, minutes, timeZone, reason } = options;
  const client = await connect(context, options);
  const timing = {
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    ...(cron === undefined ? {} : { cron }),
    ...(minutes === undefined ? {} : { durationMinutes: minutes }),
    timeZone,
  };
  const stack =
    options.stack === undefined ? null : await chooseStack(context, client, options as StackOptions);
  const organisation = stack?.organisation ?? organisationOf(options);
  if (options.dryRun === true) {
    const { items } = await client.previewFreeze({
      params: { organisation },
      query: { count: 10 },
      body: timing,
    });
    if (options.json === true) printJson(context, items);
    else printWindows(context, items);
    return;
  }
  const project = stack?.project ?? options.project;
  const made = await client.createFreeze({
    params: { organisation },
    body: {
      ...timing,
      reason,
      ...(project === undefined ? {} : { project }),
      ...(stack === null ? {} : { stack: stack.stack }),
    },
  });
  if (options.json === true) return printJson(context, made);
  printLine(context, `${coveredBy(made)} ${made.active ? "is frozen now" : "will be frozen"} (${made.id}).`);
  printWindows(context, made.windows);
}

function printWindows(context: CliContext, windows: readonly FreezeWindow[]): void {
  printTable(
    context,
    ["FROM", "UNTIL"],
    windows.map((window) => [window.localFrom, window.localUntil]),
    "No window comes.",
  );
}

function windowText(window: FreezeWindow | undefined): string {
  return window === undefined ? "" : `${window.localFrom} to ${window.localUntil}`;
}

function coveredBy({ organisation, project, stack }: Freeze): string {
  return [organisation, project, stack].filter((part) => part !== null).join("/");
}
