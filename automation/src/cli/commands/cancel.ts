import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { chooseDeployment } from "../deployment-choice.ts";
import { EXIT } from "../exit-codes.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { stackLabel } from "../stack-choice.ts";
import { isTerminal, watch } from "../watch.ts";

interface Options extends StackOptions {
  readonly wait: boolean;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("cancel"))
    .description("cancel a deployment: interrupt once, let what is in flight end, then end the rest")
    .argument("[deployment]", "id or number; by default the stack's one that has not ended")
    .option("--no-wait", "return as soon as the cancellation is recorded")
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const id = await chooseDeployment(context, client, given, options, true);
      const deployment = await client.cancelDeployment({ params: { id } });
      const json = options.json === true;
      if (options.wait && !isTerminal(deployment)) {
        const code = await watch(context, client, deployment, json);
        // To end as cancelled is what was asked for.
        if (code !== EXIT.cancelled) context.finish(code);
        return;
      }
      if (json) printJson(context, deployment);
      else
        printLine(
          context,
          `${deployment.operation} #${deployment.number} of ${stackLabel(deployment)} is ${isTerminal(deployment) ? deployment.status : "being cancelled"}.`,
        );
    });
};
