import type {
  AutomaticItem,
  ChecklistItem,
  ItemState,
  ManualItem,
  ReadinessSettings,
} from "../contract/readiness.ts";
import { SlipwayError } from "../errors.ts";

/*
 * The core of readiness: what a checklist says by the facts, and whether what a stack is to take has a sign-off that counts. Like approvals it never lets whoever has a part in a change decide about it.
 */

/** What people tick where a stack has no items of its own. */
export const DEFAULT_MANUAL: readonly ManualItem[] = [
  { name: "own-credentials", title: "The credentials are those of this stack and of no other environment" },
  { name: "rollback-tried", title: "Going back was tried on the stack before" },
  { name: "restore-tried", title: "Data was restored from a backup to see that it can be" },
  { name: "on-call", title: "Somebody is on call and knows when the change comes" },
  { name: "quotas-and-budget", title: "Quotas and budget fit the load that is expected" },
];

/** Of a stack for which nobody has set anything. */
export const NO_SETTINGS: ReadinessSettings = { required: false, manual: [...DEFAULT_MANUAL], without: [] };

/** What validation of a running stack found, by group of its checks; a group that was left out is not there. */
export type ValidatedGroups = Readonly<Record<string, "passed" | "failed">>;

/** What is known of a candidate. */
export interface CandidateFacts {
  /** The release that it is, or for a source one of the stack before that ran it; null: none did. */
  release: {
    stack: string;
    number: number;
    health: "pending" | "good" | "bad";
    quarantined: boolean;
    target: "aws" | "other";
    /** Of the gates after its update. */
    gates: readonly { name: string; kind: string | null; required: boolean; verdict: string }[];
  } | null;
  /** The stack before it in its project's order; null: it is the first, or has no place. */
  before: string | null;
}

/** What is known of the stack that is to take it. */
export interface StackFacts {
  /** Slots of the secrets that its newest release on AWS names; null: no such release. */
  slots: readonly string[] | null;
  /** Those of them that hold a version which was recorded. */
  filled: ReadonlySet<string>;
  /** Of its newest release on AWS; null: it was never validated. */
  validated: ValidatedGroups | null;
  openDrift: number;
  releases: number;
  goodReleases: number;
}

/** The newest word about a manual item. */
export interface Tick {
  item: string;
  done: boolean;
  note: string | null;
  by: string;
  at: Date;
}

interface Answer {
  state: ItemState;
  detail: string;
}

const TITLES: Readonly<Record<AutomaticItem, string>> = {
  "good-before": "It is good on the stack before",
  "verified-before": "The checks after its update there have passed",
  secrets: "Every secret of this stack was put in place",
  backups: "Backups and data stores of this stack are in order",
  alarms: "Alarms of this stack are in order",
  drift: "Nothing on this stack was changed by hand",
  "way-back": "There is a release to go back to",
};

/** The checklist of a stack for a candidate, automatic items first. */
export function checklistOf(
  settings: ReadinessSettings,
  facts: { candidate: CandidateFacts; stack: StackFacts; ticks: readonly Tick[] },
): ChecklistItem[] {
  const automatic = (Object.keys(TITLES) as AutomaticItem[])
    .filter((name) => !settings.without.includes(name))
    .map((name) => ({
      name,
      title: TITLES[name],
      kind: "automatic" as const,
      ...answerOf(name, facts.candidate, facts.stack),
      by: null,
      at: null,
    }));
  const manual = settings.manual.map(({ name, title }) => {
    const tick = facts.ticks.find(({ item }) => item === name);
    return {
      name,
      title,
      kind: "manual" as const,
      state: tick?.done === true ? ("ok" as const) : ("open" as const),
      detail: tick?.note ?? (tick === undefined ? "nobody has said so" : tick.done ? "done" : "taken back"),
      by: tick?.by ?? null,
      at: tick?.at.toISOString() ?? null,
    };
  });
  return [...automatic, ...manual];
}

function answerOf(name: AutomaticItem, { release, before }: CandidateFacts, stack: StackFacts): Answer {
  switch (name) {
    case "good-before":
      return goodBefore(release, before);
    case "verified-before":
      return verifiedBefore(release, before);
    case "secrets":
      return secretsOf(stack);
    case "backups":
      return validatedAs("data-stores", stack);
    case "alarms":
      return validatedAs("monitoring", stack);
    case "drift":
      return stack.openDrift === 0
        ? { state: "ok", detail: "no drift is open" }
        : { state: "failed", detail: `${stack.openDrift} open` };
    case "way-back":
      if (stack.goodReleases > 0) return { state: "ok", detail: `${stack.goodReleases} good` };
      return stack.releases === 0
        ? { state: "not-applicable", detail: "it is the first release" }
        : { state: "failed", detail: "no release of the stack is good" };
  }
}

function goodBefore(release: CandidateFacts["release"], before: string | null): Answer {
  if (release === null) return withoutRelease(before);
  const name = `release ${release.number} of ${release.stack}`;
  if (release.quarantined) return { state: "failed", detail: `${name} is quarantined` };
  if (release.health === "good") return { state: "ok", detail: `${name} is good` };
  return { state: release.health === "bad" ? "failed" : "open", detail: `${name} is ${release.health}` };
}

/** On AWS only a validation shows that the system as a whole works: gates of the project alone are not enough. */
function verifiedBefore(release: CandidateFacts["release"], before: string | null): Answer {
  if (release === null) return withoutRelease(before);
  const bad = release.gates.find(({ required, verdict }) => required && verdict !== "pass");
  if (bad !== undefined) return { state: "failed", detail: `gate ${bad.name}: ${bad.verdict}` };
  const passed = release.gates.filter(({ verdict }) => verdict === "pass");
  const validations = passed.filter(({ kind }) => kind === "validate");
  if (release.target === "aws" && validations.length === 0)
    return { state: "open", detail: "no gate of the kind validate has passed" };
  return passed.length === 0
    ? { state: "open", detail: "no gate was measured after the update" }
    : { state: "ok", detail: `passed: ${passed.map((gate) => gate.name).join(", ")}` };
}

function withoutRelease(before: string | null): Answer {
  return before === null
    ? { state: "not-applicable", detail: "no stack is before this one" }
    : { state: "open", detail: `${before} has not run it` };
}

function secretsOf({ slots, filled }: StackFacts): Answer {
  if (slots === null) return { state: "not-applicable", detail: "the stack has no release on AWS yet" };
  const empty = slots.filter((slot) => !filled.has(slot));
  return empty.length === 0
    ? { state: "ok", detail: `${slots.length} of ${slots.length} put` }
    : { state: "open", detail: `not put: ${empty.join(", ")}` };
}

function validatedAs(group: string, { slots, validated }: StackFacts): Answer {
  if (slots === null) return { state: "not-applicable", detail: "the stack has no release on AWS yet" };
  const state = validated?.[group];
  if (state === undefined)
    return { state: "open", detail: `its newest release was not validated (${group})` };
  return state === "passed"
    ? { state: "ok", detail: `validation passed (${group})` }
    : { state: "failed", detail: `validation failed (${group})` };
}

/** Throws `checklist_open`, with every item that is neither done nor without a meaning here. */
export function refuseOpen(checklist: readonly ChecklistItem[]): void {
  const open = checklist.filter(({ state }) => state === "open" || state === "failed");
  if (open.length === 0) return;
  throw new SlipwayError(
    "checklist_open",
    `${open.length} of ${checklist.length} items are not done: ${open.map(({ name }) => name).join(", ")}.`,
    {
      remedy:
        "Tick what people look at (slipway readiness tick <item>); settle the rest, or have an admin leave it out (slipway readiness settings --without <item>).",
      details: {
        issues: open.map(({ name, state, detail }) => ({
          path: `checklist.${name}`,
          message: `${state}: ${detail}`,
        })),
      },
    },
  );
}

/** A sign-off in force, with whether its giver may still give one. */
export interface StandingSignOff {
  by: string;
  mayDeploy: boolean;
}

/** Why a sign-off in force does not count for a change; null: it does. `parts`: who has a part in the change. */
export function whyNotCounted(
  { by, mayDeploy }: StandingSignOff,
  parts: { has: (principal: string) => boolean },
): string | null {
  if (!mayDeploy) return "This person may not deploy here any more.";
  return parts.has(by) ? "This person has a part in the change." : null;
}

/** Throws `sign_off_missing` for a run of the Pulumi CLI on a stack that only takes what was signed off: what it brings has no name under which somebody could sign it off. */
export function refuseUnnamed(stack: string): never {
  throw new SlipwayError(
    "sign_off_missing",
    `${stack} only takes what was signed off, which a run of the Pulumi CLI cannot wait for.`,
    { remedy: `Have it deployed, which waits for the sign-off: slipway deploy --stack ${stack}.` },
  );
}

/** Throws `rules_lock_out` when nobody but whoever sets it could ever sign off. */
export function refuseLockOut(required: boolean, others: number): void {
  if (!required || others > 0) return;
  throw new SlipwayError(
    "rules_lock_out",
    "Nobody else may deploy in this organisation, so that nobody could sign off.",
    { remedy: "Add a second person first: slipway members set <person> --role deployer." },
  );
}

/** Throws `invalid_request` for manual items that share a name, with each other or with an automatic one. */
export function checkManual(manual: readonly ManualItem[]): void {
  const names = manual.map(({ name }) => name);
  const issues = names.flatMap((name, index) =>
    names.indexOf(name) < index || name in TITLES
      ? [{ path: `body.manual.${index}.name`, message: "has a namesake on the checklist" }]
      : [],
  );
  if (issues.length === 0) return;
  throw new SlipwayError("invalid_request", "Each item of the checklist has a name of its own.", {
    details: { issues },
  });
}
