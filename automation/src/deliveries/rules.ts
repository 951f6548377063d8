import type { DeploymentStatus } from "../contract/deployments.ts";
import { TERMINAL_STATUSES } from "../contract/deployments.ts";
import type { ReleaseHealth } from "../contract/releases.ts";
import type {
  CreateStackDelivery,
  StackDeliveryState,
  StackDeliveryStatus,
} from "../contract/stack-deliveries.ts";
import { SlipwayError } from "../errors.ts";
import type { Place } from "../promotions/rules.ts";
import { refuseUnpromoted } from "../promotions/rules.ts";

/** A stack of a delivery, with what became of its deployment so far. */
export interface DeliveredStack {
  stack: string;
  wave: number;
  deployment: { status: DeploymentStatus; failure: string | null } | null;
  /** Of that deployment. */
  release: { number: number; health: ReleaseHealth; quarantined: boolean } | null;
  refusal: string | null;
}

/** What people have said about a delivery. */
export interface DeliveryWish {
  paused: boolean;
  cancelled: boolean;
}

/**
 * What is to be done about a delivery now. `begin`: these stacks, whose wave has come. `drop`: deployments that have not begun and must not. `end`: nothing of it runs or is to come.
 * `wait`: for what runs, for votes, or for the end of a pause.
 */
export type DeliveryDecision<Stack> =
  | { kind: "begin"; stacks: Stack[] }
  | { kind: "drop"; stacks: Stack[] }
  | { kind: "end"; outcome: "succeeded" | "stopped" | "cancelled" }
  | { kind: "wait" };

/** The state of one stack. `isOver`: the delivery begins nothing more. */
export function stateOf(stack: DeliveredStack, isOver: boolean): StackDeliveryState {
  if (stack.refusal !== null) return "refused";
  if (stack.deployment === null) return isOver ? "left_out" : "waiting";
  const { status } = stack.deployment;
  if (status === "queued" || status === "running" || status === "waiting_approval") return status;
  return isGood(stack) ? "good" : "not_good";
}

/** Only what succeeded and whose release is good and not quarantined goes on from a stack. */
function isGood({ deployment, release }: DeliveredStack): boolean {
  return deployment?.status === "succeeded" && release?.health === "good" && !release.quarantined;
}

function isOpen({ deployment }: DeliveredStack): boolean {
  return deployment !== null && !TERMINAL_STATUSES.includes(deployment.status);
}

function hasNotBegun({ deployment }: DeliveredStack): boolean {
  return deployment?.status === "queued" || deployment?.status === "waiting_approval";
}

/** Whether something of it is not good: nothing after that is begun. */
function hasStopped(stacks: readonly DeliveredStack[]): boolean {
  return stacks.some((stack) => {
    const state = stateOf(stack, false);
    return state === "not_good" || state === "refused";
  });
}

/** Decides what is done next. Pure: every server comes to the same. */
export function decideDelivery<Stack extends DeliveredStack>(
  wish: DeliveryWish,
  stacks: readonly Stack[],
): DeliveryDecision<Stack> {
  const stopped = hasStopped(stacks);
  if (stopped || wish.cancelled) {
    const dropped = stacks.filter(hasNotBegun);
    if (dropped.length > 0) return { kind: "drop", stacks: dropped };
    if (stacks.some(isOpen)) return { kind: "wait" };
    return { kind: "end", outcome: wish.cancelled ? "cancelled" : "stopped" };
  }
  const left = stacks.filter((stack) => !isGood(stack));
  if (left.length === 0) return { kind: "end", outcome: "succeeded" };
  if (wish.paused) return { kind: "wait" };
  const wave = Math.min(...left.map((stack) => stack.wave));
  const next = left.filter((stack) => stack.wave === wave && stack.deployment === null);
  return next.length === 0 ? { kind: "wait" } : { kind: "begin", stacks: next };
}

/** Status of a delivery, and why it does not go on or what it waits for. */
export function statusOf(
  wish: DeliveryWish,
  outcome: "succeeded" | "stopped" | "cancelled" | null,
  stacks: readonly DeliveredStack[],
): { status: StackDeliveryStatus; detail: string | null } {
  if (outcome === "succeeded") return { status: "succeeded", detail: null };
  if (wish.cancelled) return { status: "cancelled", detail: runningDetail(stacks, "is still running") };
  if (outcome !== null || hasStopped(stacks)) return { status: "stopped", detail: stopDetail(stacks) };
  if (wish.paused)
    return { status: "paused", detail: "No further stack is begun until somebody resumes it." };
  const voting = stacks.filter(({ deployment }) => deployment?.status === "waiting_approval");
  if (voting.length > 0) return { status: "running", detail: `Waits for approval: ${namesOf(voting)}.` };
  return { status: "running", detail: null };
}

function runningDetail(stacks: readonly DeliveredStack[], what: string): string | null {
  const open = stacks.filter(isOpen);
  return open.length === 0 ? null : `${namesOf(open)} ${what}.`;
}

function stopDetail(stacks: readonly DeliveredStack[]): string | null {
  const [bad] = stacks.filter((stack) => ["not_good", "refused"].includes(stateOf(stack, false)));
  if (bad === undefined) return null;
  return `${bad.stack} is not good: ${whyNot(bad)}`;
}

/** Why a stack of a delivery is not good, in a sentence; null when there is nothing to say. */
export function whyNot(stack: DeliveredStack): string | null {
  const state = stateOf(stack, false);
  if (state === "refused") return stack.refusal;
  if (state !== "not_good") return null;
  const { deployment, release } = stack;
  if (deployment !== null && deployment.status !== "succeeded")
    return deployment.failure ?? `Its deployment is ${deployment.status}.`;
  if (release === null) return "Its deployment recorded no release.";
  return release.quarantined
    ? `Release ${release.number} is quarantined.`
    : `Release ${release.number} is ${release.health}.`;
}

function namesOf(stacks: readonly DeliveredStack[]): string {
  return stacks.map(({ stack }) => stack).join(", ");
}

/** One stack of a delivery to be, with the stack whose release it takes; null: the project's folder. */
export interface PlannedStack {
  stack: string;
  wave: number;
  from: string | null;
}

/**
 * Plans a delivery: which stack takes its release from which. That is the stack before it in the project's order when the delivery has brought it there, else the first one of the wave
 * before. Throws `invalid_request` for stacks named twice and for a first wave from the folder that is more than one stack, and `not_promoted` for a stack that would have to take what it
 * does not take.
 */
export function planDelivery(
  { waves, from }: Pick<CreateStackDelivery, "waves" | "from">,
  placeOf: (stack: string) => Place,
): PlannedStack[] {
  checkWaves(waves, from?.stack);
  const planned: PlannedStack[] = [];
  for (const [index, names] of waves.entries()) {
    const before = index === 0 ? from?.stack : waves[index - 1]?.[0];
    const earlier = new Set([
      ...(from === undefined ? [] : [from.stack]),
      ...planned.map(({ stack }) => stack),
    ]);
    for (const stack of names) {
      const place = placeOf(stack);
      const own = place?.before ?? null;
      const taken = own !== null && earlier.has(own) ? own : (before ?? null);
      refuseUnpromoted(stack, place, taken);
      planned.push({ stack, wave: index + 1, from: taken });
    }
  }
  return planned;
}

function checkWaves(waves: CreateStackDelivery["waves"], from: string | undefined): void {
  const seen = new Set(from === undefined ? [] : [from]);
  const issues: { path: string; message: string }[] = [];
  for (const [wave, names] of waves.entries()) {
    for (const [index, stack] of names.entries()) {
      if (seen.has(stack)) {
        const message = stack === from ? "is what the delivery takes from" : "is named before";
        issues.push({ path: `body.waves.${wave}.${index}`, message });
      }
      seen.add(stack);
    }
  }
  if (from === undefined && (waves[0]?.length ?? 0) > 1)
    issues.push({ path: "body.waves.0", message: "must be one stack: it is built there once, for all" });
  if (issues.length === 0) return;
  throw new SlipwayError("invalid_request", "The waves of the delivery cannot be used.", {
    remedy: "Name each stack once, and one stack in the first wave, or a release with 'from'.",
    details: { issues },
  });
}
