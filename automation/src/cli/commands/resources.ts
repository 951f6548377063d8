import { resourceTree } from "../../client/index.ts";
import type { StateResource } from "../../contract/updates.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { withStackOptions } from "../options.ts";
import { painter, printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack, withStackArgument } from "../stack-choice.ts";

const INDENT = "  ";

export const register: Register = (program, context) => {
  withStackOptions(program.command("resources"))
    .description(
      "list the resources in the current state of a stack, children below their parents; no values",
    )
    .argument("[stack]", "instead of --stack")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
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

function marksOf(resource: StateResource): string {
  return [
    resource.protect ? "protected" : null,
    resource.external ? "external" : null,
    resource.pendingDeletion ? "to be deleted" : null,
  ]
    .filter((mark) => mark !== null)
    .join(", ");
}
