import { randomUUID } from "node:crypto";
import type { Client } from "../../client/index.ts";
import type { Deployment } from "../../contract/deployments.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { collect, withStackOptions } from "../options.ts";
import { clean, printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { stackLabel } from "../stack-choice.ts";
import { watch } from "../watch.ts";

interface Options extends StackOptions {
  readonly wait: boolean;
  readonly message?: string;
  readonly clearPendingCreate?: readonly string[];
  readonly acknowledge?: string;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("continue"))
    .description(
      "go on with a deployment that was interrupted or cancelled half-way: refresh, then the same again with the same source, config and options",
    )
    .argument("[run]", "id or #number of the deployment; by default the stack's newest")
    .option(
      "--clear-pending-create <urn>",
      "a create that was begun, of a resource that you know not to exist: it is dropped from the state; may be repeated",
      collect,
    )
    .option("-m, --message <text>", "why; kept in history and audit")
    .option(
      "--acknowledge <deployment>",
      "on a stack that a failed rollback has frozen: the id of the deployment that was to be undone",
    )
    .option("--no-wait", "print what was requested and return, instead of watching it to its end")
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options);
      if (kind === "update") {
        throw new SlipwayError("conflict", "A run of the Pulumi CLI is gone on with by whoever ran it.", {
          remedy: "Run pulumi refresh, then the command again; or slipway deploy.",
        });
      }
      const deployment = await client.continueDeployment({
        params: { id },
        body: {
          clearPendingCreates: [...(options.clearPendingCreate ?? [])],
          ...(options.message === undefined ? {} : { message: options.message }),
          ...(options.acknowledge === undefined ? {} : { acknowledge: options.acknowledge }),
        },
        idempotencyKey: randomUUID(),
      });
      await tell(context, client, deployment, options);
    });
};

async function tell(
  context: CliContext,
  client: Client,
  deployment: Deployment,
  { wait, json }: Options,
): Promise<void> {
  if (json !== true) {
    const { operation, number, runsAfter } = deployment;
    const after = runsAfter === null ? "" : ", once its refresh has succeeded";
    printLine(context, clean(`Requested ${operation} #${number} of ${stackLabel(deployment)}${after}.`));
  }
  if (wait) {
    if (deployment.runsAfter !== null && json !== true) {
      const refresh = await client.getDeployment({ params: { id: deployment.runsAfter } });
      const code = await watch(context, client, refresh, false);
      if (code !== EXIT.ok) {
        context.finish(code);
        return;
      }
    }
    context.finish(await watch(context, client, deployment, json === true));
    return;
  }
  if (json === true) printJson(context, deployment);
  else printLine(context, `Watch it: slipway logs ${deployment.id} --follow`);
}
