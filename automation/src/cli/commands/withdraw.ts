import { formatMissing } from "../../client/formats.ts";
import type { CommonOptions } from "../context.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { connectSignedIn } from "../signed-in.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("withdraw"))
    .description("withdraw your vote, until the change begins")
    .argument("<deployment>", "its id")
    .action(async (id: string, options: CommonOptions) => {
      const client = await connectSignedIn(context, options);
      const approval = await client.withdrawVote({ params: { id } });
      if (options.json === true) printJson(context, approval);
      else printLine(context, `Withdrawn; it needs ${formatMissing(approval)}.`);
    });
};
