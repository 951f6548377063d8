import {
  describeClaims,
  formatAge,
  formatChanges,
  formatDuration,
  formatPlannedChanges,
} from "../../client/index.ts";
import type { DeploymentSummary } from "../../contract/deployments.ts";
import type { HistoryEntry, Update } from "../../contract/updates.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { runLabel } from "../run-choice.ts";
import { chooseStack, withStackArgument } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly limit: number;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("history"))
    .description("list the deployments of a stack and the runs of the Pulumi CLI on it, newest first")
    .argument("[stack]", "instead of --stack")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, withStackArgument(options, given));
      const entries = await allPages(
        (page) => client.listHistory({ params: stack, query: page }),
        options.limit,
      );
      if (options.json === true) {
        printJson(context, entries.map(flat));
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["RUN", "OPERATION", "STATUS", "RELEASE", "CHANGES", "TOOK", "BY", "WHEN", "WHY"],
        entries.map((entry) => [runLabel(entry), ...cellsOf(entry, now)]),
        "No deployments yet, and no runs of the Pulumi CLI. Start one with `slipway deploy`.",
      );
    });
};

/** `type` says which of the two it is; an update has a `kind` of its own. */
function flat(entry: HistoryEntry) {
  return entry.kind === "deployment"
    ? { type: "deployment", ...entry.deployment }
    : { type: "update", ...entry.update };
}

function cellsOf(entry: HistoryEntry, now: number): string[] {
  return entry.kind === "deployment"
    ? cellsOfDeployment(entry.deployment, now)
    : cellsOfUpdate(entry.update, now);
}

function cellsOfDeployment(one: DeploymentSummary, now: number): string[] {
  return [
    one.operation,
    one.status,
    one.release === null ? "-" : String(one.release),
    one.operation === "preview" ? formatPlannedChanges(one.changes) : formatChanges(one.changes),
    tookOf(one),
    one.cause === "automatic-rollback" ? "Slipway" : one.requestedBy,
    formatAge(one.requestedAt, now),
    one.message ?? one.failure?.detail ?? "",
  ];
}

function cellsOfUpdate(one: Update, now: number): string[] {
  const claimed = [one.message, describeClaims(one.claimed)].filter((part) => part !== null);
  return [
    `pulumi ${one.kind}`,
    one.status,
    "-",
    one.dryRun ? formatPlannedChanges(one.changes) : formatChanges(one.changes),
    tookOf(one),
    one.principal,
    formatAge(one.requestedAt, now),
    claimed.length === 0 ? "" : `claimed: ${claimed.join("; ")}`,
  ];
}

function tookOf(one: { startedAt: string | null; finishedAt: string | null }): string {
  if (one.startedAt === null || one.finishedAt === null) return "-";
  return formatDuration(Date.parse(one.finishedAt) - Date.parse(one.startedAt));
}
