import { castVote, type VoteOptions } from "../cast-vote.ts";
import { withCommonOptions } from "../options.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("reject"))
    .description("reject what waits; it ends, and that is no failure")
    .argument("<deployment>", "its id")
    .requiredOption("--comment <text>", "why")
    .option("--seal <digest>", "only if this is what waits")
    .action((id: string, options: VoteOptions) => castVote(context, id, "reject", options));
};
