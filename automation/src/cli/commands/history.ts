import { formatAge, formatChanges, formatDuration, formatPlannedChanges } from "../../client/formats.ts";
import type { DeploymentSummary } from "../../contract/deployments.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseStack } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly limit: number;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("history"))
    .description("list the deployments of a stack, newest first")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (options: Options) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const deployments = await allPages(
        (page) => client.listStackDeployments({ params: stack, query: page }),
        options.limit,
      );
      if (options.json === true) {
        printJson(context, deployments);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["#", "OPERATION", "STATUS", "RELEASE", "CHANGES", "TOOK", "BY", "WHEN", "WHY"],
        deployments.map((one) => [
          String(one.number),
          one.operation,
          one.status,
          one.release === null ? "-" : String(one.release),
          one.operation === "preview" ? formatPlannedChanges(one.changes) : formatChanges(one.changes),
          tookOf(one),
          one.cause === "automatic-rollback" ? "Slipway" : one.requestedBy,
          formatAge(one.requestedAt, now),
          one.message ?? one.failure?.detail ?? "",
        ]),
        "No deployments yet. Start one with `slipway deploy`.",
      );
    });
};

function tookOf(one: DeploymentSummary): string {
  if (one.startedAt === null || one.finishedAt === null) return "-";
  return formatDuration(Date.parse(one.finishedAt) - Date.parse(one.startedAt));
}
