import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { collect, withStackOptions } from "../options.ts";
import { clean, printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { watch } from "../watch.ts";

interface Options extends StackOptions {
  readonly step?: readonly string[];
  readonly all?: boolean;
  readonly reason?: string;
  readonly wait: boolean;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("consent"))
    .description("show what a rollback cannot undo, or agree to it so that the rollback goes on; audited")
    .argument("<run>", "id or #number of the rollback")
    .option("--step <id>", "agree to this step; every one has to be named", collect)
    .option("--all", "agree to all steps as they are shown now")
    .option("--reason <text>", "why; kept in the audit")
    .option("--no-wait", "return at once, instead of watching the rollback to its end")
    .action(async (given: string, options: Options) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options);
      const shown = kind === "update" ? null : await client.getDeployment({ params: { id } });
      const steps = shown?.consent?.steps ?? [];
      if (shown === null || steps.length === 0)
        throw new SlipwayError("conflict", "It has no step that nobody can undo.");
      if (options.step === undefined && options.all !== true) {
        if (options.json === true) printJson(context, shown.consent);
        else {
          for (const step of steps) {
            printLine(context, clean(step.detail));
            printLine(context, `  ${clean(step.id)}`);
          }
          printLine(context, `Agree to all of it: slipway consent ${id} --all`);
        }
        return;
      }
      const agreed = options.all === true ? steps.map((step) => step.id) : [...(options.step ?? [])];
      const deployment = await client.giveConsent({
        params: { id },
        body: { steps: agreed, ...(options.reason === undefined ? {} : { reason: options.reason }) },
      });
      if (options.wait) {
        context.finish(await watch(context, client, deployment, options.json === true));
        return;
      }
      if (options.json === true) printJson(context, deployment);
      else printLine(context, `Rollback #${deployment.number} goes on: slipway logs ${id} --follow`);
      context.finish(EXIT.ok);
    });
};
