import type { Change, Rows, Table } from "./store.ts";

type Kept = "deployments" | "attempts" | "writers" | "workers" | "approvals" | "stacks" | "deliveries";

/** What a history has told so far, and nothing that it has not. */
export interface Seen {
  /** The newest row of each id. */
  rows: { readonly [T in Kept]: Map<string, Rows[T]> };
  pauses: Set<string>;
  /** Ids of messages by what they are about. */
  messages: Map<string, string>;
  /** The last number of each deployment's events. */
  sequences: Map<string, number>;
  eventKeys: Set<string>;
  /** Attempts whose right to write has ended. */
  gone: Set<string>;
  /** Attempts of which processes exist. */
  there: Set<string>;
  /** Attempts that are just changing a resource, by their stack. */
  changing: Map<string, Set<string>>;
  /** Who has done a step, by `deployment/step`; "finished" when its end was stored. */
  stepsDone: Map<string, string>;
  /** Deployments whose engine has started an update. */
  started: Set<string>;
  /** What each attempt's preview found. */
  seals: Map<string, string>;
  /** Deployments by the request that was answered with them. */
  answers: Map<string, string>;
  /** Ids of messages by `destination: about`. */
  received: Map<string, string>;
}

/** Steps that only find something out: done once, however many attempts there are. */
export const ONCE = new Set(["build", "test"]);

/** What is known before the first entry. */
export function nothingSeen(): Seen {
  return {
    rows: {
      deployments: new Map(),
      attempts: new Map(),
      writers: new Map(),
      workers: new Map(),
      approvals: new Map(),
      stacks: new Map(),
      deliveries: new Map(),
    },
    pauses: new Set(),
    messages: new Map(),
    sequences: new Map(),
    eventKeys: new Set(),
    gone: new Set(),
    there: new Set(),
    changing: new Map(),
    stepsDone: new Map(),
    started: new Set(),
    seals: new Map(),
    answers: new Map(),
    received: new Map(),
  };
}

/** Takes in what a commit has changed. */
export function takeIn(seen: Seen, change: Change): void {
  const { rows } = seen;
  switch (change.table) {
    case "deployments":
      keep(rows.deployments, change.after);
      break;
    case "attempts":
      keep(rows.attempts, change.after);
      break;
    case "workers":
      keep(rows.workers, change.after);
      break;
    case "approvals":
      keep(rows.approvals, change.after);
      break;
    case "stacks":
      keep(rows.stacks, change.after);
      break;
    case "deliveries":
      keep(rows.deliveries, change.after);
      break;
    case "writers": {
      const holder = rows.writers.get(change.id)?.holder ?? null;
      if (holder !== null && holder !== change.after.holder) seen.gone.add(holder);
      keep(rows.writers, change.after);
      break;
    }
    case "messages":
      seen.messages.set(change.after.about, change.id);
      break;
    case "pauses":
      if (change.after.isPaused) seen.pauses.add(change.id);
      else seen.pauses.delete(change.id);
      break;
    case "events":
      seen.sequences.set(change.after.deploymentId, change.after.sequence);
      seen.eventKeys.add(change.after.key);
      break;
    case "updates":
      seen.started.add(change.id);
      break;
    case "steps": {
      const { deploymentId, name, state } = change.after;
      if (state === "succeeded" && ONCE.has(name)) seen.stepsDone.set(`${deploymentId}/${name}`, "finished");
    }
  }
}

function keep<T extends Table>(rows: Map<string, Rows[T]>, row: Rows[T]): void {
  rows.set(row.id, row);
}
