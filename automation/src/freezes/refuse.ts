import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { localTime } from "../schedules/rules.ts";
import type { FrozenQuestion, Window } from "./rules.ts";
import { freezeHolds } from "./rules.ts";
import type { FreezeRow } from "./store.ts";
import { frozenNow } from "./store.ts";

/** Throws SlipwayError `frozen`, with the window, its end and what to do, while a freeze holds up what is asked for on a stack. */
export async function refuseFrozen(db: Database, stackId: string, asked: FrozenQuestion): Promise<void> {
  if (!freezeHolds(asked)) return;
  const frozen = await frozenNow(db, stackId);
  if (frozen !== undefined) throw frozenError(frozen);
}

function frozenError({ freeze, window }: { freeze: FreezeRow; window: Window }): SlipwayError {
  const { timeZone } = freeze.times;
  return new SlipwayError(
    "frozen",
    `${coveredBy(freeze)} is frozen from ${localTime(window.from, timeZone)} until ${localTime(window.until, timeZone)} (${timeZone}), as ${freeze.setBy} has set: ${freeze.reason.replace(/\.?$/, ".")}`,
    {
      remedy: `Deploy after ${window.until.toISOString()}, preview meanwhile, or let an admin end the freeze: slipway freezes remove ${freeze.id}.`,
      details: { freeze: freeze.id, from: window.from.toISOString(), until: window.until.toISOString() },
    },
  );
}

function coveredBy({ organisation, project, stack }: FreezeRow): string {
  if (project === null) return `The organisation ${organisation}`;
  return stack === null
    ? `The project ${organisation}/${project}`
    : `The stack ${organisation}/${project}/${stack}`;
}
