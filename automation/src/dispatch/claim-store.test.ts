import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import {
  makeProject,
  makeStack,
  makeWorker,
  putAttempt,
  putDeployment,
  putWriter,
  undone,
} from "../../../test/helpers/queue-bed.ts";
import { claimNext } from "../attempts/claim-store.ts";
import type { DeploymentOperation } from "../contract/deployments.ts";
import type { Database, OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { QueuedDeployment, QueueView, RunningDeployment } from "../deployments/queue-rules.ts";
import { nextToClaim } from "../deployments/queue-rules.ts";
import { setLimit } from "./limits-store.ts";
import { setPause } from "./pauses-store.ts";
import { readQueue, viewOf } from "./queue-store.ts";

const CASES = 120;
const CASES_TIMEOUT_MS = 120_000;
const STACKS_PER_PROJECT = 3;

let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});

/** What a stack may be in the middle of. */
const Occupation = fc.constantFrom(
  "nothing",
  "nothing",
  "nothing",
  "running",
  "lost",
  "waits-for-rollback",
  "cli",
  "cli-expired",
  "looking",
);
const Operation = fc.constantFrom<DeploymentOperation>(
  "update",
  "update",
  "preview",
  "rollback",
  "detect-drift",
);
const Stack = fc.record({
  occupation: Occupation,
  queued: fc.array(fc.record({ operation: Operation, requestedAgo: fc.integer({ min: 0, max: 5 }) }), {
    maxLength: 3,
  }),
});
const State = fc.record({
  stacks: fc.array(Stack, { minLength: 2, maxLength: 2 * STACKS_PER_PROJECT }),
  paused: fc.record({
    everything: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    project: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    stack: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  }),
  instance: fc.option(fc.integer({ min: 1, max: 6 })),
  project: fc.option(fc.integer({ min: 1, max: 3 })),
  concurrency: fc.integer({ min: 1, max: 4 }),
});
type State = typeof State extends fc.Arbitrary<infer T> ? T : never;

/** In every run, so that the rare cases are never left to chance. */
const FREE = {
  paused: { everything: false, project: false, stack: false },
  instance: null,
  project: null,
  concurrency: 4,
} as const;
const ALWAYS: [State][] = [
  [
    {
      ...FREE,
      paused: { everything: true, project: true, stack: true },
      stacks: [{ occupation: "waits-for-rollback", queued: [] }],
    },
  ],
  [
    {
      ...FREE,
      stacks: [{ occupation: "nothing", queued: [{ operation: "detect-drift", requestedAgo: 0 }] }],
    },
  ],
  [
    {
      ...FREE,
      instance: 2,
      project: 1,
      stacks: Array.from({ length: 6 }, () => ({
        occupation: "nothing" as const,
        queued: [
          { operation: "update" as const, requestedAgo: 1 },
          { operation: "rollback" as const, requestedAgo: 0 },
        ],
      })),
    },
  ],
];

/** Puts a state into the database and answers the same as the rules see it. */
async function put(db: Database, state: State, worker: string): Promise<QueueView> {
  const projects = [await makeProject(db), await makeProject(db)];
  const queued: QueuedDeployment[] = [];
  const running: RunningDeployment[] = [];
  const busyStacks = new Set<string>();
  const ids: string[] = [];
  for (const [index, wanted] of state.stacks.entries()) {
    const projectId = projects[index % 2] ?? "";
    const stackId = await makeStack(db, projectId);
    ids.push(stackId);
    let number = 1;
    const runs = async (operation: DeploymentOperation, workerId: string | null): Promise<string> => {
      const deploymentId = await putDeployment(db, {
        stackId,
        number: number++,
        operation,
        status: "running",
      });
      running.push({ deploymentId, stackId, projectId, operation, workerId });
      return deploymentId;
    };
    const waits = async (row: {
      operation: DeploymentOperation;
      requestedAgo: number;
      causedBy?: string;
    }): Promise<void> => {
      const cause = row.causedBy === undefined ? "request" : "automatic-rollback";
      const deploymentId = await putDeployment(db, { stackId, number, ...row, cause });
      queued.push({
        deploymentId,
        stackId,
        projectId,
        number: number++,
        operation: row.operation,
        cause,
        causedBy: row.causedBy ?? null,
        runsAfter: null,
        requestedAt: -row.requestedAgo,
      });
    };
    switch (wanted.occupation) {
      case "nothing":
        break;
      case "running":
      case "lost": {
        const deploymentId = await runs("update", worker);
        const leaseSeconds = wanted.occupation === "running" ? 15 : -1;
        await putAttempt(db, { deploymentId, stackId, workerId: worker, leaseSeconds });
        if (wanted.occupation === "running") busyStacks.add(stackId);
        break;
      }
      case "waits-for-rollback": {
        const causedBy = await runs("update", null);
        await waits({ operation: "rollback", requestedAgo: 0, causedBy });
        break;
      }
      case "cli":
      case "cli-expired":
        await putWriter(db, {
          stackId,
          holder: randomUUID(),
          kind: "update",
          leaseSeconds: wanted.occupation === "cli" ? 300 : -1,
        });
        busyStacks.add(stackId);
        break;
      case "looking": {
        const deploymentId = await runs("detect-drift", worker);
        await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status)
          values (${randomUUID()}, ${deploymentId}, 1, ${worker}, 0, 'running')`.execute(db);
        break;
      }
    }
    for (const one of wanted.queued) await waits(one);
  }
  const [first = ""] = projects;
  const [firstStack = ""] = ids;
  const paused = {
    everything: state.paused.everything,
    projects: new Set<string>(),
    stacks: new Set<string>(),
  };
  const by = { reason: "test", principal: "owner" };
  const trx = db as Parameters<typeof setPause>[0];
  if (state.paused.everything) await setPause(trx, { scope: "everything" }, by);
  if (state.paused.project) {
    await setPause(trx, { scope: "project", projectId: first }, by);
    paused.projects.add(first);
  }
  if (state.paused.stack) {
    await setPause(trx, { scope: "stack", stackId: firstStack }, by);
    paused.stacks.add(firstStack);
  }
  if (state.instance !== null) await setLimit(trx, null, { most: state.instance, principal: "owner" });
  if (state.project !== null) await setLimit(trx, first, { most: state.project, principal: "owner" });
  return {
    queued,
    running,
    busyStacks,
    paused,
    limits: {
      instance: state.instance,
      project: new Map(state.project === null ? [] : [[first, state.project]]),
      worker: state.concurrency,
    },
  };
}

test(
  "the claim takes what the rules of the queue say, in the same order, until neither finds anything",
  async () => {
    let claims = 0;
    const reasons = new Set<string>();
    await fc.assert(
      fc.asyncProperty(State, async (state) => {
        await undone(open.db, async (db) => {
          const worker = await makeWorker(db, state.concurrency);
          let view = await put(db, state, worker);
          for (;;) {
            const expected = nextToClaim(view, { id: worker });
            const read = viewOf(await readQueue(db, "all"), { limit: state.concurrency });
            expect(nextToClaim(read, { id: worker })?.deploymentId).toBe(expected?.deploymentId);
            const claimed = await claimNext(db, { workerId: worker, attemptId: randomUUID() });
            expect(claimed?.deploymentId).toBe(expected?.deploymentId);
            if (expected === null) return;
            claims += 1;
            reasons.add(`${expected.operation} ${expected.cause}`);
            view = {
              ...view,
              queued: view.queued.filter((one) => one !== expected),
              running: [...view.running, { ...expected, workerId: worker }],
              busyStacks:
                expected.operation === "detect-drift"
                  ? view.busyStacks
                  : new Set([...view.busyStacks, expected.stackId]),
            };
          }
        });
      }),
      { numRuns: CASES, examples: ALWAYS },
    );
    // A property that never claims anything would hold of anything.
    expect(claims).toBeGreaterThan(CASES / 5);
    expect(reasons).toContain("rollback automatic-rollback");
    expect(reasons).toContain("detect-drift request");
  },
  CASES_TIMEOUT_MS,
);
