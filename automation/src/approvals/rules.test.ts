import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeploymentStatus } from "../contract/deployments.ts";
import { canMove } from "../deployments/rules.ts";
import type { Approval, ApprovalEvent, ApprovalRule, Requirement, SignOffRule } from "./rules.ts";
import { decideApproval, isApproved } from "./rules.ts";

const HOUR_MS = 3_600_000;
const rule = (need: number, ...members: string[]): ApprovalRule => ({
  id: members.join("+"),
  need,
  members: new Set(members),
});
const RULES = [rule(2, "ann", "bea", "cem")];
const open = (more: Partial<Approval> = {}): Approval => ({
  state: "open",
  seal: "seal 1",
  expiresAt: 24 * HOUR_MS,
  requesters: new Set(["rob"]),
  onePersonOneRule: false,
  needsComment: false,
  votes: [],
  begunBy: null,
  ...more,
});
const approve = (by: string, seal = "seal 1"): ApprovalEvent => ({
  kind: "vote",
  vote: { by, verdict: "approve", seal },
  comment: null,
});
const begin = (seal: string, attempt = "attempt 1"): ApprovalEvent => ({ kind: "begin", seal, attempt });
const reject = (by: string, comment: string | null = "not today"): ApprovalEvent => ({
  kind: "vote",
  vote: { by, verdict: "reject", seal: "seal 1" },
  comment,
});

/** Applies events one after another; refusals leave it as it is. */
function after(
  approval: Approval,
  events: readonly ApprovalEvent[],
  rules: readonly Requirement[] = RULES,
  now = 0,
): Approval {
  return events.reduce((state, event) => {
    const decision = decideApproval(state, event, rules, now);
    return decision.kind === "changed" ? decision.approval : state;
  }, approval);
}

describe("a vote", () => {
  test("A1: counts once per person, and the last one needed puts the deployment back into the queue", () => {
    const one = after(open(), [approve("ann"), approve("ann")]);
    expect(one).toMatchObject({ state: "open", votes: [{ by: "ann" }] });
    expect(decideApproval(one, approve("bea"), RULES, 0)).toMatchObject({
      kind: "changed",
      approval: { state: "approved" },
      effects: [
        { kind: "audit", action: "approval.approved", by: "bea" },
        { kind: "move", to: "queued" },
      ],
    });
  });
  test("A1: serves one rule only where people must differ, and may change its rule to make room", () => {
    const rules = [rule(1, "ann", "bea"), rule(1, "ann")];
    const strict = open({ onePersonOneRule: true });
    expect(after(strict, [approve("ann")], rules).state).toBe("open");
    expect(after(strict, [approve("ann"), approve("bea")], rules).state).toBe("approved");
    expect(after(open(), [approve("ann")], rules).state).toBe("approved");
  });
  test("A1: of one who did not ask for it is enough where no rule is, and no vote is not", () => {
    expect(isApproved(open(), [])).toBe(false);
    expect(after(open(), [approve("zoe")], []).state).toBe("approved");
  });
  test("A2: of somebody who has a part in the change, or whom no rule asks, is refused", () => {
    const rules = [rule(1, "ann", "rob")];
    const refusals = ["rob", "zoe"].map((by) => decideApproval(open(), approve(by), rules, 0));
    expect(refusals).toMatchObject([
      { kind: "refused", code: "requester_cannot_vote" },
      { kind: "refused", code: "not_an_approver" },
    ]);
  });
  test("A3: for something else than what waits is refused", () => {
    const decision = decideApproval(open(), approve("ann", "seal 0"), RULES, 0);
    expect(decision).toMatchObject({ kind: "refused", code: "stale" });
  });
  test("A1: twice the same is refused; another word replaces the one before", () => {
    const voted = after(open(), [approve("ann")]);
    expect(decideApproval(voted, approve("ann"), RULES, 0)).toMatchObject({ code: "already_voted" });
    expect(after(voted, [reject("ann")]).state).toBe("rejected");
  });
  test("A6: for an operation that takes things away says why", () => {
    const strict = open({ needsComment: true });
    expect(decideApproval(strict, approve("ann"), RULES, 0)).toMatchObject({ code: "invalid_request" });
    expect(after(strict, [{ ...approve("ann"), comment: "agreed" } as ApprovalEvent]).votes).toHaveLength(1);
  });
  test("A5: against it ends the deployment at once, with a reason", () => {
    expect(decideApproval(open(), reject("ann", " "), RULES, 0)).toMatchObject({ code: "invalid_request" });
    const decision = decideApproval(after(open(), [approve("bea")]), reject("ann"), RULES, 0);
    expect(decision).toMatchObject({
      approval: { state: "rejected" },
      effects: [{ kind: "move", to: "rejected" }, { kind: "audit" }],
    });
  });
  test("A5: can be withdrawn until the update begins, and then the deployment waits again", () => {
    const approved = after(open(), [approve("ann"), approve("bea")]);
    const fewer = after(approved, [{ kind: "withdraw", by: "ann" }]);
    expect(fewer).toMatchObject({ state: "approved", votes: [{ by: "bea" }] });
    expect(decideApproval(fewer, begin("seal 1"), RULES, 0)).toMatchObject({
      approval: { state: "open" },
      effects: [{ kind: "move", to: "waiting_approval" }, { kind: "audit" }],
    });
    const begun = after(approved, [begin("seal 1")]);
    expect(begun.state).toBe("begun");
    expect(decideApproval(begun, { kind: "withdraw", by: "ann" }, RULES, 0)).toMatchObject({
      kind: "refused",
    });
  });
});

describe("a sign-off", () => {
  const signed = (...people: string[]): SignOffRule => ({ id: "sign-off", signedBy: new Set(people) });
  const given = (by: string): ApprovalEvent => ({ kind: "sign-off", what: "signed_off", by });
  test("of somebody without a part in the change is all that is waited for where no rule asks for votes", () => {
    expect(decideApproval(open(), begin("seal 1"), [signed()], 0)).toMatchObject({
      approval: { state: "open" },
    });
    expect(isApproved(open(), [signed("rob")]), "the requester's own").toBe(false);
    expect(decideApproval(open(), given("ann"), [signed("ann")], 0)).toMatchObject({
      approval: { state: "approved" },
      effects: [
        { kind: "audit", action: "approval.signed_off", by: "ann" },
        { kind: "move", to: "queued" },
      ],
    });
    expect(decideApproval(open(), approve("ann"), [signed()], 0)).toMatchObject({ code: "not_an_approver" });
  });
  test("counts beside the votes, in whichever order they come", () => {
    const votes = [approve("ann"), approve("bea")];
    expect(after(open(), votes, [...RULES, signed()]).state).toBe("open");
    expect(after(open(), votes, [...RULES, signed("cem")]).state).toBe("approved");
    const voted = after(open(), votes, [...RULES, signed()]);
    expect(after(voted, [given("cem")], [...RULES, signed("cem")]).state).toBe("approved");
    expect(after(open(), [given("cem")], [...RULES, signed("cem")]).state, "no votes").toBe("open");
    // Whoever signs it off may vote, and one of two rules is theirs alone.
    const strict = open({ onePersonOneRule: true });
    expect(after(strict, [approve("ann")], [rule(1, "ann"), signed("ann")]).state).toBe("approved");
  });
  test("that is withdrawn holds it again until the change begins, and no longer", () => {
    const approved = after(open(), [given("ann")], [signed("ann")]);
    const taken: ApprovalEvent = { kind: "sign-off", what: "sign_off_withdrawn", by: "ann" };
    expect(decideApproval(approved, taken, [signed()], 0)).toMatchObject({ approval: { state: "approved" } });
    const begun = after(approved, [begin("seal 1")], [signed("ann")]);
    expect(begun.state).toBe("begun");
    expect(decideApproval(approved, begin("seal 1"), [signed()], 0)).toMatchObject({
      approval: { state: "open" },
      effects: [{ kind: "move", to: "waiting_approval" }, { kind: "audit" }],
    });
    expect(decideApproval(begun, taken, [signed()], 0)).toEqual({ kind: "unchanged" });
  });
  test("that comes after its time ends what it is for, and one that is asked for no more lets it go", () => {
    const late = decideApproval(open(), given("ann"), [signed("ann")], 24 * HOUR_MS);
    expect(late).toMatchObject({ approval: { state: "expired" } });
    const none: ApprovalEvent = { kind: "sign-off", what: "sign_off_not_asked", by: "ann" };
    expect(after(open(), [none], []).state).toBe("approved");
    expect(after(open(), [none], RULES).state).toBe("open");
  });
});

describe("at the start of the update", () => {
  const begun = after(open(), [approve("ann"), approve("bea"), begin("seal 1")]);
  test("who has begun may ask again, because the answer was lost", () => {
    expect(decideApproval(begun, begin("seal 1"), RULES, 0)).toEqual({ kind: "unchanged" });
    expect(decideApproval(begun, approve("cem"), RULES, 0)).toMatchObject({ code: "vote_too_late" });
  });
  test("the attempt after one that was lost before it changed anything is asked again, and goes on with the same votes", () => {
    const again = begin("seal 1", "attempt 2");
    expect(decideApproval(begun, again, RULES, 0)).toMatchObject({
      kind: "changed",
      approval: { state: "begun", begunBy: "attempt 2", votes: [{ by: "ann" }, { by: "bea" }] },
      effects: [{ kind: "audit", action: "approval.begun" }],
    });
    expect(decideApproval(begun, again, [rule(2, "ann", "cem")], 0)).toMatchObject({
      approval: { state: "open", begunBy: null },
      effects: [{ kind: "move", to: "waiting_approval" }, { kind: "audit" }],
    });
    expect(after(begun, [begin("seal 2", "attempt 2")]).state).toBe("stale");
    expect(after(begun, [again], RULES, begun.expiresAt).state).toBe("expired");
  });
  test("A5: a worker is told when it was rejected in the meantime", () => {
    const approved = after(open(), [approve("ann"), approve("bea"), reject("cem")]);
    expect(decideApproval(approved, begin("seal 1"), RULES, 0)).toEqual({ kind: "over", status: "rejected" });
  });
  test("A2: a person who was removed from the group since does not count any more", () => {
    const approved = after(open(), [approve("ann"), approve("bea")]);
    const now = [rule(2, "ann", "cem")];
    expect(decideApproval(approved, begin("seal 1"), now, 0)).toMatchObject({
      approval: { state: "open" },
    });
  });
  test("A3: another seal than the approved one makes it stale, an equal one keeps the votes", () => {
    const approved = after(open(), [approve("ann"), approve("bea")]);
    expect(after(approved, [begin("seal 2")]).state).toBe("stale");
    expect(after(approved, [{ kind: "sealed", seal: "seal 1" }])).toBe(approved);
    expect(after(approved, [{ kind: "sealed", seal: "seal 2" }]).state).toBe("stale");
  });
});

test("A6: votes lapse with the preview: nothing is decided after that, and time ends what waits", () => {
  const approved = after(open(), [approve("ann"), approve("bea")]);
  const late = approved.expiresAt;
  expect(after(approved, [{ kind: "time" }], RULES, late - 1)).toBe(approved);
  expect(after(approved, [begin("seal 1")], RULES, late).state).toBe("expired");
  expect(after(approved, [{ kind: "time" }], RULES, late).state).toBe("expired");
  expect(decideApproval(open(), approve("ann"), RULES, late)).toMatchObject({ code: "vote_too_late" });
});

test("whatever happens in whatever order, an update begins only with enough votes of others for what is begun, and an end is final", () => {
  const people = fc.constantFrom("ann", "bea", "cem", "rob", "zoe");
  const seals = fc.constantFrom("seal 1", "seal 1", "seal 2");
  const events: fc.Arbitrary<ApprovalEvent> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc
        .record({
          by: people,
          verdict: fc.constantFrom("approve", "approve", "approve", "reject"),
          seal: seals,
        })
        .map((vote) => ({
          kind: "vote" as const,
          vote: { ...vote, verdict: vote.verdict as "approve" },
          comment: "why",
        })),
    },
    people.map((by) => ({ kind: "withdraw" as const, by })),
    seals.map((seal) => begin(seal)),
    seals.map((seal) => ({ kind: "sealed" as const, seal })),
    people.map((by) => ({ kind: "cancel" as const, by })),
    fc.constant({ kind: "time" as const }),
  );
  const rules = fc.constantFrom(RULES, [rule(1, "ann", "rob"), rule(1, "bea", "cem")]);
  const steps = fc.array(fc.record({ event: events, after: fc.integer({ min: 0, max: HOUR_MS }), rules }));
  fc.assert(
    fc.property(steps, fc.boolean(), (all, onePersonOneRule) => {
      let approval = open({ expiresAt: 8 * HOUR_MS, onePersonOneRule });
      let now = 0;
      for (const { event, after: wait, rules: inForce } of all) {
        now += wait;
        const before = approval;
        const decision = decideApproval(approval, event, inForce, now);
        if (decision.kind !== "changed") continue;
        approval = decision.approval;
        expect(["open", "approved"]).toContain(before.state);
        expect(decision.effects.filter(({ kind }) => kind === "audit")).toHaveLength(1);
        const froms: DeploymentStatus[] =
          event.kind === "begin"
            ? ["running"]
            : before.state === "open"
              ? ["waiting_approval"]
              : ["queued", "running"];
        for (const effect of decision.effects) {
          if (effect.kind !== "move") continue;
          for (const from of froms) expect(canMove(from, effect.to), `${from} -> ${effect.to}`).toBe(true);
        }
        if (approval.state === "begun") {
          const own = new Set(
            before.votes
              .filter((one) => one.verdict === "approve" && one.seal === before.seal)
              .map(({ by }) => by),
          );
          expect(own).not.toContain("rob");
          expect(own.size).toBeGreaterThanOrEqual(2);
          expect(event).toMatchObject({ kind: "begin", seal: before.seal });
          expect(now).toBeLessThan(before.expiresAt);
        }
      }
    }),
  );
});
