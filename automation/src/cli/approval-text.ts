import { formatAge, formatBrought } from "../client/formats.ts";
import type { Approval, AwaitedSignOff } from "../contract/approvals.ts";
import type { CliContext } from "./context.ts";
import { clean, painter, printLine } from "./output.ts";
import { stackLabel } from "./stack-choice.ts";

/** Prints an approval for whoever has to decide: what, how risky, what is missing, who may, who has. */
export function printApproval(context: CliContext, approval: Approval): void {
  const paint = painter(context);
  const now = Date.now();
  const { risk, rules, votes, requesters } = approval;
  printLine(
    context,
    `${approval.operation} #${approval.number} of ${stackLabel(approval)}: ${approval.state}`,
  );
  if (approval.message !== null) printLine(context, `  ${clean(approval.message)}`);
  if (approval.ending !== null) printLine(context, `  ${clean(approval.ending)}`);
  const colour = risk.tier === "highest" || risk.tier === "high" ? "red" : "yellow";
  printLine(context, `Risk: ${paint(colour, risk.tier)}`);
  for (const reason of risk.reasons) printLine(context, `  ${clean(reason)}`);
  printLine(context, `Seal: ${approval.seal}`);
  for (const rule of rules) {
    const by = rule.by.length === 0 ? "nobody yet" : rule.by.join(", ");
    printLine(context, `Rule ${rule.name}: ${rule.by.length} of ${rule.need} (${clean(by)})`);
    if (rule.missing > 0)
      printLine(
        context,
        `  may vote: ${clean(rule.mayVote.length === 0 ? "nobody" : rule.mayVote.join(", "))}`,
      );
    if (rule.automatic !== null)
      printLine(context, `  ${rule.automatic.kind}: ${clean(rule.automatic.reason)}`);
  }
  for (const vote of votes) {
    const comment = vote.comment === null ? "" : `: ${clean(vote.comment)}`;
    const counts = vote.counts ? "" : ` (does not count: ${vote.why ?? ""})`;
    printLine(
      context,
      `${vote.verdict} by ${vote.principal}, ${formatAge(vote.castAt, now)}${comment}${counts}`,
    );
  }
  if (approval.signOff !== null) printSignOff(context, approval.signOff);
  printLine(context, "Have a part in it, and may not vote:");
  for (const { principal, why } of requesters) printLine(context, `  ${clean(principal)}: ${why}`);
  if (approval.decidedAt === null) printLine(context, `Votes count until ${approval.expiresAt}.`);
  const { me, signOff } = approval;
  if (me.mayVote) printLine(context, `→ slipway approve ${approval.deploymentId}`);
  if (me.maySignOff && signOff !== null) printLine(context, `→ ${clean(signOff.command)}`);
  if (!me.mayVote && !me.maySignOff && me.why !== null) printLine(context, `→ ${clean(me.why)}`);
}

function printSignOff(
  context: CliContext,
  { brings, isMissing, signOffs, open, mayGive }: AwaitedSignOff,
): void {
  const by = signOffs.filter(({ why }) => why === null).map(({ principal }) => principal);
  const state = isMissing ? "missing" : clean(by.join(", "));
  printLine(context, `Sign-off of ${formatBrought(brings)}: ${state}`);
  for (const { principal, why } of signOffs)
    if (why !== null) printLine(context, `  ${clean(principal)} does not count: ${why}`);
  if (!isMissing) return;
  printLine(context, `  may sign off: ${clean(mayGive.length === 0 ? "nobody" : mayGive.join(", "))}`);
  for (const { name, state: is, detail } of open)
    printLine(context, `  ${is} on the checklist: ${clean(name)} (${clean(detail)})`);
}
