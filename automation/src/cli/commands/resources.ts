import type { Client } from "../../client/index.ts";
import { resourceTree } from "../../client/index.ts";
import type { StateResource } from "../../contract/updates.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { withStackOptions } from "../options.ts";
import { painter, printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { chooseStack, withStackArgument } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly run?: string;
}

const INDENT = "  ";
const OUTCOMES = { done: "done", not_done: "not done", unknown: "unknown" } as const;

export const register: Register = (program, context) => {
  withStackOptions(program.command("resources"))
    .description(
      "list the resources in the current state of a stack, children below their parents; no values",
    )
    .argument("[stack]", "instead of --stack")
    .option("--run <run>", "what became of each in a deployment that did not end by itself")
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      if (options.run !== undefined) {
        await printAccount(context, client, options.run, options);
        return;
      }
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const resources = await client.listResources({ params });
      if (options.json === true) {
        printJson(context, resources);
        return;
      }
      printTable(
        context,
        ["RESOURCE", "TYPE", "ID", ""],
        resourceTree(resources.items).map(({ resource, depth }) => [
          `${INDENT.repeat(depth)}${resource.name}`,
          resource.type,
          resource.id ?? "-",
          marksOf(resource),
        ]),
        resources.state === null ? "The stack has no state yet." : "No resources.",
      );
      if (resources.pendingOperations.length === 0) return;
      const paint = painter(context);
      printLine(context);
      printLine(
        context,
        paint("yellow", "Begun, and nobody knows how it ended; `pulumi refresh` asks what became of it:"),
      );
      printTable(
        context,
        ["OPERATION", "RESOURCE", "TYPE"],
        resources.pendingOperations.map((one) => [one.operation, one.name, one.type]),
        "",
      );
    });
};

async function printAccount(
  context: CliContext,
  client: Client,
  run: string,
  options: StackOptions,
): Promise<void> {
  const { id } = await chooseRun(context, client, run, options);
  const all = await allPages((page) => client.listDeploymentResources({ params: { id }, query: page }));
  if (options.json === true) {
    printJson(context, all);
    return;
  }
  printTable(
    context,
    ["OUTCOME", "OPERATION", "RESOURCE", "TYPE", ""],
    all.map((one) => [OUTCOMES[one.outcome], one.operation, one.name, one.type, one.detail ?? ""]),
    "Nothing is to be accounted for: it ended by itself, or had changed nothing.",
  );
}

function marksOf(resource: StateResource): string {
  return [
    resource.protect ? "protected" : null,
    resource.external ? "external" : null,
    resource.pendingDeletion ? "to be deleted" : null,
  ]
    .filter((mark) => mark !== null)
    .join(", ");
}
