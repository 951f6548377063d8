import type { Pause } from "../../contract/queue.ts";
import { connect } from "../connection.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { PauseOptions } from "../pause-target.ts";
import { pauseTarget } from "../pause-target.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  withStackOptions(program.command("pause"))
    .description(
      "let nothing new start; what runs goes on, and an automatic rollback still starts, since it finishes what ran",
    )
    .option("--project <project>", "all stacks of [organisation/]project")
    .option("--all", "the whole installation")
    .requiredOption("--reason <text>", "why; whoever waits is shown it")
    .action(async (options: PauseOptions & { reason: string }) => {
      const client = await connect(context, options);
      const target = await pauseTarget(context, client, options);
      const body = { reason: options.reason };
      let pause: Pause;
      switch (target.scope) {
        case "everything":
          pause = await client.pauseEverything({ body });
          break;
        case "project":
          pause = await client.pauseProject({ params: target.params, body });
          break;
        case "stack":
          pause = await client.pauseStack({ params: target.params, body });
          break;
      }
      if (options.json === true) printJson(context, pause);
      else printLine(context, `Nothing new starts: ${target.label} is paused.`);
    });
};
