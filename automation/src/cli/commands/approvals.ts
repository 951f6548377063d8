import { formatAge, formatMissing } from "../../client/formats.ts";
import { printApproval } from "../approval-text.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { connectSignedIn } from "../signed-in.ts";
import { stackLabel } from "../stack-choice.ts";

interface ListOptions extends CommonOptions {
  readonly all?: boolean;
  readonly limit: number;
}

export const register: Register = (program, context) => {
  const approvals = program
    .command("approvals")
    .description("what waits for approval, what it would do, and who may vote");

  withCommonOptions(approvals.command("list"))
    .description("list what waits for your vote or sign-off, oldest first")
    .option("--all", "also what waits for others")
    .option("--limit <n>", "how many", positive("--limit"), 50)
    .action(async (options: ListOptions) => {
      const client = await connectSignedIn(context, options);
      const waitingFor = options.all === true ? ("anybody" as const) : ("me" as const);
      const found = await allPages(
        (page) => client.listApprovals({ query: { ...page, waitingFor } }),
        options.limit,
      );
      if (options.json === true) {
        printJson(context, found);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["DEPLOYMENT", "STACK", "WHAT", "RISK", "MISSING", "ASKED BY", "WHEN", "UNTIL"],
        found.map((one) => [
          one.deploymentId,
          stackLabel(one),
          `${one.operation} #${one.number}`,
          one.risk.tier,
          formatMissing(one),
          one.requestedBy,
          formatAge(one.requestedAt, now),
          one.expiresAt,
        ]),
        options.all === true ? "Nothing waits for approval." : "Nothing waits for you.",
      );
    });

  withCommonOptions(approvals.command("show"))
    .description("what is to be approved, its risk, who may vote or sign off, who has, and what is missing")
    .argument("<deployment>", "its id")
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(context, options);
      const approval = await client.getApproval({ params: { id } });
      if (options.json === true) printJson(context, approval);
      else printApproval(context, approval);
    });
};
