import type { LeaseHolder, WriterRow } from "../../automation/src/attempts/lease-rules.ts";
import { LEASE_MS } from "../../automation/src/attempts/lease-rules.ts";
import { decideTakeover } from "../../automation/src/attempts/rules.ts";
import type { Habits, Rules } from "./rules.ts";
import { PRODUCT } from "./rules.ts";

/** A product with one mistake in it. */
export interface Mutant {
  /** What it does wrong, as a sentence goes on after "a product that". */
  name: string;
  rules: Rules;
  /** Invariants of which the mistake breaks one. */
  breaks: readonly string[];
}

const { lease } = PRODUCT;
const withHabits = (changed: Partial<Habits>): Rules => ({
  ...PRODUCT,
  habits: { ...PRODUCT.habits, ...changed },
});
const without = (habit: Exclude<keyof Habits, "eventsOnce">): Rules => withHabits({ [habit]: false });
const withLease = (changed: Partial<Rules["lease"]>): Rules => ({
  ...PRODUCT,
  lease: { ...lease, ...changed },
});
/** As if the request had come from whoever holds the stack. */
const asHolder = (row: WriterRow, by: LeaseHolder): LeaseHolder =>
  row.holder === null ? by : { attemptId: row.holder, epoch: row.epoch };

export const MUTANTS: readonly Mutant[] = [
  {
    name: "drops the epoch check of writes",
    rules: withLease({ write: (row, by, now) => lease.write(row, asHolder(row, by), now) }),
    breaks: ["every write carries the epoch of its right", "no effect after a takeover"],
  },
  {
    name: "lets a lease that is over still write and renew",
    rules: withLease({
      write: (row, by) => lease.write(row, by, Number.NEGATIVE_INFINITY),
      renew: (row, by, now) => {
        const { granted } = lease.renew(row, by, Number.NEGATIVE_INFINITY);
        return granted ? { granted, row: { ...row, expiresAt: now + LEASE_MS } } : { granted, row };
      },
    }),
    breaks: ["no write after the lease"],
  },
  {
    name: "skips the audit entry of a cancel",
    rules: without("auditsCancels"),
    breaks: ["every change has an audit entry in its transaction"],
  },
  {
    name: "frees the stack at a cancel before the containment is empty",
    rules: without("waitsForEmptyContainment"),
    breaks: ["a stack is freed when the containment is empty"],
  },
  {
    name: "claims a stack twice",
    rules: {
      ...withLease({
        claim: (row, by, now) => lease.claim({ ...row, holder: null, holderKind: null }, by, now),
      }),
      nextToClaim: (view, worker) =>
        PRODUCT.nextToClaim({ ...view, busyStacks: new Set(), running: [] }, worker),
    },
    breaks: [
      "one deployment at a time runs on a stack",
      "a stack is freed when the containment is empty",
      "a worker takes no more than it can run",
    ],
  },
  {
    name: "claims by the age of the request alone",
    rules: {
      ...PRODUCT,
      nextToClaim: (view, worker) =>
        [...view.queued]
          .sort((a, b) => b.requestedAt - a.requestedAt)
          .find((one) => PRODUCT.nextToClaim({ ...view, queued: [one] }, worker) !== null) ?? null,
    },
    breaks: ["rollbacks first, then the order of requests"],
  },
  {
    name: "claims what is paused",
    rules: {
      ...PRODUCT,
      nextToClaim: (view, worker) =>
        PRODUCT.nextToClaim(
          { ...view, paused: { everything: false, projects: new Set(), stacks: new Set() } },
          worker,
        ),
    },
    breaks: ["nothing is claimed that is paused"],
  },
  {
    name: "goes by a worker's own clock to see whether a lease is over",
    rules: {
      ...without("asksDatabaseForTime"),
    },
    breaks: ["a stack is freed when the containment is empty", "no effect after a takeover"],
  },
  {
    name: "counts the deadline of a containment from the answer to its renewal",
    rules: without("deadlineFromTheAsk"),
    breaks: ["a stack is freed when the containment is empty"],
  },
  {
    name: "gives a containment as long as the lease",
    rules: { ...PRODUCT, containedMs: LEASE_MS },
    breaks: ["a stack is freed when the containment is empty"],
  },
  {
    name: "stores an event again when the reply was lost",
    rules: withHabits({ eventsOnce: "nothing" }),
    breaks: ["no event is stored twice"],
  },
  {
    name: "reads whether an event is stored, and stores it later",
    rules: withHabits({ eventsOnce: "by reading before" }),
    breaks: ["no event is stored twice"],
  },
  {
    name: "queues a request again when its reply was lost",
    rules: without("knowsRequestKeys"),
    breaks: ["a request is carried out once"],
  },
  {
    name: "hands an attempt's id to a second claim when the reply to the first was lost",
    rules: without("dropsAttemptAfterLostReply"),
    breaks: ["every row has a live owner or a due timer"],
  },
  {
    name: "runs again what may have changed resources",
    rules: { ...PRODUCT, decideTakeover: () => ({ kind: "requeue" }) },
    breaks: ["what may have changed resources is never run again"],
  },
  {
    name: "does not ask whether an update has started",
    rules: { ...PRODUCT, decideTakeover: (lost) => decideTakeover({ ...lost, hasBegun: false }) },
    breaks: ["what may have changed resources is never run again"],
  },
  {
    name: "repeats a finished build",
    rules: { ...PRODUCT, isKept: () => false },
    breaks: ["a finished step is not repeated"],
  },
  {
    name: "takes nothing over",
    rules: without("takesOver"),
    breaks: ["every row has a live owner or a due timer"],
  },
  {
    name: "delivers messages without their id",
    rules: without("deliversWithId"),
    breaks: ["a message has one id, however often it comes", "a message carries the id of its row"],
  },
  {
    name: "forgets a delivery whose server was killed",
    rules: without("deliversAgain"),
    breaks: ["every message is delivered or given up"],
  },
  {
    name: "updates although the state is not the approved one",
    rules: without("comparesSeals"),
    breaks: ["an approval names what runs"],
  },
  {
    name: "lets people approve their own changes",
    rules: {
      ...PRODUCT,
      decideApproval: (approval, ...rest) => {
        const decision = PRODUCT.decideApproval({ ...approval, requesters: new Set() }, ...rest);
        return decision.kind === "changed"
          ? { ...decision, approval: { ...decision.approval, requesters: approval.requesters } }
          : decision;
      },
    },
    breaks: ["nobody approves a change of their own"],
  },
  {
    name: "begins with one approval where two are needed",
    rules: {
      ...PRODUCT,
      decideApproval: (approval, event, rules, now) =>
        PRODUCT.decideApproval(approval, event, rules.map((rule) => ({ ...rule, need: 1 })).slice(0, 1), now),
    },
    breaks: ["approvals come before the start"],
  },
  {
    name: "moves a deployment that has ended",
    rules: {
      ...PRODUCT,
      decideCancel: (deployment) =>
        deployment.status === "running" ? "ended-now" : PRODUCT.decideCancel(deployment),
    },
    breaks: ["every row has a live owner or a due timer", "a stack is freed when the containment is empty"],
  },
];
