import { castVote, type VoteOptions } from "../cast-vote.ts";
import { withCommonOptions } from "../options.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  withCommonOptions(program.command("approve"))
    .description("approve what waits, by a person who has logged in within the last 12 hours")
    .argument("<deployment>", "its id")
    .option("--comment <text>", "why; needed for a destroy")
    .option("--seal <digest>", "only if this is what waits")
    .action((id: string, options: VoteOptions) => castVote(context, id, "approve", options));
};
