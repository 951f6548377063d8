import { isAttemptLive } from "../../automation/src/attempts/moves.ts";
import { isTerminal } from "../../automation/src/deployments/rules.ts";
import { checkCommit } from "./check-commit.ts";
import { checkAnswered, checkEffect, checkReceived, checkStep } from "./check-work.ts";
import type { Entry } from "./history.ts";
import type { Run } from "./run.ts";
import type { Seen } from "./seen.ts";
import { nothingSeen, takeIn } from "./seen.ts";
import type { Found, Violation } from "./violation.ts";
import { wrong } from "./violation.ts";

/**
 * Reads a history from its beginning to its end and answers the first thing that must never be. It goes by nothing but the history: it asks none of the rules that made it, except the
 * tables of moves, which tests of their own compare with the database.
 */
export function check({ history, store, isOver }: Run): Violation | null {
  const seen = nothingSeen();
  for (const [index, entry] of history.entries()) {
    const found = checkEntry(seen, entry);
    if (found !== null) return { ...found, index };
  }
  const found = isOver ? checkEnd(seen) : unfinished(store);
  return found === null ? null : { ...found, index: history.length };
}

function checkEntry(seen: Seen, entry: Entry): Found {
  switch (entry.kind) {
    case "commit": {
      const found = checkCommit(seen, entry);
      for (const change of entry.changes) takeIn(seen, change);
      return found;
    }
    case "processes":
      if (entry.are === "there") seen.there.add(entry.attemptId);
      else seen.there.delete(entry.attemptId);
      return null;
    case "effect":
      return checkEffect(seen, entry);
    case "step":
      return checkStep(seen, entry);
    case "previewed":
      seen.seals.set(entry.attemptId, entry.seal);
      return null;
    case "received":
      return checkReceived(seen, entry);
    case "answered":
      return checkAnswered(seen, entry);
    case "fault":
      return null;
  }
}

function checkEnd({ rows, messages, received, there }: Seen): Found {
  for (const { id, status } of rows.attempts.values())
    if (isAttemptLive(status)) return wrong("every attempt ends", `${id} is ${status}`);
  for (const { id, status, destination, messageId } of rows.deliveries.values()) {
    if (status === "pending") return wrong("every message is delivered or given up", id);
    const about = [...messages].find(([, other]) => other === messageId)?.[0];
    if (status === "delivered" && !received.has(`${destination}: ${about}`))
      return wrong("what counts as delivered was received", id);
  }
  for (const attempt of there) return wrong("nothing outlives its attempt", attempt);
  return null;
}

/** What had not ended although nothing stood in its way any more. */
function unfinished({ tables }: Run["store"]): Found {
  for (const { id, status } of tables.deployments.values()) {
    if (!isTerminal(status))
      return wrong("every row has a live owner or a due timer", `${id} is ${status} for ever`);
  }
  for (const { id, holder } of tables.writers.values()) {
    if (holder !== null)
      return wrong("every row has a live owner or a due timer", `${holder} has ${id} for ever`);
  }
  for (const { id, status } of tables.deliveries.values()) {
    if (status === "pending")
      return wrong("every message is delivered or given up", `${id} is pending for ever`);
  }
  return wrong("every row has a live owner or a due timer", "processes of an attempt live for ever");
}
