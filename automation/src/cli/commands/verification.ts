import { formatAge } from "../../client/formats.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { withStackOptions } from "../options.ts";
import { clean, printJson, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";

export const register: Register = (program, context) => {
  withStackOptions(program.command("verification"))
    .description("show how a deployment came to be verified, held or undone: every move, why, and by whom")
    .argument("[run]", "id or #number of the deployment; by default the stack's newest")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options);
      if (kind === "update")
        throw new SlipwayError("conflict", "A run of the Pulumi CLI is not verified by Slipway.");
      const { items } = await client.listVerificationMoves({ params: { id } });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["STATE", "WHEN", "BY", "WHY"],
        items.map((move) => [move.state, formatAge(move.at, now), move.principal, clean(move.reason)]),
        "Nothing of it has been updated.",
      );
    });
};
