import { bindKeeper, releaseKeeper } from "../attempts/worker-store.ts";
import type { Failure } from "../deployments/completion.ts";
import type { EngineOperation } from "../engine/runner-protocol.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";

/** The key of a stack's config that names its target. attempts/claim-store.ts asks for it too. */
const TARGET_KEY = "slipway:target";

/** The target that a stack's config names; undefined when it names none. */
export function targetOf(config: Readonly<Record<string, { value: string } | object>>): string | undefined {
  const entry = config[TARGET_KEY];
  return entry !== undefined && "value" in entry ? entry.value : undefined;
}

/**
 * Binds a stack of the local target to this machine's keeper before anything is changed. Answers the failure when it cannot be: what was deployed by another machine's keeper
 * would be left running there beside what this one starts.
 */
export async function bindToKeeper(run: AttemptRun): Promise<Failure | null> {
  if (!isLocal(run)) return null;
  const { context, claim } = run;
  const keeper = context.keeperId();
  if (keeper !== null && (await bindKeeper(context.db, claim.stackId, keeper))) return null;
  const what =
    keeper === null
      ? "this worker reaches no keeper"
      : "another machine's keeper runs what the stack has deployed";
  return {
    code: "keeper_elsewhere",
    detail: `The stack's target is local, and ${what}.`,
    remedy: "Start a worker on the machine of the stack's keeper; nothing was changed.",
  };
}

/** After a destroy nothing of the stack runs anywhere: the next deployment may go to any machine. */
export async function letGoOfKeeper(run: AttemptRun, operation: EngineOperation): Promise<void> {
  if (operation === "destroy" && run.claim.options.targets === undefined && isLocal(run))
    await releaseKeeper(run.context.db, run.claim.stackId);
}

function isLocal(run: AttemptRun): boolean {
  return targetOf(preparedOf(run).config) === "local";
}
