import type { ChecklistItem, ChooseCandidate } from "../contract/readiness.ts";
import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { readReadiness } from "../readiness/read.ts";
import type { Asked } from "./decide.ts";
import { signersOf } from "./words.ts";

/** What keeps people from signing off what a deployment brings: items of the checklist that are open or have failed. None of one that is decided, needs no sign-off, or has it. */
export async function openItems(db: Database, { waiting, demand }: Asked): Promise<ChecklistItem[]> {
  if (demand.signOff === null || waiting.decidedAt !== null || signersOf(demand).length > 0) return [];
  const { brings } = demand.signOff;
  const choice: ChooseCandidate =
    brings.kind === "release"
      ? { from: brings.stack, release: brings.release }
      : { source: brings.sourceDigest };
  const { organisation, project, stack, stackId } = waiting;
  try {
    const { checklist } = await readReadiness(db, { organisation, project, stack, id: stackId }, choice);
    return checklist.filter(({ state }) => state === "open" || state === "failed");
  } catch (error) {
    // The stack that it comes from was removed meanwhile: nobody can sign it off, and whoever waits has to read why.
    if (!(error instanceof SlipwayError) || !GONE.includes(error.code)) throw error;
    const title = "What is to be signed off is still there";
    const detail = error.message;
    return [{ name: "candidate", title, kind: "automatic", state: "failed", detail, by: null, at: null }];
  }
}

const GONE: readonly string[] = ["not_found", "release_not_found"];
