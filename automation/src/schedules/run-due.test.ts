import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { bearer, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { endDeployment } from "../../../test/helpers/records.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { replan, runDueOnce, runDueSchedules } from "./run-due.ts";

const never = new AbortController().signal;
let api: TestApi;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
});
beforeEach(async () => {
  // A machine under load sheds requests, which is none of these tests' business.
  await eventually(
    "the server takes requests",
    60_000,
    async () => (await api.ask("GET", "/v1/whoami")).status === 200,
  );
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => api.close());

const runOnce = () => runDueOnce(api.dependencies, never);

interface Made {
  /** Address of the schedule. */
  url: string;
  stack: string;
  id: string;
}

/** A schedule on a stack of its own. */
async function schedule(body: Record<string, unknown>, token = api.token): Promise<Made> {
  count += 1;
  const stack = await api.makeStack(`due${count}`);
  const answer = await api.ask("POST", `${stack}/schedules`, {
    body: { name: "nightly", operation: "detect-drift", ...body },
    headers: bearer(token),
  });
  expect(answer.status, answer.text).toBe(201);
  return { url: `${stack}/schedules/nightly`, stack, id: answer.body.id };
}

/** Makes a schedule due as if nobody had looked at it since an interval ago. */
async function lastSeen({ id }: Made, ago: string): Promise<void> {
  await sql`update schedules set since_at = now() - ${ago}::interval, next_slot = now() - interval '1 second',
    next_at = now() - interval '1 second' where id = ${id}`.execute(api.db);
}

/** Cron whose newest slot is the minute that the database's clock shows. */
async function everyHourAtThisMinute(): Promise<string> {
  const { rows } = await sql<{
    minute: number;
  }>`select extract(minute from now() at time zone 'UTC')::integer as minute`.execute(api.db);
  return `${rows[0]?.minute} * * * *`;
}

async function slots({ url }: Made): Promise<AnswerBody[]> {
  return (await api.ask("GET", `${url}/slots?limit=200`)).body.items;
}

async function outcomes(made: Made): Promise<unknown[]> {
  return (await slots(made)).map(({ outcome }) => outcome);
}

async function deployments({ stack }: Made): Promise<AnswerBody[]> {
  return (await api.ask("GET", `${stack}/deployments`)).body.items;
}

async function actions({ stack }: Made): Promise<unknown[]> {
  const [, , , organisation, project, name] = stack.split("/");
  const query = `organisation=${organisation}&project=${project}&stack=${name}&limit=200`;
  const { body } = await api.ask("GET", `/v1/audit?${query}`);
  return body.items.map(({ action }) => action);
}

describe("a slot", () => {
  test("is run once, however many servers look at the same moment, with its deployment and audit entries", async () => {
    const made = await schedule({ cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    const dealt = await Promise.all(Array.from({ length: 6 }, runOnce));
    expect(dealt.reduce((sum, one) => sum + one, 0)).toBe(1);
    const [deployment, ...more] = await deployments(made);
    expect(more).toEqual([]);
    expect(deployment).toMatchObject({ operation: "detect-drift", requestedBy: `schedule:${made.id}` });
    expect(await slots(made)).toMatchObject([
      { outcome: "queued", deployment: { id: deployment?.id, number: 1, status: "queued" } },
    ]);
    expect((await actions(made)).sort()).toEqual([
      "deployment.requested",
      "schedule.created",
      "schedule.queued",
      "stack.created",
    ]);
    const { body } = await api.ask("GET", made.url);
    expect(Date.parse(String(body.nextAt))).toBeGreaterThan(Date.now());
  });

  test("is not run again by a server that has forgotten it", async () => {
    const made = await schedule({ cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    await runOnce();
    await endDeployment(api.db, (await deployments(made))[0]?.id ?? "", "succeeded");
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect(await deployments(made)).toHaveLength(1);
    expect(await outcomes(made)).toEqual(["queued"]);
    const again =
      sql`insert into schedule_slots (schedule_id, slot, outcome) select schedule_id, slot, 'missed' from schedule_slots
      where schedule_id = ${made.id}`.execute(api.db);
    await expect(again).rejects.toThrow(/duplicate key/);
  });

  test("is there with its deployment and its audit entry, or none of them is", async () => {
    const made = await schedule({ cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    await sql`create function refuse_entry() returns trigger language plpgsql as $$ begin raise exception 'no entry today'; end $$`.execute(
      api.db,
    );
    await sql`create trigger refuse_entry before insert on audit_entries for each row when (new.action = 'schedule.queued')
      execute function refuse_entry()`.execute(api.db);
    expect(await runOnce()).toBe(0);
    expect(await deployments(made)).toEqual([]);
    expect(await slots(made)).toEqual([]);
    await sql`drop trigger refuse_entry on audit_entries`.execute(api.db);
    expect(await runOnce()).toBe(1);
    expect(await outcomes(made)).toEqual(["queued"]);
  });

  test("that comes while the deployment of the one before has not ended is skipped, and told", async () => {
    const made = await schedule({ cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    await runOnce();
    const first = (await deployments(made))[0]?.id ?? "";
    await sql`update schedule_slots set slot = slot - interval '1 hour' where schedule_id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect(await slots(made)).toMatchObject([
      { outcome: "skipped", detail: "Deployment 1 of the slot before has not ended.", deployment: null },
      { outcome: "queued" },
    ]);
    await endDeployment(api.db, first, "failed");
    await sql`update schedule_slots set slot = slot - interval '1 hour' where schedule_id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect(await outcomes(made)).toEqual(["queued", "skipped", "queued"]);
  });
});

describe("slots that nobody was there for", () => {
  test("are recorded, each, and none is run, when the schedule only records", async () => {
    const made = await schedule({ cron: "0 * * * *", missed: "record" });
    // The newest slot is at most an hour old; that it is late is made sure by looking far back and moving the schedule out of its minute.
    const { rows } = await sql<{
      minute: number;
    }>`select extract(minute from now() - interval '10 minutes')::integer as minute`.execute(api.db);
    await sql`update schedules set cron = ${`${rows[0]?.minute} * * * *`} where id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "3 hours");
    await runOnce();
    expect(await outcomes(made)).toEqual(["missed", "missed", "missed"]);
    expect(await deployments(made)).toEqual([]);
    expect(await actions(made)).toContain("schedule.missed");
    const told = await api.db
      .selectFrom("notifications")
      .select("kind")
      .where("dedupe_key", "like", `${made.id}%`)
      .execute();
    expect(told).toEqual(Array(3).fill({ kind: "schedule.missed" }));
  });

  test("are made up for by one run of the newest, when the schedule says so", async () => {
    const made = await schedule({ cron: "*/30 * * * *", missed: "run-once" });
    const { rows } = await sql<{
      minute: number;
    }>`select extract(minute from now() - interval '10 minutes')::integer as minute`.execute(api.db);
    await sql`update schedules set cron = ${`${rows[0]?.minute} * * * *`} where id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "3 hours");
    await runOnce();
    expect(await outcomes(made)).toEqual(["queued", "missed", "missed"]);
    expect(await deployments(made)).toHaveLength(1);
  });

  test("for a month share one entry but for the newest fifty", async () => {
    const made = await schedule({ cron: "*/5 * * * *", missed: "run-once" });
    await lastSeen(made, "30 days");
    await runOnce();
    const all = await slots(made);
    expect(all).toHaveLength(52);
    const missed = all.filter(({ outcome }) => outcome === "missed");
    const sum = missed.reduce((total, one) => total + Number(one.slots), 0);
    expect(Math.abs(sum + 1 - 30 * 288)).toBeLessThanOrEqual(1);
  });
});

describe("the clock", () => {
  test("of a server that jumps changes nothing: the database's decides", async () => {
    const [later, now] = [
      await schedule({ cron: "@yearly" }),
      await schedule({ cron: await everyHourAtThisMinute() }),
    ];
    await lastSeen(now, "30 minutes");
    vi.useFakeTimers({ toFake: ["Date"], now: 0 });
    await runOnce();
    vi.useRealTimers();
    expect(await outcomes(now)).toEqual(["queued"]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 400 * 86_400_000 });
    await runOnce();
    vi.useRealTimers();
    expect(await outcomes(later)).toEqual([]);
    expect(await outcomes(now)).toEqual(["queued"]);
    const { body } = await api.ask("GET", now.url);
    expect(Date.parse(String(body.nextAt)) - Date.now()).toBeLessThan(3_700_000);
  });

  test("of a time zone that a newer program knows better moves what was planned, and the log says so", async () => {
    const made = await schedule({ cron: "30 2 * * *", timeZone: "Europe/Berlin" });
    const planned = (await api.ask("GET", made.url)).body.nextAt;
    await sql`update schedules set next_slot = next_slot + interval '1 hour', next_at = next_at + interval '1 hour' where id = ${made.id}`.execute(
      api.db,
    );
    expect(await replan(api.dependencies)).toBe(1);
    expect((await api.ask("GET", made.url)).body.nextAt).toBe(planned);
    expect(await actions(made)).toContain("schedule.replanned");
    expect(await replan(api.dependencies)).toBe(0);
  });
});

describe("with whose rights", () => {
  test("a schedule whose owner lost the role is refused, and one of a removed owner too", async () => {
    const token = await tokenOf(api, "dora", { default: "deployer" });
    const made = await schedule({ cron: await everyHourAtThisMinute() }, token);
    await api.ask("PUT", "/v1/organisations/default/members/dora", { body: { role: "viewer" } });
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect(await slots(made)).toMatchObject([
      { outcome: "refused", detail: expect.stringContaining("user:dora"), deployment: null },
    ]);
    expect(await actions(made)).toContain("schedule.refused");
    await api.ask("DELETE", "/v1/users/dora");
    await sql`update schedule_slots set slot = slot - interval '1 hour' where schedule_id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect((await slots(made))[0]).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("no longer known"),
    });
    expect(await deployments(made)).toEqual([]);
  });
});

describe("what a schedule runs", () => {
  test("an update takes the project's folder as it is then; one that cannot be taken is recorded as failed", async () => {
    const made = await schedule({ operation: "update", cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    await runOnce();
    const [deployment] = await deployments(made);
    expect(deployment).toMatchObject({
      operation: "update",
      sourceDigest: expect.stringMatching(/^sha256:/),
    });
    await endDeployment(api.db, deployment?.id ?? "", "succeeded");
    await sql`update projects set folder = '/nowhere' where name = ${made.stack.split("/")[4] ?? ""}`.execute(
      api.db,
    );
    await sql`update schedule_slots set slot = slot - interval '1 hour' where schedule_id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect(await outcomes(made)).toEqual(["failed", "queued"]);
    expect(await actions(made)).toContain("schedule.failed");
  });

  test("what is quarantined is not brought again by a schedule, and the slot says so", async () => {
    const made = await schedule({ operation: "update", cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    await runOnce();
    const [deployment] = await deployments(made);
    await endDeployment(api.db, deployment?.id ?? "", "succeeded");
    await sql`
      insert into quarantines (stack_id, source_digest, config_digest, reason)
      select stack_id, source_digest, config_digest, 'its gates failed' from deployments where id = ${deployment?.id}`.execute(
      api.db,
    );
    await sql`update schedule_slots set slot = slot - interval '1 hour' where schedule_id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "30 minutes");
    await runOnce();
    expect(await outcomes(made)).toEqual(["failed", "queued"]);
    expect(await deployments(made)).toHaveLength(1);
    const { body } = await api.ask("GET", `${made.url}/slots`);
    expect(body.items[0]).toMatchObject({ detail: expect.stringContaining("its gates failed") });
  });

  test("a one-off runs once and is over", async () => {
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const made = await schedule({ at });
    await sql`update schedules set once_at = now() - interval '5 seconds' where id = ${made.id}`.execute(
      api.db,
    );
    await lastSeen(made, "10 minutes");
    await runOnce();
    await runOnce();
    expect(await outcomes(made)).toEqual(["queued"]);
    expect((await api.ask("GET", made.url)).body).toMatchObject({
      nextAt: null,
      lastSlot: { outcome: "queued" },
    });
  });

  test("a paused or removed schedule runs nothing, and what a pause left out is not missed", async () => {
    const made = await schedule({ cron: "*/5 * * * *" });
    expect((await api.ask("POST", `${made.url}/pause`)).body).toMatchObject({
      nextAt: null,
      pausedBy: "owner",
    });
    await sql`update schedules set since_at = now() - interval '3 hours' where id = ${made.id}`.execute(
      api.db,
    );
    await runOnce();
    expect((await api.ask("POST", `${made.url}/resume`)).body).toMatchObject({ pausedAt: null });
    await runOnce();
    expect(await outcomes(made)).toEqual([]);
    expect((await api.ask("DELETE", made.url)).status).toBe(204);
    expect((await api.ask("GET", made.url)).status).toBe(404);
    expect(await actions(made)).toEqual(
      expect.arrayContaining(["schedule.paused", "schedule.resumed", "schedule.removed"]),
    );
  });

  test("the loop finds what is due by itself, and ends with its signal", async () => {
    const made = await schedule({ cron: await everyHourAtThisMinute() });
    await lastSeen(made, "30 minutes");
    const stopping = new AbortController();
    const loop = runDueSchedules({ ...api.dependencies, everyMs: 20 }, stopping.signal);
    await eventually("the slot is queued", 20_000, async () => (await slots(made)).length === 1);
    stopping.abort();
    await loop;
  });
});

test("while the disk is low nothing that is due is run, and it stays due", async () => {
  const made = await schedule({ cron: await everyHourAtThisMinute() });
  await lastSeen(made, "30 minutes");
  let low = true;
  const seen = await api.dependencies.disk.status();
  const deps = { ...api.dependencies, disk: { status: async () => ({ ...seen, low }) } };
  expect(await runDueOnce(deps, never)).toBe(0);
  expect(await slots(made)).toEqual([]);
  low = false;
  expect(await runDueOnce(deps, never)).toBeGreaterThan(0);
});
