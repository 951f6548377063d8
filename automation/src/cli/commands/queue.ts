import { formatAge } from "../../client/formats.ts";
import { pauseSentence } from "../../client/pauses.ts";
import type { DeploymentSummary } from "../../contract/deployments.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { stackLabel } from "../stack-choice.ts";
import { waitingLine } from "../waiting-line.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("queue"))
    .description(
      "list what runs, and what waits in the order in which it is claimed, with what each waits for",
    )
    .option("--limit <n>", "how many of those that wait", positive("--limit"), 100)
    .action(async (options: CommonOptions & { limit: number }) => {
      const client = await connect(context, options);
      const [queue, { items: pauses }] = await Promise.all([
        client.listQueue({ query: { limit: options.limit } }),
        client.listPauses(),
      ]);
      if (options.json === true) return printJson(context, { ...queue, pauses });
      for (const pause of pauses) printLine(context, clean(pauseSentence(pause)));
      const now = Date.now();
      printTable(
        context,
        ["STACK", "DEPLOYMENT", "BY", "SINCE", "STATE"],
        [...queue.running, ...queue.waiting].map((one) => rowOf(one, now)),
        "Nothing runs and nothing waits.",
      );
      if (queue.more) printLine(context, `More wait: --limit ${options.limit * 2} shows more of them.`);
    });
};

function rowOf(one: DeploymentSummary, now: number): string[] {
  return [
    stackLabel(one),
    `${one.operation} #${one.number}`,
    one.requestedBy,
    formatAge(one.startedAt ?? one.requestedAt, now),
    one.waiting === null ? one.status : waitingLine(one.waiting, now),
  ];
}
