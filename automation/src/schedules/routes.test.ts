import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bearer, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { eventually } from "../../../test/helpers/waiting.ts";

let api: TestApi;
let stack: string;
beforeAll(async () => {
  api = await startTestApi();
  await quiet();
  stack = await api.makeStack("planned");
});
beforeEach(() => quiet());
afterAll(() => api.close());

/** A machine under load sheds requests, which is none of these tests' business. */
async function quiet(): Promise<void> {
  await eventually(
    "the server takes requests",
    60_000,
    async () => (await api.ask("GET", "/v1/whoami")).status === 200,
  );
}

const create = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
  api.ask("POST", `${stack}/schedules`, { body: { operation: "detect-drift", ...body }, headers });

describe("making a schedule", () => {
  test("answers it with when it runs next, and writes who made it into the audit log", async () => {
    const made = await create({
      name: "nightly",
      cron: "@daily",
      timeZone: "Europe/Berlin",
      jitterSeconds: 600,
    });
    expect(made.status, made.text).toBe(201);
    expect(made.headers.location).toBe(`${stack}/schedules/nightly`);
    expect(made.body).toMatchObject({
      name: "nightly",
      cron: "0 0 * * *",
      timeZone: "Europe/Berlin",
      owner: "owner",
      missed: "record",
      lastSlot: null,
    });
    expect(Date.parse(String(made.body.nextAt))).toBeGreaterThan(Date.now());
    expect((await api.ask("GET", `${stack}/schedules`)).body.items.map(({ name }) => name)).toEqual([
      "nightly",
    ]);
    const { body } = await api.ask("GET", "/v1/audit?action=schedule.created");
    expect(body.items).toMatchObject([
      { principal: "owner", details: { schedule: "nightly", cron: "@daily" } },
    ]);
  });

  test("twice with one key makes one, and twice with one name is refused", async () => {
    const key = { "idempotency-key": "one" };
    const [first, second] = [
      await create({ name: "twice", cron: "@daily" }, key),
      await create({ name: "twice", cron: "@daily" }, key),
    ];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body.id).toBe(first.body.id);
    expect(await create({ name: "twice", cron: "@hourly" })).toMatchObject({ status: 409 });
  });

  test.each([
    [{ cron: "* * * * * *" }, "body.cron"],
    [{ cron: "@daily", timeZone: "Mars/Base" }, "body.timeZone"],
    [{ at: "2020-01-01T00:00:00Z" }, "body.at"],
    [{ cron: "@daily", operation: "destroy" }, "body.allowDestroy"],
    [{ cron: "@daily", operation: "rollback" }, "body.operation"],
    [{ cron: "@daily", options: { targets: ["urn:x"] } }, "body.options.targets"],
    [{ cron: "@daily", jitterSeconds: 99_999 }, "body.jitterSeconds"],
    [{ cron: "@daily", name: "../x" }, "body.name"],
  ])("refuses %o and names the field", async (body, path) => {
    const answer = await create({ name: "wrong", ...body });
    expect(answer.status, answer.text).toBe(422);
    expect(answer.body.issues.map((issue) => issue.path)).toContain(path);
    expect((await api.ask("GET", `${stack}/schedules/wrong`)).status).toBe(404);
  });

  test("that destroys needs it to be said, also in the database", async () => {
    const made = await create({
      name: "teardown",
      operation: "destroy",
      cron: "@weekly",
      allowDestroy: true,
    });
    expect(made.status, made.text).toBe(201);
    const sneaky = api.db
      .updateTable("schedules")
      .set({ allow_destroy: false })
      .where("name", "=", "teardown")
      .execute();
    await expect(sneaky).rejects.toThrow(/check constraint/);
  });

  test("is for deployers; viewers read", async () => {
    const viewer = bearer(await tokenOf(api, "vera", { default: "viewer" }));
    expect((await create({ name: "mine", cron: "@daily" }, viewer)).status).toBe(403);
    const listed = await api.ask("GET", `${stack}/schedules`, { headers: viewer });
    expect(listed.status).toBe(200);
    // Which of the checks comes first depends on the time of day: their midnights are an hour or two apart.
    const [first] = listed.body.items
      .filter(({ operation }) => operation === "detect-drift")
      .sort((a, b) => Date.parse(String(a.nextAt)) - Date.parse(String(b.nextAt)));
    expect((await api.ask("GET", `${stack}/drift`, { headers: viewer })).body).toEqual({
      latest: null,
      lastKnown: null,
      next: { schedule: first?.name, at: first?.nextAt },
      openAlerts: 0,
      overdue: null,
    });
    expect((await api.ask("POST", `${stack}/schedules/nightly/pause`, { headers: viewer })).status).toBe(403);
    const deployer = bearer(await tokenOf(api, "dieter", { default: "deployer" }));
    expect((await create({ name: "his", cron: "@daily" }, deployer)).body).toMatchObject({
      owner: "user:dieter",
    });
  });
});

describe("the next runs", () => {
  test("are told in UTC and local time, before a schedule is made and after", async () => {
    const body = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
    const dry = await api.ask("POST", `${stack}/schedules/next?count=400`, { body });
    expect(dry.status, dry.text).toBe(422);
    const year = await api.ask("POST", `${stack}/schedules/next?count=100`, { body });
    expect(year.body.items).toHaveLength(100);
    const offsets = year.body.items.map(({ local }) => String(local).slice(-6));
    expect(new Set(offsets).size).toBeLessThanOrEqual(2);
    await create({ name: "told", ...body });
    const told = await api.ask("GET", `${stack}/schedules/told/next?count=100`);
    expect(told.body).toEqual(year.body);
    expect((await api.ask("GET", `${stack}/schedules`)).body.items.map(({ name }) => name)).not.toContain(
      "wrong",
    );
  });

  test("of a schedule with jitter are those at which it will be due", async () => {
    await create({ name: "shaken", cron: "@hourly", jitterSeconds: 1_800 });
    const { body: schedule } = await api.ask("GET", `${stack}/schedules/shaken`);
    const { body } = await api.ask("GET", `${stack}/schedules/shaken/next?count=5`);
    expect(body.items[0]?.at).toBe(schedule.nextAt);
    const moved = (body.items as AnswerBody[]).map(
      (run) => Date.parse(String(run.at)) - Date.parse(String(run.slot)),
    );
    for (const ms of moved) expect(ms >= 0 && ms <= 1_800_000).toBe(true);
  });

  test("of a paused schedule are none", async () => {
    await api.ask("POST", `${stack}/schedules/told/pause`);
    expect((await api.ask("GET", `${stack}/schedules/told/next`)).body.items).toEqual([]);
  });
});

test("a removed schedule leaves its name free", async () => {
  await create({ name: "again", cron: "@daily" });
  await api.ask("DELETE", `${stack}/schedules/again`);
  expect((await create({ name: "again", cron: "@weekly" })).body).toMatchObject({ cron: "0 0 * * 0" });
});
