import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { Destination } from "../../contract/notifications.ts";
import {
  ChangeDestination,
  CreateDestination,
  NotificationKind,
  Severity,
  USUAL_OVERLAP_HOURS,
} from "../../contract/notifications.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../failure.ts";
import { confirmed, readHidden } from "../hidden-input.ts";
import { collect } from "../options.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { bodyOf } from "../request-body.ts";

const HELP = "See `slipway help destinations`.";

interface FilterOptions extends OrganisationOptions {
  readonly kind?: readonly string[];
  readonly match?: readonly string[];
  readonly minSeverity?: string;
  readonly installation?: boolean;
}

export const register: Register = (program, context) => {
  const destinations = program
    .command("destinations")
    .description("where notifications go: list, add, change, pause, resume and remove destinations");
  registerList(destinations, context);
  registerAdd(destinations, context);
  registerChange(destinations, context);
  registerPauses(destinations, context);
  registerRotate(destinations, context);
  registerRemove(destinations, context);
};

function withFilters(command: Command): Command {
  return withOrganisationOptions(command)
    .option(
      "--kind <kind>",
      `only this kind; may be given several times: ${NotificationKind.options.join(", ")}`,
      collect,
    )
    .option(
      "--match <pattern>",
      "only about stacks that match project/stack, with * for any characters; may be given several times",
      collect,
    )
    .option("--min-severity <severity>", `only as urgent as this: ${Severity.options.join(", ")}`)
    .option("--installation", "also about the installation (disk, backup); for the owner");
}

/** The filters that the command line names, in the form of a request. */
function filtersOf(options: FilterOptions): Record<string, unknown> {
  return {
    ...(options.kind === undefined ? {} : { kinds: options.kind }),
    ...(options.match === undefined ? {} : { stacks: options.match }),
    ...(options.minSeverity === undefined ? {} : { minSeverity: options.minSeverity }),
    ...(options.installation === undefined ? {} : { installation: options.installation }),
  };
}

function registerList(destinations: Command, context: CliContext): void {
  withOrganisationOptions(destinations.command("list"))
    .description("list destinations; of a webhook only its host is shown")
    .action(async (options: OrganisationOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listDestinations({ params: { organisation: organisationOf(options) } });
      if (options.json === true) return printJson(context, items);
      const now = Date.now();
      printTable(
        context,
        ["NAME", "TYPE", "ADDRESS", "GETS", "LAST DELIVERED", "STATUS"],
        items.map((one) => [
          one.name,
          one.type,
          one.address,
          getsOf(one),
          one.lastDeliveredAt === null ? "never" : formatAge(one.lastDeliveredAt, now),
          statusOf(one),
        ]),
        "No destinations: nobody is told of anything. Add one with `slipway destinations add`.",
      );
    });
}

function getsOf({ kinds, stacks, minSeverity, installation }: Destination): string {
  const parts = [
    kinds === null ? "every kind" : kinds.join(","),
    ...(stacks === null ? [] : [`of ${stacks.join(",")}`]),
    ...(minSeverity === "info" ? [] : [`from ${minSeverity}`]),
    ...(installation ? ["and of the installation"] : []),
  ];
  return parts.join(" ");
}

function statusOf({ pausedAt, pausedBy, deadInARow }: Destination): string {
  if (pausedAt !== null) return `paused by ${pausedBy ?? "?"}`;
  return deadInARow === 0 ? "active" : `failing: ${deadInARow} given up in a row`;
}

function registerAdd(destinations: Command, context: CliContext): void {
  withFilters(destinations.command("add"))
    .description("add a webhook, whose URL is read from standard input, or with --to e-mail")
    .argument("<name>", "lower-case letters, digits and '-'")
    .option("--to <address>", "an e-mail address; may be given several times", collect)
    .action(async (name: string, options: FilterOptions & { to?: string[] }) => {
      const base = { name, ...filtersOf(options) };
      // Never on the command line, which others on the machine can read: a webhook's path is often a secret.
      const body = bodyOf(
        CreateDestination,
        options.to === undefined
          ? { type: "webhook", ...base, url: (await readHidden(context, "URL of the webhook")).trim() }
          : { type: "email", ...base, to: options.to },
        HELP,
      );
      const client = await connect(context, options);
      const made = await client.createDestination({
        params: { organisation: organisationOf(options) },
        body,
      });
      if (options.json === true) return printJson(context, made);
      if (made.secret !== null) {
        printLine(context, made.secret);
        context.stderr.write("This is the signing secret. Keep it now: it is not shown again.\n");
      }
      context.stderr.write(`Try it: slipway notifications test ${made.destination.name}\n`);
    });
}

function registerChange(destinations: Command, context: CliContext): void {
  withFilters(destinations.command("set"))
    .description("change what a destination gets, or where it is; what is not named stays")
    .argument("<name>", "as in destinations list")
    .option("--to <address>", "an e-mail address; may be given several times", collect)
    .option("--url", "read another URL from standard input")
    .option("--all-kinds", "every kind again")
    .option("--all-stacks", "every stack again")
    .option("--no-installation", "nothing about the installation")
    .action(
      async (
        destination: string,
        options: FilterOptions & { to?: string[]; url?: boolean; allKinds?: boolean; allStacks?: boolean },
      ) => {
        const body = bodyOf(
          ChangeDestination,
          {
            ...filtersOf(options),
            ...(options.allKinds === true ? { kinds: null } : {}),
            ...(options.allStacks === true ? { stacks: null } : {}),
            ...(options.to === undefined ? {} : { to: options.to }),
            ...(options.url === true
              ? { url: (await readHidden(context, "URL of the webhook")).trim() }
              : {}),
          },
          HELP,
        );
        if (Object.keys(body).length === 0) throw usageError("Nothing to change was named.", HELP);
        await change(context, options, destination, body, "is changed.");
      },
    );
}

function registerPauses(destinations: Command, context: CliContext): void {
  withOrganisationOptions(destinations.command("pause"))
    .description(
      "send nothing to a destination for now; what comes meanwhile is given up and can be sent again",
    )
    .argument("<name>", "as in destinations list")
    .action((name: string, options: OrganisationOptions) =>
      change(context, options, name, { paused: true }, "is paused."),
    );
  withOrganisationOptions(destinations.command("resume"))
    .description("send to it again")
    .argument("<name>", "as in destinations list")
    .action((name: string, options: OrganisationOptions) =>
      change(
        context,
        options,
        name,
        { paused: false },
        `is active. What was given up is sent by: slipway notifications resend --destination ${name}`,
      ),
    );
}

async function change(
  context: CliContext,
  options: OrganisationOptions,
  destination: string,
  body: ChangeDestination,
  said: string,
): Promise<void> {
  const client = await connect(context, options);
  const params = { organisation: organisationOf(options), destination };
  const changed = await client.changeDestination({ params, body });
  if (options.json === true) printJson(context, changed);
  else printLine(context, `${destination} ${said}`);
}

function registerRotate(destinations: Command, context: CliContext): void {
  withOrganisationOptions(destinations.command("rotate"))
    .description("make a new signing secret and print it; the old one signs too for a while")
    .argument("<name>", "as in destinations list")
    .option(
      "--overlap-hours <n>",
      `hours in which both sign; 0 ends the old one at once; by default ${USUAL_OVERLAP_HOURS}`,
    )
    .action(async (destination: string, options: OrganisationOptions & { overlapHours?: string }) => {
      const client = await connect(context, options);
      const body = { overlapHours: hoursOf(options.overlapHours) };
      const params = { organisation: organisationOf(options), destination };
      const made = await client.rotateDestinationSecret({ params, body });
      if (options.json === true) return printJson(context, made);
      printLine(context, made.secret ?? "");
      context.stderr.write(
        `This is the new signing secret; the old one signs too for ${body.overlapHours} h. It is not shown again.\n`,
      );
    });
}

function hoursOf(text: string | undefined): number {
  if (text === undefined) return USUAL_OVERLAP_HOURS;
  if (!/^\d{1,3}$/.test(text))
    throw usageError("--overlap-hours must be a whole number of hours.", "0 to 168.");
  return Number(text);
}

function registerRemove(destinations: Command, context: CliContext): void {
  withOrganisationOptions(destinations.command("remove"))
    .description("forget a destination with its address and secret")
    .argument("<name>", "as in destinations list")
    .option("-y, --yes", "do not ask")
    .action(async (destination: string, options: OrganisationOptions & { yes?: boolean }) => {
      if (options.yes !== true && !(await confirmed(context, `Remove ${destination}?`, "--yes"))) return;
      const client = await connect(context, options);
      await client.removeDestination({ params: { organisation: organisationOf(options), destination } });
      if (options.json === true) printJson(context, { removed: destination });
      else printLine(context, `${destination} is removed.`);
    });
}
