import { formatAge } from "../../client/formats.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("workers"))
    .description("list the workers that run, drain, or were lost within the last hour")
    .action(async (options: CommonOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listWorkers();
      if (options.json === true) return printJson(context, items);
      const now = Date.now();
      printTable(
        context,
        ["WORKER", "HOST", "STATE", "RUNS", "STARTED", "SEEN"],
        items.map((one) => [
          one.id,
          one.host,
          one.state,
          one.concurrency === null ? String(one.running) : `${one.running} of ${one.concurrency}`,
          formatAge(one.startedAt, now),
          formatAge(one.seenAt, now),
        ]),
        "No worker is running: deployments wait.",
      );
    });
};
