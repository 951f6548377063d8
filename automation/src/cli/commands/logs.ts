import type { Client } from "../../client/index.ts";
import { foldEvents, foldUpdateEvents, NO_PROGRESS } from "../../client/progress.ts";
import type { DeploymentEvent } from "../../contract/events.ts";
import type { UpdateEvent } from "../../contract/updates.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { linesOf } from "../event-lines.ts";
import { withStackOptions } from "../options.ts";
import { painter, printJson, printJsonLine, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun, type Run } from "../run-choice.ts";

interface Options extends StackOptions {
  readonly follow?: boolean;
}
/** Events that one request asks for. */
const PAGE_SIZE = 5000;

type AnyEvent = DeploymentEvent | UpdateEvent;

export const register: Register = (program, context) => {
  withStackOptions(program.command("logs"))
    .description(
      "print what happened in a deployment, or in a run of the Pulumi CLI: steps, resources, diagnostics and the output of programs",
    )
    .argument(
      "[run]",
      "id, #number of a deployment or v<number> of an update; by default the newest of the stack",
    )
    .option("-f, --follow", "go on until it ends; with --json one event a line")
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const run = await chooseRun(context, client, given, options);
      const json = options.json === true;
      const print = printerOf(context, run);
      if (options.follow === true) {
        for await (const event of follow(client, run, context.signal)) {
          if (json) printJsonLine(context, event);
          else print(event);
        }
        if (context.signal.aborted) throw new SlipwayError("interrupted", "No longer following the log.");
        return;
      }
      const events = await allEvents(client, run);
      if (json) printJson(context, events);
      else for (const event of events) print(event);
    });
};

function follow(client: Client, { kind, id }: Run, signal: AbortSignal): AsyncGenerator<AnyEvent> {
  return kind === "deployment" ? client.followEvents(id, { signal }) : client.followUpdate(id, { signal });
}

async function allEvents(client: Client, { kind, id }: Run): Promise<AnyEvent[]> {
  const events: AnyEvent[] = [];
  for (;;) {
    const after = events.at(-1)?.sequence ?? 0;
    const input = { params: { id }, query: { after, limit: PAGE_SIZE } };
    const page = await (kind === "deployment" ? client.listEvents(input) : client.listUpdateEvents(input));
    events.push(...page.items);
    // A page of an update is not full where numbers say nothing to people.
    if (page.complete || page.items.length === 0) return events;
  }
}

function printerOf(context: CliContext, { kind }: Run): (event: AnyEvent) => void {
  const options = { paint: painter(context), verbose: true };
  let progress = NO_PROGRESS;
  return (event) => {
    // The two differ in what a missing number means.
    progress =
      kind === "deployment"
        ? foldEvents(progress, [event as DeploymentEvent])
        : foldUpdateEvents(progress, [event]);
    for (const line of linesOf(event, progress, options)) printLine(context, line);
  };
}
