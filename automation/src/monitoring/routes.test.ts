import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { detectOnce } from "./detector.ts";
import { findDoubleExecutions } from "./detector-store.ts";
import { Progress } from "./progress.ts";

/*
 * The detector on tables that hold what the product must never write: the rows are forged here, past all that prevents them.
 */

let api: TestApi;
let now = 0;
const progress = new Progress(() => now);
const passed = progress.watch("updates", 60_000);
beforeAll(async () => {
  api = await startTestApi({ progress });
});
beforeEach(async () => {
  await sql`truncate alarms, notifications cascade`.execute(api.db);
  await sql`delete from journal_batches`.execute(api.db);
  await sql`delete from updates`.execute(api.db);
  await sql`delete from attempts`.execute(api.db);
  await sql`delete from deployment_steps`.execute(api.db);
  await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null`.execute(api.db);
  await sql`delete from deployments`.execute(api.db);
});
afterAll(() => api.close());

const detect = () => detectOnce({ db: api.db, logger: api.dependencies.logger });

async function freshStack(): Promise<string> {
  return (await insertStack(api.db, { project: `p${randomUUID().slice(0, 8)}`, stack: "dev" })).stackId;
}

async function attempt(
  deploymentId: string,
  {
    number,
    epoch,
    status,
    secondsAgo,
  }: { number: number; epoch: number; status: string; secondsAgo: number },
): Promise<string> {
  const id = randomUUID();
  await sql`
    with worker as (insert into workers (id, host) values (gen_random_uuid(), 'somewhere') returning id)
    insert into attempts (id, deployment_id, number, worker_id, epoch, status, claimed_at, finished_at)
    select ${id}, ${deploymentId}, ${number}, id, ${epoch}, ${status}, now() - ${secondsAgo} * interval '1 second',
      case when ${status} in ('claimed', 'running') then null else now() end
    from worker
  `.execute(api.db);
  return id;
}

async function update(
  stackId: string,
  {
    number,
    epoch,
    deploymentId = null,
    dryRun = false,
  }: { number: number; epoch: number; deploymentId?: string | null; dryRun?: boolean },
): Promise<string> {
  const id = randomUUID();
  await sql`
    insert into updates (id, stack_id, kind, dry_run, status, number, epoch, principal, deployment_id, started_at, finished_at)
    values (${id}, ${stackId}, 'update', ${dryRun}, 'succeeded', ${number}, ${epoch}, 'owner', ${deploymentId}, now(), now())
  `.execute(api.db);
  return id;
}

async function journal(updateId: string): Promise<void> {
  await sql`
    insert into journal_batches (update_id, digest, first_sequence, last_sequence, entries, body)
    values (${updateId}, ${Buffer.from(randomUUID())}, 1, 1, 1, ''::bytea)
  `.execute(api.db);
}

test("runs one after the other, takeovers and previews beside an update raise no alarm", async () => {
  const stackId = await freshStack();
  const deployment = await insertDeployment(api.db, stackId);
  await sql`update deployments set status = 'running', started_at = now() where id = ${deployment}`.execute(
    api.db,
  );
  await attempt(deployment, { number: 1, epoch: 4, status: "lost", secondsAgo: 30 });
  await attempt(deployment, { number: 2, epoch: 5, status: "running", secondsAgo: 1 });
  const first = await update(stackId, { number: 1, epoch: 3 });
  await update(stackId, { number: 2, epoch: 4, deploymentId: deployment, dryRun: true });
  const second = await update(stackId, { number: 3, epoch: 5, deploymentId: deployment });
  await journal(first);
  await journal(first);
  await journal(second);
  expect(await findDoubleExecutions(api.db)).toEqual([]);
});

test("two attempts of one stack that live at once are found", async () => {
  const stackId = await freshStack();
  for (const number of [1, 2]) {
    const deployment = await insertDeployment(api.db, stackId);
    await sql`update deployments set status = 'running', started_at = now() where id = ${deployment}`.execute(
      api.db,
    );
    await attempt(deployment, { number: 1, epoch: number, status: "running", secondsAgo: 3 - number });
  }
  const alarms = await detect();
  expect(alarms).toMatchObject([{ kind: "two-attempts", acknowledgedAt: null }]);
  expect(alarms[0]?.detail).toContain("2 attempts live at once");
});

test("a deployment whose update was begun twice is found", async () => {
  const stackId = await freshStack();
  const deployment = await insertDeployment(api.db, stackId);
  await update(stackId, { number: 1, epoch: 1, deploymentId: deployment });
  expect(await findDoubleExecutions(api.db)).toEqual([]);
  await update(stackId, { number: 2, epoch: 2, deploymentId: deployment });
  expect(await findDoubleExecutions(api.db)).toMatchObject([{ kind: "repeated-update", stackId }]);
});

test("a journal that is written to after its successor's is found", async () => {
  const stackId = await freshStack();
  const [zombie, successor] = [
    await update(stackId, { number: 1, epoch: 1 }),
    await update(stackId, { number: 2, epoch: 2 }),
  ];
  await journal(zombie);
  await journal(successor);
  expect(await findDoubleExecutions(api.db)).toEqual([]);
  await journal(zombie);
  expect(await findDoubleExecutions(api.db)).toMatchObject([
    { kind: "late-write", detail: "update 1 wrote its journal after update 2 had begun to write" },
  ]);
});

test("an epoch that was given out again is found", async () => {
  const stackId = await freshStack();
  const deployment = await insertDeployment(api.db, stackId);
  await attempt(deployment, { number: 1, epoch: 7, status: "lost", secondsAgo: 20 });
  await attempt(deployment, { number: 2, epoch: 7, status: "lost", secondsAgo: 10 });
  expect(await findDoubleExecutions(api.db)).toMatchObject([{ kind: "epoch-went-back", stackId }]);
});

test("an alarm is told once, by audit entry and notification, is listed, and ends when somebody has looked at it", async () => {
  const stackId = await freshStack();
  const deployment = await insertDeployment(api.db, stackId);
  await update(stackId, { number: 1, epoch: 1, deploymentId: deployment });
  await update(stackId, { number: 2, epoch: 2, deploymentId: deployment });
  // Two servers look at the same moment.
  const [one, other] = await Promise.all([detect(), detect()]);
  expect([...one, ...other]).toHaveLength(1);
  expect(await detect()).toEqual([]);
  const [alarm] = [...one, ...other];
  const { rows } = await sql`select kind, organisation from notifications`.execute(api.db);
  expect(rows).toEqual([{ kind: "double_execution", organisation: "default" }]);
  expect((await api.ask("GET", "/v1/audit?action=alarm.raised")).body.items[0]).toMatchObject({
    principal: "slipway",
    details: { alarm: alarm?.id, kind: "repeated-update" },
  });
  expect((await api.ask("GET", "/v1/alarms")).body.items).toMatchObject([{ id: alarm?.id }]);
  const acknowledge = () => api.ask("POST", `/v1/alarms/${alarm?.id}/acknowledge`);
  expect((await acknowledge()).body).toMatchObject({ acknowledgedBy: "owner" });
  expect((await acknowledge()).status).toBe(200);
  expect((await api.ask("GET", "/v1/alarms")).body.items).toEqual([]);
  expect((await api.ask("GET", "/v1/alarms?open=false")).body.items).toHaveLength(1);
  expect((await api.ask("GET", "/v1/audit?action=alarm.acknowledged")).body.items).toHaveLength(1);
  expect((await api.ask("POST", `/v1/alarms/${randomUUID()}/acknowledge`)).status).toBe(404);
});

test("readiness is lost when a loop hangs although the port answers, and comes back with it", async () => {
  expect(await api.ask("GET", "/readyz")).toMatchObject({ status: 200, body: { checks: { updates: "ok" } } });
  now += 61_000;
  expect(await api.ask("GET", "/readyz")).toMatchObject({
    status: 503,
    body: { status: "not ready", checks: { updates: "no pass for 61 s", database: "ok" } },
  });
  passed();
  expect((await api.ask("GET", "/readyz")).status).toBe(200);
});

test("what ails the installation is a warning of /readyz, not this server's fault", async () => {
  await sql`update workers set seen_at = now() - interval '1 hour'`.execute(api.db);
  const stackId = await freshStack();
  await insertDeployment(api.db, stackId);
  await sql`
    insert into pauses (id, scope, reason, paused_by) values (gen_random_uuid(), 'everything', 'a test', 'owner')
  `.execute(api.db);
  const { status, body } = await api.ask("GET", "/readyz");
  await sql`delete from pauses`.execute(api.db);
  expect([status, body.warnings]).toEqual([
    200,
    ["everything is paused", "no worker is there, and 1 deployments wait"],
  ]);
});

test("the metrics tell of queue, leases, takeovers, workers, engine times and alarms", async () => {
  const stackId = await freshStack();
  const deployment = await insertDeployment(api.db, stackId);
  const lost = await attempt(deployment, { number: 1, epoch: 1, status: "lost", secondsAgo: 30 });
  const live = await attempt(deployment, { number: 2, epoch: 2, status: "running", secondsAgo: 1 });
  await sql`
    insert into stack_writers (stack_id, holder, holder_kind, epoch, expires_at)
    values (${stackId}, ${live}, 'attempt', 2, now() + interval '12 seconds')
    on conflict (stack_id) do update set holder = excluded.holder, holder_kind = 'attempt', expires_at = excluded.expires_at
  `.execute(api.db);
  await sql`
    insert into deployment_steps (deployment_id, position, name, state, started_at, finished_at)
    values (${deployment}, 0, 'update', 'succeeded', now() - interval '9 seconds', now() - interval '1 second')
  `.execute(api.db);
  await sql`
    insert into emergencies (deployment_id, principal, reason, incident, expires_at, review_due_at)
    values (${deployment}, 'user:eve', 'the venue has moved its address', 'https://incidents.example/7', now(), now())
  `.execute(api.db);
  expect(lost).not.toBe(live);
  const response = await api.app.inject({
    url: "/metrics",
    headers: { host: "127.0.0.1", authorization: `Bearer ${api.token}` },
  });
  const value = (series: string): number => {
    const line = response.body.split("\n").find((one) => one.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  };
  expect(value('slipway_deployments{status="queued"}')).toBe(1);
  expect(value("slipway_takeovers_total")).toBe(1);
  expect(value("slipway_lease_margin_seconds")).toBeGreaterThan(5);
  expect(value("slipway_lease_margin_seconds")).toBeLessThanOrEqual(12);
  expect(value('slipway_step_duration_seconds{operation="update",step="update",quantile="0.5"}')).toBeCloseTo(
    8,
  );
  expect(value('slipway_workers{state="running"}')).toBe(2);
  expect(value("slipway_alarms_total")).toBe(0);
  expect(value("slipway_emergencies_unreviewed")).toBe(1);
  expect(value("slipway_disk_free_bytes")).toBeGreaterThan(0);
  expect(value('slipway_loop_age_seconds{loop="updates"}')).toBeGreaterThanOrEqual(0);
});
