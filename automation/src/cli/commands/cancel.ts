import type { Client } from "../../client/index.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { stackLabel } from "../stack-choice.ts";
import { hasUpdateEnded, updateOutcome, waitForUpdate } from "../update-outcome.ts";
import { isTerminal, watch } from "../watch.ts";

interface Options extends StackOptions {
  readonly wait: boolean;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("cancel"))
    .description(
      "cancel a deployment (interrupt once, let what is in flight end, then end the rest), or end a run of the Pulumi CLI and free its stack",
    )
    .argument(
      "[run]",
      "id, #number of a deployment or v<number> of an update; by default the stack's one that has not ended",
    )
    .option("--no-wait", "return as soon as the cancellation is recorded")
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options, true);
      await (kind === "deployment" ? cancelDeployment : cancelUpdate)(context, client, id, options);
    });
};

async function cancelDeployment(
  context: CliContext,
  client: Client,
  id: string,
  options: Options,
): Promise<void> {
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
}

async function cancelUpdate(
  context: CliContext,
  client: Client,
  id: string,
  options: Options,
): Promise<void> {
  const asked = await client.cancelUpdate({ params: { id } });
  const update = options.wait ? await waitForUpdate(context, client, asked) : asked;
  if (options.json === true) printJson(context, update);
  else for (const line of updateOutcome(update)) printLine(context, line);
  // It may have ended by itself before the cancel took effect.
  if (hasUpdateEnded(update) && update.status !== "cancelled") context.finish(EXIT.failed);
}
