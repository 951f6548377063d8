import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bearer, insertDeployment, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { recordRuns } from "./store.ts";

const FIGURES = "/v1/projects/acme/shop/figures";
const BUDGETS = "/v1/projects/acme/shop/budgets";

let api: TestApi;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
  ({ stackId } = await insertStack(api.db, { organisation: "acme", project: "shop", stack: "test" }));
});
afterAll(() => api.close());

/** A run of a step that ended so many days ago. */
async function ran(
  step: "build" | "test" | "update",
  service: string | null,
  durationMs: number,
  succeeded = true,
  daysAgo = 1,
): Promise<void> {
  const deploymentId = await insertDeployment(api.db, stackId);
  await api.db
    .transaction()
    .execute((trx) =>
      recordRuns(trx, { deploymentId, attempt: 1 }, [{ step, service, succeeded, durationMs }]),
    );
  await sql`update step_runs set finished_at = now() - ${daysAgo} * interval '1 day'
    where deployment_id = ${deploymentId}`.execute(api.db);
}

test("figures of a history are what they are when counted by hand", async () => {
  // Twenty builds of 1 s to 20 s, the last one the youngest; three that failed, and one that is too old to count.
  for (let seconds = 1; seconds <= 20; seconds += 1)
    await ran("build", null, seconds * 1_000, true, 21 - seconds);
  for (const seconds of [100, 200, 300]) await ran("build", null, seconds * 1_000, false, 22);
  await ran("build", null, 999_000, true, 40);
  // Of one service: 400, 100, 300, 200 ms.
  for (const [index, ms] of [400, 100, 300, 200].entries()) await ran("build", "api", ms, true, 10 - index);
  await ran("test", null, 50, false);
  const budgets = [
    { step: "build", service: null, mostSeconds: 18, fails: false },
    { step: "update", service: null, mostSeconds: 5, fails: false },
  ];
  expect((await api.ask("PUT", BUDGETS, { body: { budgets } })).status).toBe(200);

  const { status, body } = await api.ask("GET", `${FIGURES}?days=30`);
  expect(status).toBe(200);
  expect(body.steps).toEqual([
    {
      step: "build",
      service: null,
      runs: 23,
      succeeded: 20,
      successRate: 20 / 23,
      // Nearest rank of twenty: the 10th and the 19th.
      p50Ms: 10_000,
      p95Ms: 19_000,
      lastMs: 20_000,
      // 19 s, 20 s and the three that failed.
      budget: { mostSeconds: 18, fails: false, exceeded: 5 },
    },
    {
      step: "build",
      service: "api",
      runs: 4,
      succeeded: 4,
      successRate: 1,
      p50Ms: 200,
      p95Ms: 400,
      lastMs: 200,
      budget: null,
    },
    {
      step: "test",
      service: null,
      runs: 1,
      succeeded: 0,
      successRate: 0,
      p50Ms: null,
      p95Ms: null,
      lastMs: 50,
      budget: null,
    },
    {
      step: "update",
      service: null,
      runs: 0,
      succeeded: 0,
      successRate: null,
      p50Ms: null,
      p95Ms: null,
      lastMs: null,
      budget: { mostSeconds: 5, fails: false, exceeded: 0 },
    },
  ]);
});

test("a run that is recorded twice counts once", async () => {
  const deploymentId = await insertDeployment(api.db, stackId);
  const run = { step: "gates-before", service: null, succeeded: true, durationMs: 7 } as const;
  const record = () =>
    api.db.transaction().execute((trx) => recordRuns(trx, { deploymentId, attempt: 1 }, [run]));
  expect([await record(), await record()]).toEqual([1, 0]);
});

test("budgets are set by admins, with an audit entry, and refused when they would do harm", async () => {
  const deployer = await tokenOf(api, "bo", { acme: "deployer" });
  const budgets = [{ step: "build", mostSeconds: 60, fails: true }];
  expect((await api.ask("PUT", BUDGETS, { body: { budgets }, headers: bearer(deployer) })).status).toBe(403);
  const set = await api.ask("PUT", BUDGETS, { body: { budgets } });
  expect([set.status, set.body.budgets]).toEqual([200, [{ ...budgets[0], service: null }]]);
  const harmful = { budgets: [{ step: "update", mostSeconds: 60, fails: true }] };
  const refused = await api.ask("PUT", BUDGETS, { body: harmful });
  expect([refused.status, refused.body.code]).toEqual([422, "invalid_request"]);
  expect((await api.ask("GET", BUDGETS)).body.budgets).toEqual(set.body.budgets);
  const { body } = await api.ask("GET", "/v1/audit?organisation=acme&action=budgets.set");
  expect(body.items[0]).toMatchObject({ subject: "acme/shop", details: { after: set.body.budgets } });
  expect((await api.ask("GET", "/v1/projects/acme/nothing/figures")).status).toBe(404);
});
