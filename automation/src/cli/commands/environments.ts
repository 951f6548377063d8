import type { Environments } from "../../contract/promotions.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../failure.ts";
import { collect } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import type { ProjectOptions } from "../project-choice.ts";
import { chooseProject, withProjectOptions } from "../project-choice.ts";

interface SetOptions extends ProjectOptions {
  readonly onlyPromoted?: readonly string[];
}

export const register: Register = (program, context) => {
  const environments = program
    .command("environments")
    .description("the order of a project's stacks: what is good on one may be promoted to the next");

  withProjectOptions(environments.command("get"))
    .description("show the order, and what each stack runs")
    .action(async (options: ProjectOptions) => {
      const client = await connect(context, options);
      const params = await chooseProject(context, client, options);
      show(context, await client.getEnvironments({ params }), options);
    });

  withProjectOptions(environments.command("set"))
    .description("set the order, in place of the one before; for admins, audited")
    .argument("[stacks...]", "from first to last; none removes the order")
    .option(
      "--only-promoted <stack>",
      "this stack takes no update but a promotion of what is good on the stack before; may be repeated",
      collect,
    )
    .action(async (given: string[], options: SetOptions) => {
      const strict = options.onlyPromoted ?? [];
      const stranger = strict.find((stack) => !given.includes(stack));
      if (stranger !== undefined)
        throw usageError(
          `${JSON.stringify(stranger)} has no place in the order.`,
          "Name it among the stacks.",
        );
      const client = await connect(context, options);
      const params = await chooseProject(context, client, options);
      const stacks = given.map((stack) => ({ stack, onlyPromoted: strict.includes(stack) }));
      show(context, await client.setEnvironments({ params, body: { stacks } }), options);
    });
};

function show(context: CliContext, { stacks }: Environments, options: ProjectOptions): void {
  if (options.json === true) {
    printJson(context, stacks);
    return;
  }
  printTable(
    context,
    ["PLACE", "STACK", "TAKES", "RELEASE"],
    stacks.map(({ stack, onlyPromoted, removed, release }, index) => [
      String(index + 1),
      `${stack}${removed ? " (removed)" : ""}`,
      onlyPromoted ? "promotions only" : "anything",
      release === null
        ? "none"
        : `${release.number}, ${release.health}${release.quarantined ? ", quarantined" : ""}`,
    ]),
    "The stacks have no order: any may be promoted to any other.",
  );
}
