import { foldEvents, NO_PROGRESS } from "../../client/progress.ts";
import type { DeploymentEvent } from "../../contract/events.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { chooseDeployment } from "../deployment-choice.ts";
import { linesOf } from "../event-lines.ts";
import { withStackOptions } from "../options.ts";
import { painter, printJson, printJsonLine, printLine } from "../output.ts";
import type { Register } from "../program.ts";

interface Options extends StackOptions {
  readonly follow?: boolean;
}
/** Events that one request asks for. */
const PAGE_SIZE = 5000;

export const register: Register = (program, context) => {
  withStackOptions(program.command("logs"))
    .description(
      "print what happened in a deployment: steps, resources, diagnostics and the output of programs",
    )
    .argument("[deployment]", "id or number; by default the newest of the stack")
    .option("-f, --follow", "go on until it ends; with --json one event a line")
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const id = await chooseDeployment(context, client, given, options);
      const json = options.json === true;
      const lineOptions = { paint: painter(context), verbose: true };
      let progress = NO_PROGRESS;
      const print = (event: DeploymentEvent) => {
        progress = foldEvents(progress, [event]);
        for (const line of linesOf(event, progress, lineOptions)) printLine(context, line);
      };
      if (options.follow === true) {
        for await (const event of client.followEvents(id, { signal: context.signal })) {
          if (json) printJsonLine(context, event);
          else print(event);
        }
        if (context.signal.aborted) throw new SlipwayError("interrupted", "No longer following the log.");
        return;
      }
      const events: DeploymentEvent[] = [];
      for (;;) {
        const after = events.at(-1)?.sequence ?? 0;
        const page = await client.listEvents({ params: { id }, query: { after, limit: PAGE_SIZE } });
        events.push(...page.items);
        if (page.items.length < PAGE_SIZE) break;
      }
      if (json) printJson(context, events);
      else for (const event of events) print(event);
    });
};
