import { Argument } from "commander";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { stackLabel } from "../stack-choice.ts";
import { watch } from "../watch.ts";

interface Options extends StackOptions {
  readonly reason: string;
  readonly wait: boolean;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("hold"))
    .description("decide about a deployment that is held: keep what it left, or roll it back; audited")
    .argument("<run>", "id or #number of the deployment")
    .addArgument(new Argument("<decision>", "what becomes of it").choices(["keep", "rollback"]))
    .requiredOption("--reason <text>", "why; kept with the release and in the audit")
    .option("--no-wait", "return at once, instead of watching a rollback to its end")
    .action(async (given: string, decision: "keep" | "rollback", options: Options) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options);
      if (kind === "update") throw new SlipwayError("conflict", "A run of the Pulumi CLI is never held.");
      const deployment = await client.decideHold({
        params: { id },
        body: { decision, reason: options.reason },
      });
      if (decision === "rollback" && options.wait) {
        context.finish(await watch(context, client, deployment, options.json === true));
        return;
      }
      if (options.json === true) printJson(context, deployment);
      else {
        const { operation, number } = deployment;
        const what = decision === "keep" ? "stays as it is" : "is rolled back";
        printLine(context, `What ${operation} #${number} of ${stackLabel(deployment)} left ${what}.`);
      }
    });
};
