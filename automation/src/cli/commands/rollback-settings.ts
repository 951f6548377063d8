import { Option } from "commander";
import type { RollbackSettings, SetRollbackSettings } from "../../contract/verification.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly automatic?: "on" | "off";
  readonly requested?: "on" | "off";
  readonly onHoldExpiry?: "keep" | "rollback";
  readonly onFirstFailure?: "keep" | "destroyCreated";
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("rollback-settings"))
    .description("show what a stack does when an update goes wrong, or set it")
    .addOption(
      new Option(
        "--automatic <choice>",
        "roll back without being asked, as long as all of it can be undone",
      ).choices(["on", "off"]),
    )
    .addOption(
      new Option(
        "--requested <choice>",
        "let such a rollback pass approvals and freezes also when somebody asks for it",
      ).choices(["on", "off"]),
    )
    .addOption(
      new Option(
        "--on-hold-expiry <choice>",
        "what happens when nobody decides about a held deployment",
      ).choices(["keep", "rollback"]),
    )
    .addOption(
      new Option("--on-first-failure <choice>", "what happens to what a first release created").choices([
        "keep",
        "destroyCreated",
      ]),
    )
    .action(async (options: Options) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      const body = askedFor(options);
      const settings =
        Object.keys(body).length === 0
          ? await client.getRollbackSettings({ params })
          : await client.setRollbackSettings({ params, body });
      if (options.json === true) printJson(context, settings);
      else printTable(context, ["SETTING", "VALUE"], rowsOf(settings), "");
    });
};

function askedFor({ automatic, requested, onHoldExpiry, onFirstFailure }: Options): SetRollbackSettings {
  return {
    ...(automatic === undefined ? {} : { automatic: automatic === "on" }),
    ...(requested === undefined ? {} : { coversRequested: requested === "on" }),
    ...(onHoldExpiry === undefined ? {} : { onHoldExpiry }),
    ...(onFirstFailure === undefined ? {} : { onFirstFailure }),
  };
}

function rowsOf(settings: RollbackSettings): string[][] {
  return [
    ["automatic", settings.automatic ? "on" : "off"],
    ["requested", settings.coversRequested ? "on" : "off"],
    ["on-hold-expiry", settings.onHoldExpiry],
    ["on-first-failure", settings.onFirstFailure],
  ];
}
