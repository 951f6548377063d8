import { formatMissing } from "../client/formats.ts";
import type { Verdict } from "../contract/approvals.ts";
import type { CliContext, CommonOptions } from "./context.ts";
import { printJson, printLine } from "./output.ts";
import { connectSignedIn } from "./signed-in.ts";
import { stackLabel } from "./stack-choice.ts";

/** Options of a vote. */
export interface VoteOptions extends CommonOptions {
  readonly comment?: string;
  readonly seal?: string;
}

/** Votes about what waits. Without a seal it is for what waits at this moment; with one only if that is still what waits. */
export async function castVote(
  context: CliContext,
  id: string,
  verdict: Verdict,
  options: VoteOptions,
): Promise<void> {
  const client = await connectSignedIn(context, options);
  const seal = options.seal ?? (await client.getApproval({ params: { id } })).seal;
  const { comment } = options;
  const approval = await client.castVote({
    params: { id },
    body: { verdict, seal, ...(comment === undefined ? {} : { comment }) },
  });
  if (options.json === true) {
    printJson(context, approval);
    return;
  }
  const what = `${approval.operation} #${approval.number} of ${stackLabel(approval)}`;
  if (verdict === "reject") printLine(context, `${what} is rejected.`);
  else if (approval.missing === 0 && !approval.signOffMissing)
    printLine(context, `${what} is approved, and begins as soon as a worker is free.`);
  else printLine(context, `Approved by you; ${what} still needs ${formatMissing(approval)}.`);
}
