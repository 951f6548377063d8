import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack, parseStack, stackLabel } from "../stack-choice.ts";

export const register: Register = (program, context) => {
  const readers = program
    .command("readers")
    .description("whose programs may read a stack's outputs (StackReference), and who has");

  withStackOptions(readers.command("list"))
    .description("list the stacks that may read the outputs, and who has read them")
    .action(async (options: StackOptions) => {
      const client = await connect(context, options);
      const answer = await client.listReaders({ params: await chooseStack(context, client, options) });
      if (options.json === true) {
        printJson(context, answer);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["MAY READ", "ALLOWED BY", "WHEN"],
        answer.allowed.map((one) => [stackLabel(one), one.grantedBy, formatAge(one.grantedAt, now)]),
        "No other stack's deployments may read the outputs.",
      );
      printLine(context);
      printTable(
        context,
        ["HAS READ", "AS", "TIMES", "LAST"],
        answer.reads.map((one) => [
          one.reader === null ? "another organisation's stack" : stackLabel(one.reader),
          one.principal,
          String(one.times),
          formatAge(one.lastAt, now),
        ]),
        "Nobody's program has read them.",
      );
    });

  change(readers, context, {
    name: "allow",
    description: "let the program of another stack of the organisation read the outputs",
    done: "may read the outputs of",
    apply: (client, params) => client.allowReader({ params }),
  });
  change(readers, context, {
    name: "remove",
    description: "let it read them no more",
    done: "may no longer read the outputs of",
    apply: (client, params) => client.removeReader({ params }),
  });
};

type Client = Awaited<ReturnType<typeof connect>>;
interface Change {
  readonly name: string;
  readonly description: string;
  readonly done: string;
  apply(client: Client, params: StackPath & { readerProject: string; readerStack: string }): Promise<unknown>;
}

function change(readers: Command, context: CliContext, { name, description, done, apply }: Change): void {
  withStackOptions(readers.command(name))
    .description(description)
    .argument("<reader>", "project/stack of the one that reads")
    .action(async (given: string, options: StackOptions) => {
      const reader = parseStack(given);
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      if (reader.project === null || (reader.organisation ?? stack.organisation) !== stack.organisation) {
        throw usageError(
          `${JSON.stringify(given)} does not name another stack of ${stack.organisation}.`,
          "Write it as project/stack.",
        );
      }
      const readerProject = reader.project;
      await apply(client, { ...stack, readerProject, readerStack: reader.stack });
      const label = `${readerProject}/${reader.stack}`;
      if (options.json === true) printJson(context, { reader: label, stack, change: name });
      else printLine(context, `${label} ${done} ${stackLabel(stack)}.`);
    });
}
