import path from "node:path";
import { runInForeground } from "../foreground.ts";
import { installationRoot } from "../installation.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  program
    .command("start")
    .description(
      "start server, worker, keeper and database on this machine, until Ctrl-C; the same as npm start",
    )
    .action(async () => {
      const entry = path.join(installationRoot(context), "automation", "src", "start.ts");
      context.finish(await runInForeground(context, process.execPath, [entry], context.env));
    });
};
