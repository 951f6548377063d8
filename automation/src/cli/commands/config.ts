import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { readHidden, readInput } from "../hidden-input.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel } from "../stack-choice.ts";

export const register: Register = (program, context) => {
  const config = program.command("config").description("list, set and remove config values of a stack");
  registerList(config, context);
  registerSet(config, context);
  registerRemove(config, context);
};

function registerList(config: Command, context: CliContext): void {
  withStackOptions(config.command("list"))
    .description("list the config that the server holds; values of secrets are never shown")
    .action(async (options: StackOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      const { items } = await client.listConfig({ params });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["KEY", "VALUE", "SET BY", "WHEN"],
        items.map((one) => [one.key, one.value ?? "[secret]", one.updatedBy, formatAge(one.updatedAt, now)]),
        "No config on the server; what Pulumi.<stack>.yaml holds still counts.",
      );
    });
}

function registerSet(config: Command, context: CliContext): void {
  withStackOptions(config.command("set"))
    .description("set one config value; the next deployment uses it")
    .argument("<key>", "namespace:name; a bare name gets the project's namespace")
    .argument("[value]", "by default read from standard input, on a terminal typed unseen")
    .option("--secret", "store it encrypted; it never comes back")
    .action(async (key: string, given: string | undefined, options: StackOptions & { secret?: boolean }) => {
      const secret = options.secret === true;
      // Arguments are visible to every user of the machine and end up in the shell's history.
      if (secret && given !== undefined)
        throw usageError(
          "A secret must not be given as an argument, where others can read it.",
          `Leave the value out and type it, or feed it: slipway config set ${key} --secret < file. Change this secret if it was real.`,
        );
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      const value =
        given ?? (secret ? await readHidden(context, `Value of ${key}`) : await ask(context, key));
      const set = await client.setConfig({ params: { ...params, key }, body: { value, secret } });
      if (options.json === true) printJson(context, set);
      else printLine(context, `${set.key} is set${secret ? " as a secret" : ""} for ${stackLabel(params)}.`);
    });
}

async function ask(context: CliContext, key: string): Promise<string> {
  if (context.stdin.isTTY !== true) return readInput(context);
  throw usageError(`No value was given for ${key}.`, `Write: slipway config set ${key} <value>.`);
}

function registerRemove(config: Command, context: CliContext): void {
  withStackOptions(config.command("rm"))
    .description("remove one config value")
    .argument("<key>", "as in config list")
    .action(async (key: string, options: StackOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      await client.removeConfig({ params: { ...params, key } });
      if (options.json === true) printJson(context, { removed: key });
      else printLine(context, `${key} is removed from ${stackLabel(params)}.`);
    });
}
