import type { AccountedResource, PendingCreate, ResourceOutcome } from "../contract/deployments.ts";

/** What a journal says of one operation: `unknown` was begun and has no recorded end, `failed` is what the provider said. */
export interface JournaledOperation {
  urn: string;
  operation: AccountedResource["operation"];
  end: "succeeded" | "failed" | "unknown";
}

/** Something that a deployment meant to do. */
export interface PlannedOperation {
  urn: string;
  operation: AccountedResource["operation"];
}

/** What became of each operation, and whether all that was meant is in it. */
export interface Account {
  resources: readonly AccountedResource[];
  planned: boolean;
}

/** Counts of an account. */
export interface AccountCounts {
  done: number;
  notDone: number;
  unknown: number;
}

/** A create that was begun and not ended. */
export type StoredPending = Omit<PendingCreate, "name">;

/** What a deployment's page shows of its account. */
export interface AccountSummary extends AccountCounts {
  planned: boolean;
  pendingCreates: StoredPending[];
}

const MAX_NAMED = 5;
/** The worst comes first, in lists and when one resource has several operations of one kind. */
const ORDER: readonly ResourceOutcome[] = ["unknown", "not_done", "done"];

/**
 * What is done, not done and unknown, from what the journal recorded and what had been planned. The journal's word counts: a plan only adds what was never begun. `planned` null: nobody
 * knows what was still to come.
 */
export function accountOf(
  journaled: readonly JournaledOperation[],
  planned: readonly PlannedOperation[] | null,
): Account {
  const found = new Map<string, AccountedResource>();
  const add = (one: AccountedResource): void => {
    const key = `${one.operation} ${one.urn}`;
    const before = found.get(key);
    if (before === undefined || ORDER.indexOf(one.outcome) < ORDER.indexOf(before.outcome))
      found.set(key, one);
  };
  for (const { urn, operation, end } of journaled) {
    add({ ...namesOf(urn), operation, ...OUTCOMES[end] });
  }
  for (const { urn, operation } of planned ?? []) {
    if (found.has(`${operation} ${urn}`)) continue;
    add({ ...namesOf(urn), operation, outcome: "not_done", detail: null });
  }
  const resources = [...found.values()].sort(
    (a, b) => ORDER.indexOf(a.outcome) - ORDER.indexOf(b.outcome) || compare(a.urn, b.urn),
  );
  return { resources, planned: planned !== null };
}

const OUTCOMES: Readonly<
  Record<JournaledOperation["end"], { outcome: ResourceOutcome; detail: string | null }>
> = {
  succeeded: { outcome: "done", detail: null },
  failed: { outcome: "not_done", detail: "The provider reported a failure." },
  unknown: { outcome: "unknown", detail: "It was begun, and its end was not recorded." },
};

/** How many came to what. */
export function countsOf({ resources }: Account): AccountCounts {
  const count = (outcome: ResourceOutcome): number =>
    resources.filter((one) => one.outcome === outcome).length;
  return { done: count("done"), notDone: count("not_done"), unknown: count("unknown") };
}

/** One sentence: how many operations are done, not done and unknown, and the first of those that are not known. */
export function describeAccount(account: Account): string {
  const { done, notDone, unknown } = countsOf(account);
  if (done + notDone + unknown === 0) return "No resource was changed.";
  const open = account.resources
    .filter(({ outcome }) => outcome === "unknown")
    .map(({ operation, name }) => `${operation} ${name}`);
  const named = open.length === 0 ? "" : ` (${firstNames(open)})`;
  const rest = account.planned ? "" : " There was no preview, so that what was still to come is not counted.";
  return `Resource operations: ${done} done, ${notDone} not done, ${unknown} unknown${named}.${rest}`;
}

/** The first of some names. */
export function firstNames(names: readonly string[]): string {
  return `${names.slice(0, MAX_NAMED).join(", ")}${names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : ""}`;
}

/** Packages whose resources are nothing outside of the state: a create that was begun can have left nothing behind. */
const STATE_ONLY_PACKAGES = new Set(["pulumi", "random", "tls"]);

/** Whether a create of such a resource, begun and not ended, can have made something outside of the state. */
export function mayExist({ type, custom }: { type: string; custom: boolean }): boolean {
  return custom && !STATE_ONLY_PACKAGES.has(type.split(":")[0] ?? "");
}

/** The names in a URN: `urn:pulumi:<stack>::<project>::<types joined by $>::<name>`. */
export function namesOf(urn: string): { urn: string; type: string; name: string } {
  const [, , types = "", ...name] = urn.split("::");
  return { urn, type: types.slice(types.lastIndexOf("$") + 1), name: name.join("::") || urn };
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Pending creates that a person must look for before the stack can be gone on with. */
export function undecided(
  pending: readonly Pick<PendingCreate, "urn" | "mayExist">[],
  cleared: readonly string[],
): string[] {
  return pending.filter((one) => one.mayExist && !cleared.includes(one.urn)).map(({ urn }) => urn);
}
