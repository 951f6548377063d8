import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseStack } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly limit: number;
  readonly action?: string;
}

export const register: Register = (program, context) => {
  withCommonOptions(program.command("audit"))
    .description("list audit entries, newest first: who did what to which subject")
    .option("-s, --stack <stack>", "only this stack")
    .option("--action <noun.verb>", "only this action, such as deployment.requested")
    .option("--limit <n>", "how many", positive("--limit"), 50)
    .action(async (options: Options) => {
      const client = await connect(context, options);
      const stack = options.stack === undefined ? {} : await chooseStack(context, client, options);
      const action = options.action === undefined ? {} : { action: options.action };
      const entries = await allPages(
        (page) => client.listAudit({ query: { ...stack, ...action, ...page } }),
        options.limit,
      );
      if (options.json === true) {
        printJson(context, entries);
        return;
      }
      printTable(
        context,
        ["AT", "WHO", "ACTION", "SUBJECT", "DETAILS"],
        entries.map((one) => [one.at, one.principal, one.action, one.subject, detailsOf(one.details)]),
        "No entries.",
      );
    });
};

/** Details as words: `release=3 message="fix"`. */
function detailsOf(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(" ");
}
