import { askForVotes, standingOf } from "../../approvals/begin.ts";
import type { Demand } from "../../approvals/evaluate.ts";
import { asksNothing, automaticVotes, coreApproval, coreRules } from "../../approvals/evaluate.ts";
import { isApproved } from "../../approvals/rules.ts";
import type { Waiting } from "../../approvals/store.ts";
import { findWaiting, saveState } from "../../approvals/store.ts";
import { approvedBy, missingOf } from "../../approvals/words.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { changeNow, changingOf } from "../change-now.ts";
import { inFence } from "../record-release.ts";

/**
 * Whether votes and a sign-off are needed for what this attempt's preview says, and whether they are there: by the rules and the people of now. When they are missing the attempt ends here and frees the stack.
 * What automatic rules vote for, or was signed off before, goes on in the same attempt. The change itself is decided about once more in the transaction in which it begins.
 */
export async function approval(run: AttemptRun): Promise<StepOutcome> {
  await run.events.flush();
  return inFence(run, async (trx): Promise<StepOutcome> => {
    const now = await changeNow(run, trx);
    const changing = changingOf(run);
    const standing = await standingOf(trx, changing, now.change);
    if (standing.kind === "free") return { state: "skipped", detail: standing.detail };
    if (standing.kind === "emergency") return { state: "succeeded", detail: standing.detail };
    const { demand } = standing;
    if (asksNothing(demand)) return { state: "skipped", detail: "no rule of the stack matches any more" };
    if (now.seal === null) return notSealed();
    if (standing.waiting !== undefined) return votesOf(standing.waiting, demand);
    const { operation } = run.claim;
    // Automatic rules may be all that is asked, and a sign-off may be there; else people are asked when the attempt has ended.
    const already = {
      seal: now.seal,
      votes: automaticVotes(demand, now.seal),
      requesters: new Set(demand.requesters.map(({ principal }) => principal)),
      onePersonOneRule: demand.guard.production,
    };
    if (!isApproved(already, coreRules(demand)))
      return { state: "waits", detail: missingOf(demand, undefined), asks: "votes" };
    await askForVotes(trx, changing, demand, { change: now.change, seal: now.seal, operation });
    await saveState(trx, changing.deploymentId, { state: "approved", begunBy: null });
    const asked = await findWaiting(trx, changing.deploymentId);
    if (asked === undefined) throw new Error("the approval that was just inserted is not there");
    return votesOf(asked, demand);
  });
}

function votesOf(waiting: Waiting, demand: Demand): StepOutcome {
  return isApproved(coreApproval(waiting, demand), coreRules(demand))
    ? { state: "succeeded", detail: approvedBy(waiting, demand) }
    : { state: "waits", detail: missingOf(demand, waiting), asks: "votes" };
}

function notSealed(): StepOutcome {
  return {
    state: "over",
    status: "stale",
    failure: {
      code: "not_sealed",
      detail:
        "The stack asks for approval, and nothing was sealed that could be approved. Nothing was changed.",
      remedy: "Request it again, with a preview.",
    },
  };
}
