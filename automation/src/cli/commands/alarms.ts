import { formatAge } from "../../client/formats.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  const alarms = program
    .command("alarms")
    .description("what the detector of double executions has found: there should be none");

  withCommonOptions(alarms.command("list"))
    .description("list alarms that nobody has looked at, newest first")
    .option("--all", "also those that somebody has looked at")
    .action(async (options: CommonOptions & { all?: boolean }) => {
      const client = await connect(context, options);
      const open = options.all === true ? "false" : "true";
      const items = await allPages((page) => client.listAlarms({ query: { ...page, open } }));
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["ID", "FOUND", "KIND", "STACK", "WHAT", "LOOKED AT BY"],
        items.map((one) => [
          one.id,
          formatAge(one.foundAt, now),
          one.kind,
          `${one.organisation}/${one.project}/${one.stack}`,
          one.detail,
          one.acknowledgedBy ?? "nobody",
        ]),
        "No alarms.",
      );
    });

  withCommonOptions(alarms.command("acknowledge"))
    .description("say that you have looked at an alarm")
    .argument("<id>", "as in alarms list")
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(context, options);
      const alarm = await client.acknowledgeAlarm({ params: { id } });
      if (options.json === true) printJson(context, alarm);
      else printLine(context, `${alarm.acknowledgedBy} has looked at it.`);
    });
};
