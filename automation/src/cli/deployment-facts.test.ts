import { expect, test } from "vitest";
import type { Approval } from "../contract/approvals.ts";
import type { Deployment } from "../contract/deployments.ts";
import type { PropertyChange } from "../contract/previews.ts";
import { factsOf, nextCommand } from "./deployment-facts.ts";
import { diffLines } from "./diff-lines.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");
const ID = "00000000-0000-4000-8000-000000000001";
const deployment: Deployment = {
  id: ID,
  organisation: "default",
  project: "shop",
  stack: "prod",
  number: 3,
  operation: "update",
  status: "waiting_approval",
  options: {},
  message: "a larger database",
  requestedBy: "user:mia",
  cause: "request",
  causedBy: null,
  rolledBackBy: null,
  targetRelease: null,
  promotedFrom: null,
  release: null,
  verification: null,
  sourceDigest: null,
  requestedAt: "2026-11-21T11:50:00.000Z",
  startedAt: null,
  finishedAt: null,
  steps: [],
  gates: [],
  changes: {},
  queuePosition: null,
  waiting: null,
  failure: null,
  attempts: 1,
  continues: null,
  runsAfter: null,
  cancellation: null,
  resources: null,
  nextAction: null,
  binding: null,
  moved: null,
  hold: null,
  consent: null,
};
const approval: Approval = {
  deploymentId: ID,
  organisation: "default",
  project: "shop",
  stack: "prod",
  number: 3,
  operation: "update",
  message: null,
  requestedBy: "user:mia",
  state: "open",
  seal: "sha256:abc",
  risk: { tier: "highest", reasons: ["Replace of what holds data: db.", "Create: 2 resources."], counts: {} },
  requestedAt: "2026-11-21T11:50:00.000Z",
  expiresAt: "2026-11-21T14:00:00.000Z",
  decidedAt: null,
  missing: 1,
  signOffMissing: false,
  me: { mayVote: true, maySignOff: false, why: null },
  rules: [
    {
      name: "dba",
      need: 2,
      by: ["user:tom"],
      missing: 1,
      from: ["dba"],
      mayVote: ["user:eve"],
      automatic: null,
    },
  ],
  rulesVersion: 4,
  signOff: null,
  requesters: [],
  votes: [],
  ending: null,
};
const preview = {
  deploymentId: ID,
  attempt: 1,
  previewedAt: "2026-11-21T11:51:00.000Z",
  counts: { replace: 1, create: 2 },
  stepCount: 3,
  truncated: false,
  items: [],
  next: null,
};

test("what, why, who, risk, who may vote and until when are told, worst first", () => {
  const moved = [{ item: "state", urn: null, path: null, was: 12, is: 13 } as const];
  const facts = factsOf({ deployment, preview, approval, moved }, NOW);
  expect(facts).toEqual([
    ["what", "1 to replace, 2 to create"],
    ["why", "a larger database"],
    ["who", "mia, 10 min ago"],
    ["risk", "highest: Replace of what holds data: db."],
    ["risk", "Create: 2 resources."],
    ["rule", "dba: 1 of 2 votes, 1 missing; who may: eve"],
    ["lapses", "in 2 h"],
    ["you", "may vote"],
    ["seal", "sha256:abc"],
    ["moved", "the state of the stack: 12 → 13"],
  ]);
});

const signOff = {
  brings: { kind: "release" as const, stack: "test", release: 4, sourceDigest: "sha256:s" },
  isMissing: true,
  signOffs: [{ principal: "user:mia", why: "This person has a part in the change." }],
  open: [
    {
      name: "on-call",
      title: "Somebody is on call",
      kind: "manual" as const,
      state: "open" as const,
      detail: "nobody has said so",
      by: null,
      at: null,
    },
  ],
  mayGive: ["user:eve"],
  command: "slipway readiness sign-off --stack shop/prod --from test --release 4 --comment <text>",
};
const unsigned: Approval = {
  ...approval,
  rules: [],
  missing: 0,
  signOffMissing: true,
  signOff,
  me: { mayVote: false, maySignOff: true, why: null },
};

test("a sign-off that is waited for is told with what is open on the checklist and the command that gives it", () => {
  const facts = factsOf({ deployment, preview, approval: unsigned, moved: [] }, NOW);
  expect(facts).toContainEqual(["sign-off", "of release 4 of test: missing; who may: eve"]);
  expect(facts).toContainEqual(["checklist", "on-call: open, nobody has said so"]);
  expect(facts).toContainEqual(["you", "may sign it off"]);
  expect(nextCommand({ deployment, approval: unsigned })?.[0]).toBe(signOff.command);
});

test.each([
  ["may vote", { deployment, approval }, `slipway approve ${ID}`],
  [
    "may not vote",
    {
      deployment,
      approval: { ...approval, me: { mayVote: false, maySignOff: false, why: "you asked for it" } },
    },
    `slipway logs ${ID} --follow`,
  ],
  [
    "stale",
    { deployment: { ...deployment, status: "stale" as const }, approval: null },
    "slipway deploy --stack shop/prod",
  ],
  [
    "a stale rollback",
    {
      deployment: {
        ...deployment,
        operation: "rollback" as const,
        targetRelease: 7,
        status: "stale" as const,
      },
      approval: null,
    },
    "slipway rollback --stack shop/prod --to 7",
  ],
])("the next command of somebody who finds it %s", (_name, shown, command) => {
  expect(nextCommand(shown)?.[0]).toBe(command);
});

test("nothing is to be done about one that succeeded", () => {
  expect(nextCommand({ deployment: { ...deployment, status: "succeeded" }, approval: null })).toBeNull();
});

test("a difference is printed without any value of a secret and without anything that moves the cursor", () => {
  const paint = (_style: unknown, text: string) => text;
  const change = (more: Partial<PropertyChange>): PropertyChange => ({
    path: "p",
    kind: "update",
    replaces: false,
    before: null,
    after: null,
    known: true,
    ...more,
  });
  expect(diffLines(change({ before: "hunter2", after: "[secret]", replaces: true }), paint)).toEqual([
    "~ p: [secret] → [secret] (forces the replacement)",
  ]);
  expect(diffLines(change({ before: "a\u001b[2Jb", after: null, known: false }), paint).join()).not.toContain(
    "\u001b",
  );
  expect(diffLines(change({ kind: "add", after: { a: 1 } }), paint)).toEqual([
    "+ p:",
    "  + {",
    '  +   "a": 1',
    "  + }",
  ]);
});

test("what failed is shown with its remedy and where all of it is told; a cancel is no failure", () => {
  const failure = {
    code: "build_failed",
    detail: "'npm run build' exited with 1",
    remedy: "Run the command.",
  };
  const shown = (status: Deployment["status"]) => ({
    deployment: { ...deployment, status, failure },
    preview: null,
    approval: null,
    moved: [],
  });
  expect(factsOf(shown("failed"), NOW)).toEqual(
    expect.arrayContaining([
      ["failure", failure.detail],
      ["remedy", failure.remedy],
    ]),
  );
  expect(nextCommand(shown("failed"))).toEqual([
    `slipway logs ${ID}`,
    "prints all that happened, with what programs said",
  ]);
  expect(factsOf(shown("cancelled"), NOW)).toContainEqual(["ended", failure.detail]);
  expect(nextCommand(shown("cancelled"))).toBeNull();
});
