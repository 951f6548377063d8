import { connect } from "../connection.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { PauseOptions } from "../pause-target.ts";
import { pauseTarget } from "../pause-target.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  withStackOptions(program.command("resume"))
    .description("end a pause; wider and narrower ones stay")
    .option("--project <project>", "that of [organisation/]project")
    .option("--all", "that of the whole installation")
    .action(async (options: PauseOptions) => {
      const client = await connect(context, options);
      const target = await pauseTarget(context, client, options);
      switch (target.scope) {
        case "everything":
          await client.resumeEverything();
          break;
        case "project":
          await client.resumeProject({ params: target.params });
          break;
        case "stack":
          await client.resumeStack({ params: target.params });
          break;
      }
      if (options.json === true) printJson(context, { resumed: target.label });
      else printLine(context, `${target.label} is not paused any more.`);
    });
};
