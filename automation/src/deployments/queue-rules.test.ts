import { describe, expect, test } from "vitest";
import type { QueuedDeployment, QueueView, RunningDeployment } from "./queue-rules.ts";
import { nextToClaim, queueRank, waitingFor } from "./queue-rules.ts";

const WORKER = { id: "w" };

function queued(deploymentId: string, over: Partial<QueuedDeployment> = {}): QueuedDeployment {
  const number = over.number ?? 1;
  return {
    deploymentId,
    stackId: "s",
    projectId: "p",
    number,
    operation: "update",
    cause: "request",
    causedBy: null,
    runsAfter: null,
    requestedAt: number,
    ...over,
  };
}

function running(deploymentId: string, over: Partial<RunningDeployment> = {}): RunningDeployment {
  return { deploymentId, stackId: "s", projectId: "p", operation: "update", workerId: "other", ...over };
}

function view(over: Partial<QueueView> = {}): QueueView {
  return {
    queued: [],
    busyStacks: new Set(),
    running: [],
    paused: { everything: false, projects: new Set(), stacks: new Set() },
    limits: { instance: null, project: new Map(), worker: 2 },
    ...over,
  };
}

const next = (over: Partial<QueueView>): string | undefined => nextToClaim(view(over), WORKER)?.deploymentId;
const reasonOf = (over: Partial<QueueView>, id: string) => waitingFor(view(over)).get(id);

describe("who goes first", () => {
  test("a stack's deployments go in the order of requests, whatever the clock said", () => {
    const both = [queued("b", { number: 2, requestedAt: 0 }), queued("a", { number: 1, requestedAt: 9 })];
    expect(next({ queued: both })).toBe("a");
  });

  test("of several stacks the one that was asked for first", () => {
    const both = [queued("b", { stackId: "t", requestedAt: 2 }), queued("a", { requestedAt: 1 })];
    expect(next({ queued: both })).toBe("a");
  });

  test("a requested rollback overtakes its stack's updates and those of others", () => {
    const rollback = queued("back", { number: 9, requestedAt: 9, operation: "rollback" });
    expect(next({ queued: [queued("a"), rollback] })).toBe("back");
    expect(next({ queued: [queued("a", { stackId: "t" }), rollback] })).toBe("back");
  });

  test("an automatic rollback overtakes a requested one", () => {
    const both = [
      queued("asked", { operation: "rollback" }),
      queued("own", { number: 2, operation: "rollback", cause: "automatic-rollback", causedBy: "bad" }),
    ];
    expect(next({ queued: both, running: [running("bad", { workerId: null })] })).toBe("own");
  });

  test("a rollback that goes on after a refresh does not overtake it", () => {
    expect(queueRank({ operation: "rollback", cause: "request", runsAfter: "refresh" })).toBe(2);
  });

  test("what only looks for drift goes last", () => {
    const look = queued("look", { stackId: "t", requestedAt: 0, operation: "detect-drift" });
    expect(next({ queued: [look, queued("a", { requestedAt: 5 })] })).toBe("a");
  });
});

describe("what is not claimed", () => {
  const one = [queued("a")];
  test.each<[string, Partial<QueueView>, string]>([
    ["everything is paused", { paused: { ...view().paused, everything: true } }, "paused"],
    ["its project is paused", { paused: { ...view().paused, projects: new Set(["p"]) } }, "paused"],
    ["its stack is paused", { paused: { ...view().paused, stacks: new Set(["s"]) } }, "paused"],
    ["somebody holds its stack", { busyStacks: new Set(["s"]) }, "stack-busy"],
    ["another of its stack runs", { running: [running("x")] }, "stack-busy"],
    [
      "another of its stack waits for its rollback",
      { running: [running("x", { workerId: null })] },
      "stack-busy",
    ],
    [
      "the installation's limit is reached",
      {
        running: [running("x", { stackId: "t", projectId: "q" })],
        limits: { ...view().limits, instance: 1 },
      },
      "limit",
    ],
    [
      "its project's limit is reached",
      {
        running: [running("x", { stackId: "t" })],
        limits: { ...view().limits, project: new Map([["p", 1]]) },
      },
      "limit",
    ],
  ])("nothing while %s", (_, over, reason) => {
    expect(next({ queued: one, ...over })).toBeUndefined();
    expect(reasonOf({ queued: one, ...over }, "a")?.reason).toBe(reason);
  });

  test("a worker that is full claims nothing, another one does", () => {
    const full = [
      running("x", { stackId: "t", workerId: "w" }),
      running("y", { stackId: "u", workerId: "w" }),
    ];
    expect(next({ queued: one, running: full })).toBeUndefined();
    expect(nextToClaim(view({ queued: one, running: full }), { id: "v" })?.deploymentId).toBe("a");
  });

  test("a later one of a stack stays behind the first even when only the first is held up", () => {
    const two = [queued("a"), queued("b", { number: 2 })];
    expect(next({ queued: two, busyStacks: new Set(["s"]) })).toBeUndefined();
    expect(reasonOf({ queued: two }, "b")).toMatchObject({ reason: "behind", position: 1 });
  });

  test("the limit of one project leaves the others alone", () => {
    const two = [queued("a"), queued("b", { stackId: "t", projectId: "q", requestedAt: 5 })];
    const limits = { ...view().limits, project: new Map([["p", 1]]) };
    expect(next({ queued: two, running: [running("x", { stackId: "u" })], limits })).toBe("b");
  });

  test("a deployment that waits for its rollback takes no place of a limit", () => {
    const own = queued("own", { operation: "rollback", cause: "automatic-rollback", causedBy: "bad" });
    const limits = { ...view().limits, instance: 1 };
    expect(next({ queued: [own], running: [running("bad", { workerId: null })], limits })).toBe("own");
  });

  test("a drift check that runs is in no update's way, but in that of another check", () => {
    const looking = [running("look", { operation: "detect-drift" })];
    expect(next({ queued: one, running: looking })).toBe("a");
    expect(next({ queued: [queued("l", { operation: "detect-drift" })], running: looking })).toBeUndefined();
  });
});

test("an automatic rollback starts although all is paused: it finishes what ran", () => {
  const own = queued("own", { operation: "rollback", cause: "automatic-rollback", causedBy: "bad" });
  const paused = { everything: true, projects: new Set(["p"]), stacks: new Set(["s"]) };
  expect(next({ queued: [own], running: [running("bad", { workerId: null })], paused })).toBe("own");
  const asked = queued("asked", { operation: "rollback" });
  expect(next({ queued: [asked], paused })).toBeUndefined();
});

test("a position counts what runs on the stack and who is claimed before", () => {
  const three = [
    queued("a"),
    queued("b", { number: 2 }),
    queued("back", { number: 3, operation: "rollback" }),
  ];
  const waiting = waitingFor(view({ queued: three, running: [running("x")] }));
  expect([...waiting].map(([id, { position }]) => [id, position]).sort()).toEqual([
    ["a", 2],
    ["b", 3],
    ["back", 1],
  ]);
});
