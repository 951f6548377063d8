import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import { connect } from "../connection.ts";
import type { CliContext, CommonOptions, StackOptions } from "../context.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel } from "../stack-choice.ts";

const ONE_STACK = [
  "-s, --stack <stack>",
  "of this stack only: a name, project/name or organisation/project/name",
] as const;

export const register: Register = (program, context) => {
  const keys = program
    .command("keys")
    .description("list, rotate and rewrap the keys that secrets and states are sealed with");
  registerList(keys, context);
  registerRotate(keys, context);
  registerRewrap(keys, context);
};

function registerList(keys: Command, context: CliContext): void {
  withCommonOptions(keys.command("list"))
    .description("list wrapping keys, or the versions of a stack's data key")
    .option(...ONE_STACK)
    .action(async (options: StackOptions) => {
      const client = await connect(context, options);
      const now = Date.now();
      if (options.stack !== undefined) {
        const params = await chooseStack(context, client, options);
        const { items } = await client.listDataKeys({ params });
        if (options.json === true) return printJson(context, items);
        printTable(
          context,
          ["VERSION", "WRAPPED BY", "MADE"],
          items.map((one) => [String(one.version), one.wrappingKey, formatAge(one.createdAt, now)]),
          "No data key yet: the first secret or state makes it.",
        );
        return;
      }
      const { items } = await client.listKeys();
      if (options.json === true) return printJson(context, items);
      printTable(
        context,
        ["WRAPPING KEY", "STATUS", "WRAPS", "SINCE"],
        items.map((one) => [one.id, statusOf(one), String(one.wraps), formatAge(one.createdAt, now)]),
        "No wrapping key.",
      );
    });
}

function statusOf({
  isCurrent,
  isRetired,
  wraps,
}: {
  isCurrent: boolean;
  isRetired: boolean;
  wraps: number;
}): string {
  if (isCurrent) return "current";
  if (isRetired) return "retired";
  return wraps > 0 ? "in use" : "unused";
}

function registerRotate(keys: Command, context: CliContext): void {
  withCommonOptions(keys.command("rotate"))
    .description("make a new version of the data keys; what older ones sealed stays readable")
    .option(...ONE_STACK)
    .action(async (options: StackOptions) => {
      const client = await connect(context, options);
      if (options.stack !== undefined) {
        const params = await chooseStack(context, client, options);
        const made = await client.rotateDataKey({ params });
        if (options.json === true) printJson(context, made);
        else printLine(context, `${stackLabel(params)} seals with version ${made.version} of its data key.`);
        return;
      }
      let answer = await client.rotateKeys({ body: {} });
      let { rotated } = answer;
      while (answer.left > 0) {
        answer = await client.rotateKeys({ body: { before: answer.before } });
        rotated += answer.rotated;
      }
      if (options.json === true) printJson(context, { rotated });
      else printLine(context, `${rotated} ${rotated === 1 ? "stack has" : "stacks have"} a new data key.`);
    });
}

function registerRewrap(keys: Command, context: CliContext): void {
  withCommonOptions(keys.command("rewrap"))
    .description("move all data keys to the wrapping key that the server is configured with (SLIPWAY_KEY)")
    .option(
      "--to <key>",
      "refuse unless the server wraps with this key: aws-kms:<arn>, vault:<mount>/<key>, or as `keys list` has it",
    )
    .action(async (options: CommonOptions & { to?: string }) => {
      const client = await connect(context, options);
      const body = options.to === undefined ? {} : { to: options.to };
      let answer = await client.rewrapKeys({ body });
      let { moved } = answer;
      const { retired } = answer;
      // What is moved stays moved: after a failure the same command goes on.
      while (answer.left > 0) {
        answer = await client.rewrapKeys({ body });
        moved += answer.moved;
        retired.push(...answer.retired);
      }
      if (options.json === true) {
        printJson(context, { to: answer.to, moved, retired });
        return;
      }
      printLine(context, `${moved} ${moved === 1 ? "key" : "keys"} moved; ${answer.to} wraps all.`);
      for (const id of retired)
        printLine(context, `${id} is needed no more, except by backups of the database from before.`);
    });
}
