import type { NotificationKind, Severity } from "../contract/notifications.ts";
import { NOTIFICATION_KINDS } from "../contract/notifications.ts";

/** What routing needs of a message. */
export interface RoutableNotification {
  organisation: string | null;
  kind: NotificationKind;
  subject: string;
  onlyDestination: string | null;
}

/** What routing needs of a destination. */
export interface Route {
  id: string;
  organisation: string;
  /** Null: all. */
  kinds: readonly string[] | null;
  stacks: readonly string[] | null;
  minSeverity: Severity;
  /** Also gets what is about the installation. */
  installation: boolean;
}

const RANK: Readonly<Record<Severity, number>> = { info: 0, warning: 1, critical: 2 };

export function severityOf(kind: NotificationKind): Severity {
  return NOTIFICATION_KINDS[kind][0];
}

/** The destinations that get a message, in their order. A test message goes to its one destination whatever that listens to. */
export function routeNotification(
  notification: RoutableNotification,
  destinations: readonly Route[],
): string[] {
  return destinations.filter((one) => isRouted(notification, one)).map(({ id }) => id);
}

function isRouted(notification: RoutableNotification, destination: Route): boolean {
  const { organisation, kind, subject, onlyDestination } = notification;
  if (onlyDestination !== null) return destination.id === onlyDestination;
  if (organisation === null ? !destination.installation : destination.organisation !== organisation)
    return false;
  if (destination.kinds !== null && !destination.kinds.includes(kind)) return false;
  if (RANK[severityOf(kind)] < RANK[destination.minSeverity]) return false;
  return destination.stacks === null || destination.stacks.some((pattern) => matchesStack(pattern, subject));
}

/** Whether a pattern project/stack, with `*` for any characters of one name, matches a subject organisation/project/stack. */
export function matchesStack(pattern: string, subject: string): boolean {
  const [, project, stack, ...more] = subject.split("/");
  const [projectPattern = "", stackPattern = ""] = pattern.split("/");
  if (project === undefined || stack === undefined || more.length > 0) return false;
  return matchesName(projectPattern, project) && matchesName(stackPattern, stack);
}

/** In time linear in each part: a pattern of many stars must not be able to stop the server, as a regular expression would let it. */
function matchesName(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return first === name;
  if (!name.startsWith(first)) return false;
  let from = first.length;
  for (const part of rest) {
    const at = name.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}

/** How long and how often a message is tried. */
export interface RetryPolicy {
  firstDelayMs: number;
  /** Each delay is so many times the one before. */
  factor: number;
  longestDelayMs: number;
  /** Share of a delay that chance takes off, 0 to 1, so that what failed together is not tried together. */
  jitter: number;
  /** From the message's row on. */
  horizonMs: number;
  /** Bounds what a message can cost that breaks its server each time. */
  maxAttempts: number;
}

/** 5 s, 15 s, 45 s, 2 min, 7 min, 20 min, then hourly, for a day. */
export const RETRY_POLICY: RetryPolicy = {
  firstDelayMs: 5_000,
  factor: 3,
  longestDelayMs: 3_600_000,
  jitter: 0.2,
  horizonMs: 86_400_000,
  maxAttempts: 40,
};

/** Milliseconds until the next try after so many. `random` is in [0, 1). */
export function retryDelayMs(attempts: number, random: number, policy: RetryPolicy = RETRY_POLICY): number {
  const growth = policy.factor ** Math.max(0, attempts - 1);
  const delay = Math.min(policy.longestDelayMs, policy.firstDelayMs * growth);
  return Math.round(delay * (1 - policy.jitter * random));
}

/** How one try ended. `refused`: no later try can end otherwise. */
export type AttemptOutcome =
  | { kind: "delivered" }
  | { kind: "failed"; error: string; retryAfterMs?: number }
  | { kind: "refused"; error: string };

/** What becomes of a delivery after a try. */
export type DeliveryDecision =
  | { status: "delivered" }
  | { status: "pending"; delayMs: number }
  | { status: "dead"; error: string };

export interface DeliveryState {
  /** With the one that has just ended. */
  attempts: number;
  /** Until the message is given up; by the database's clock. */
  leftMs: number;
}

/** Decides after a try. A receiver's wish to be asked later counts, within the horizon. */
export function afterAttempt(
  state: DeliveryState,
  outcome: AttemptOutcome,
  random: number,
  policy: RetryPolicy = RETRY_POLICY,
): DeliveryDecision {
  if (outcome.kind === "delivered") return { status: "delivered" };
  if (outcome.kind === "refused") return { status: "dead", error: outcome.error };
  if (state.attempts >= policy.maxAttempts)
    return { status: "dead", error: `${outcome.error} Given up after ${state.attempts} tries.` };
  const delayMs = Math.max(retryDelayMs(state.attempts, random, policy), outcome.retryAfterMs ?? 0);
  if (delayMs >= state.leftMs)
    return {
      status: "dead",
      error: `${outcome.error} Given up after ${state.attempts} ${state.attempts === 1 ? "try" : "tries"}.`,
    };
  return { status: "pending", delayMs };
}

/** So many messages given up in a row pause a destination. */
const DEAD_BEFORE_PAUSE = 5;

/** Whether a destination is to be paused: what is sent there only costs, and people should know. */
export function mustPause(deadInARow: number): boolean {
  return deadInARow >= DEAD_BEFORE_PAUSE;
}
