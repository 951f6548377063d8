import type { ChooseCandidate, Readiness } from "../contract/readiness.ts";
import type { Database } from "../database.ts";
import type { StackName } from "../stacks/store.ts";
import { readStanding } from "./asked-store.ts";
import { chooseCandidate } from "./candidate.ts";
import { checklistOf } from "./rules.ts";
import * as store from "./store.ts";

/** How far a stack is ready for a candidate. */
export async function readReadiness(
  db: Database,
  stack: StackName & { id: string },
  choice: ChooseCandidate,
): Promise<Readiness> {
  const settings = await store.readSettings(db, stack.id);
  const candidate = await chooseCandidate(db, stack, choice);
  const stackFacts = await store.readStackFacts(db, stack.id);
  if (candidate === null) {
    const facts = { candidate: { release: null, before: null }, stack: stackFacts, ticks: [] };
    return { settings, candidate, checklist: checklistOf(settings, facts), signOffs: [], isSignedOff: false };
  }
  const ticks = await store.readTicks(db, stack.id, candidate.key);
  const standing = await readStanding(db, stack.id, candidate.key);
  return {
    settings,
    candidate: candidate.shown,
    checklist: checklistOf(settings, { candidate: candidate.facts, stack: stackFacts, ticks }),
    signOffs: await store.listSignOffs(db, stack.id, candidate.key),
    isSignedOff: standing.some(({ mayDeploy }) => mayDeploy),
  };
}
