import type { Command } from "commander";
import { Option } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { ChooseCandidate, Readiness, SetReadinessSettings } from "../../contract/readiness.ts";
import { ManualItem, SetReadinessSettings as SetSettings } from "../../contract/readiness.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { collect, withStackOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { bodyOf } from "../request-body.ts";
import { connectSignedIn } from "../signed-in.ts";
import { chooseStack } from "../stack-choice.ts";

interface Choice extends StackOptions {
  readonly from?: string;
  readonly release?: number;
  readonly source?: string;
}
interface SettingsOptions extends StackOptions {
  readonly signOff?: "required" | "off";
  readonly item?: readonly string[];
  readonly without?: readonly string[];
  readonly withAll?: boolean;
}

export const register: Register = (program, context) => {
  const readiness = program
    .command("readiness")
    .description("the checklist of a stack for what it is to take next, and its sign-off");
  withCandidate(readiness.command("show"))
    .description("show the checklist and who has signed it off")
    .action(async (options: Choice) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      print(context, options, await client.getReadiness({ params, query: choiceOf(options) }));
    });
  withCandidate(readiness.command("tick <item>"))
    .description("say that an item which people look at is done, by a person who has logged in")
    .option("--note <text>", "what was looked at")
    .option("--undo", "take it back")
    .action(async (item: string, options: Choice & { note?: string; undo?: boolean }) => {
      const client = await connectSignedIn(context, options);
      const params = await chooseStack(context, client, options);
      const { note, undo } = options;
      const body = {
        ...choiceOf(options),
        item,
        done: undo !== true,
        ...(note === undefined ? {} : { note }),
      };
      print(context, options, await client.tickReadiness({ params, body }));
    });
  withCandidate(readiness.command("sign-off"))
    .description("sign off what the stack is to take, by a person who has logged in and has no part in it")
    .requiredOption("--comment <text>", "what was looked at")
    .action(async (options: Choice & { comment: string }) => {
      const client = await connectSignedIn(context, options);
      const params = await chooseStack(context, client, options);
      const body = { ...choiceOf(options), comment: options.comment };
      print(context, options, await client.signOff({ params, body }));
    });
  withStackOptions(readiness.command("withdraw <sign-off>"))
    .description("withdraw a sign-off, by its id")
    .action(async (signOff: string, options: StackOptions) => {
      const client = await connectSignedIn(context, options);
      const params = await chooseStack(context, client, options);
      print(context, options, await client.withdrawSignOff({ params: { ...params, signOff } }));
    });
  withStackOptions(readiness.command("settings"))
    .description("show or set whether the stack only takes what was signed off, and its checklist")
    .addOption(
      new Option("--sign-off <choice>", "whether an update waits for one").choices(["required", "off"]),
    )
    .option(
      "--item <name=title>",
      "what people look at, in place of the items before; may be repeated",
      collect,
    )
    .option("--without <item>", "leave this automatic item out; may be repeated", collect)
    .option("--with-all", "leave no automatic item out")
    .action((options: SettingsOptions) => settings(context, options));
};

function withCandidate(command: Command): Command {
  return withStackOptions(command)
    .option("--from <stack>", "the stack whose release it is; left out: the one before")
    .option("--release <n>", "its number; left out: the newest", positive("--release"))
    .option("--source <digest>", "a source that was previewed here, in place of a release");
}

function choiceOf({ from, release, source }: Choice): ChooseCandidate {
  return {
    ...(from === undefined ? {} : { from }),
    ...(release === undefined ? {} : { release }),
    ...(source === undefined ? {} : { source }),
  };
}

async function settings(context: CliContext, options: SettingsOptions): Promise<void> {
  const client = await connect(context, options);
  const params = await chooseStack(context, client, options);
  const body = askedFor(options);
  const now =
    Object.keys(body).length === 0
      ? (await client.getReadiness({ params })).settings
      : await client.setReadinessSettings({ params, body });
  if (options.json === true) {
    printJson(context, now);
    return;
  }
  printLine(context, `Sign-off: ${now.required ? "required" : "off"}`);
  printTable(
    context,
    ["ITEM", "WHAT PEOPLE LOOK AT"],
    now.manual.map(({ name, title }) => [name, title]),
    "People look at nothing.",
  );
  if (now.without.length > 0) printLine(context, `Left out: ${now.without.join(", ")}`);
}

function askedFor({ signOff, item, without, withAll }: SettingsOptions): SetReadinessSettings {
  const given = {
    ...(signOff === undefined ? {} : { required: signOff === "required" }),
    ...(item === undefined ? {} : { manual: item.map(manualItem) }),
    ...(without === undefined ? (withAll === true ? { without: [] } : {}) : { without }),
  };
  return bodyOf(SetSettings, given, "slipway readiness show names the automatic items.");
}

function manualItem(text: string): ManualItem {
  const [name = "", ...title] = text.split("=");
  return bodyOf(ManualItem, { name, title: title.join("=") }, "Write it as name=what people look at.");
}

function print(context: CliContext, { json }: StackOptions, readiness: Readiness): void {
  if (json === true) {
    printJson(context, readiness);
    return;
  }
  const { candidate, checklist, signOffs, isSignedOff } = readiness;
  printLine(
    context,
    candidate === null
      ? "There is nothing that the stack could take next."
      : candidate.kind === "release"
        ? `For release ${candidate.release} of ${candidate.stack}:`
        : `For the source ${candidate.sourceDigest}:`,
  );
  printTable(
    context,
    ["ITEM", "STATE", "BY", "WHAT", "DETAIL"],
    checklist.map((item) => [item.name, item.state, item.by ?? "", item.title, item.detail]),
    "The checklist is empty.",
  );
  const now = Date.now();
  for (const { id, by, at, comment, withdrawnBy } of signOffs)
    printLine(
      context,
      `Signed off by ${by} ${formatAge(at, now)}: ${comment}${withdrawnBy === null ? ` (${id})` : ` (withdrawn by ${withdrawnBy})`}`,
    );
  if (!isSignedOff)
    printLine(
      context,
      readiness.settings.required ? "Not signed off: an update with it waits." : "Not signed off.",
    );
}
