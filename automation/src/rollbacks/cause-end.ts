import type { outcomeOfRollback } from "./rules.ts";

/** What is known of the rollback of a deployment that ends. */
export interface CauseFacts {
  /** Null: what a first release had created was to be removed. */
  target: number | null;
  rollbackId: string;
  /** Why the rollback did not succeed. */
  why: string | null;
  account: { done: number; notDone: number; unknown: number } | undefined;
}

/** What is said of a deployment whose rollback has ended, and what to do next. */
export function causeEnd(
  outcome: ReturnType<typeof outcomeOfRollback>,
  { target, rollbackId, why, account }: CauseFacts,
): { detail: string; remedy: string } {
  const back =
    target === null ? "The removal of what it had created" : `The automatic rollback to release ${target}`;
  const because = why === null ? "" : ` ${why}`;
  switch (outcome) {
    case "rolled_back":
      return target === null
        ? {
            detail: "Slipway removed what it had created.",
            remedy: "Nothing runs. Correct the program or its config and deploy again.",
          }
        : {
            detail: `Slipway rolled back to release ${target}.`,
            remedy:
              "The stack runs the release before. Correct the program or its config; this source and config are quarantined on the stack.",
          };
    case "rolled_back_unhealthy":
      return {
        detail: `${back} did not succeed: release ${target} runs again, and its gates do not pass either.${because}`,
        remedy: `The cause is probably not in the program. Look at what the gates measure; Slipway rolls nothing forward: read deployment ${rollbackId}.`,
      };
    case "rollback_failed": {
      const counted =
        account === undefined
          ? ""
          : ` Of its operations ${account.done} are done, ${account.notDone} not done, ${account.unknown} unknown.`;
      return {
        detail: `${back} did not succeed.${because}${counted} The stack is frozen.`,
        remedy: `Read deployment ${rollbackId} and correct what it names. The stack takes previews, refreshes, and deployments by somebody who names this one: --acknowledge.`,
      };
    }
    case "not-begun":
      return {
        detail: `${back} did not begin: nobody agreed to what it cannot undo. What runs stays.`,
        remedy: "Deploy a correction, or request a rollback and agree to its steps.",
      };
  }
}
