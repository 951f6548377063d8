import { formatAge } from "../../client/formats.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printList } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { connectSignedIn } from "../signed-in.ts";
import { stackLabel } from "../stack-choice.ts";

export const register: Register = (program, context) => {
  const emergencies = program
    .command("emergencies")
    .description("deployments whose votes somebody passed by, and what their reviews came to");

  withCommonOptions(emergencies.command("list"))
    .description("list them, newest first")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (options: CommonOptions & { readonly limit: number }) => {
      const client = await connect(context, options);
      const found = await allPages((page) => client.listEmergencies({ query: page }), options.limit);
      printList(context, options, found, {
        heading: ["DEPLOYMENT", "STACK", "BY", "WHEN", "REVIEW", "WHY"],
        row: (one, now) => [
          one.deploymentId,
          stackLabel(one),
          one.principal,
          formatAge(one.requestedAt, now),
          one.reviewedBy === null
            ? `${one.overdue ? "overdue since" : "due"} ${one.reviewDueAt}`
            : `by ${one.reviewedBy}`,
          `${one.reason} (${one.incident})`,
        ],
        empty: "Nobody has passed votes by.",
      });
    });

  withCommonOptions(emergencies.command("review"))
    .description("say what the review came to; by somebody else than who used it")
    .argument("<deployment>", "its id")
    .requiredOption("--comment <text>", "what the review came to")
    .action(async (id: string, options: CommonOptions & { readonly comment: string }) => {
      const client = await connectSignedIn(context, options);
      const reviewed = await client.reviewEmergency({ params: { id }, body: { comment: options.comment } });
      if (options.json === true) printJson(context, reviewed);
      else printLine(context, `The emergency of ${reviewed.principal} is reviewed.`);
    });
};
