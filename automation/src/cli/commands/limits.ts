import { formatAge } from "../../client/formats.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import { parseProject } from "../pause-target.ts";
import type { Register } from "../program.ts";

interface SetOptions extends CommonOptions {
  readonly project?: string;
}

export const register: Register = (program, context) => {
  const limits = program
    .command("limits")
    .description("how many deployments may run at once; what runs already is never ended for a limit");

  withCommonOptions(limits.command("get"))
    .description("show the limits of the installation and of projects")
    .action(async (options: CommonOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listLimits();
      if (options.json === true) return printJson(context, items);
      const now = Date.now();
      printTable(
        context,
        ["OF", "AT ONCE", "SET"],
        items.map((one) => [
          one.project === null ? "the installation" : `${one.organisation}/${one.project}`,
          String(one.most),
          `by ${one.setBy}, ${formatAge(one.setAt, now)}`,
        ]),
        "As many run as the workers can take.",
      );
    });

  withCommonOptions(limits.command("set"))
    .description("limit how many run at once, in the installation or in a project")
    .argument("<most>", "a number, or none")
    .option("--project <project>", "[organisation/]project; without it the installation")
    .action(async (given: string, options: SetOptions) => {
      const most = given === "none" ? null : positive("<most>")(given);
      const client = await connect(context, options);
      const params = options.project === undefined ? null : parseProject(options.project);
      const label = params === null ? "the installation" : `${params.organisation}/${params.project}`;
      if (most === null) {
        if (params === null) await client.removeInstallationLimit();
        else await client.removeProjectLimit({ params });
        if (options.json === true) printJson(context, { most: null });
        else printLine(context, `As many deployments of ${label} run as the workers can take.`);
        return;
      }
      const body = { most };
      const set =
        params === null
          ? await client.setInstallationLimit({ body })
          : await client.setProjectLimit({ params, body });
      if (options.json === true) printJson(context, set);
      else printLine(context, `At most ${set.most} of ${label} run at once.`);
    });
};
