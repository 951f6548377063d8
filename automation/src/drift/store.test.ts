import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimStack, insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { makeWorker } from "../../../test/helpers/queue-bed.ts";
import { type CliRun, runSlipway } from "../../../test/helpers/run-cli.ts";
import { recordState, recordUpdate, stateText } from "../../../test/helpers/updates.ts";
import { listening } from "../../../test/helpers/worker.ts";
import { claimNext } from "../attempts/claim-store.ts";
import { endAttempt } from "../attempts/store.ts";
import { withTransaction } from "../database.ts";
import { keepDriftOnce } from "./keep.ts";
import type { ReadResource } from "./record.ts";
import { recordDriftCheck, recordUnchecked } from "./record.ts";
import { UNKNOWN_IN_A_ROW } from "./rules.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const never = new AbortController().signal;
const keep = () => keepDriftOnce(api.dependencies, never);

interface Place {
  stackId: string;
  project: string;
  /** Its address. */
  url: string;
  subject: string;
}

async function place(): Promise<Place> {
  const project = `p${randomUUID().slice(0, 8)}`;
  const { stackId } = await insertStack(api.db, { project, stack: "test" });
  return { stackId, project, url: `/v1/stacks/default/${project}/test`, subject: `default/${project}/test` };
}

const urnOf = (name: string): string => `urn:pulumi:test::p::t::${name}`;

function read(name: string, kind: ReadResource["class"], after = "b"): ReadResource {
  const change = {
    path: "text",
    side: kind === "input-changed" ? ("input" as const) : ("output" as const),
    before: '"a"',
    after: JSON.stringify(after),
    valueDigest: after,
    formOnly: false,
    sealed: false,
  };
  const hasChange = kind === "input-changed" || kind === "output-only";
  return { urn: urnOf(name), resourceType: "t", class: kind, changes: hasChange ? [change] : [] };
}

const many = (count: number, kind: ReadResource["class"]): ReadResource[] =>
  Array.from({ length: count }, (_, index) => read(`${kind}-${index}`, kind));

/** Carries a check to its end as a worker does; `found` null: it could not be made. */
async function check(
  { stackId, subject }: Place,
  found: readonly ReadResource[] | null,
  { stateNumber = 0, wasBusy = false } = {},
): Promise<string> {
  const claim = await claimStack(api.db, stackId, "detect-drift");
  await end(claim, { subject, stateNumber, wasBusy }, found);
  return claim.deploymentId;
}

/** The same for a check that the loop has asked for. */
async function end(
  claim: Awaited<ReturnType<typeof claimStack>>,
  { subject, stateNumber, wasBusy }: { subject: string; stateNumber: number; wasBusy: boolean },
  found: readonly ReadResource[] | null,
): Promise<void> {
  const { deploymentId, attemptId, stackId } = claim;
  await withTransaction(api.db, async (trx) => {
    if (found === null) {
      await recordUnchecked(trx, api.dependencies, deploymentId, { cause: "no credentials", wasBusy });
    } else {
      const about = { deploymentId, attemptId, stackId, organisation: "default", subject, stateNumber };
      await recordDriftCheck(trx, api.dependencies, {
        ...about,
        principal: "test",
        release: null,
        read: found,
      });
    }
    await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${deploymentId}`.execute(
      trx,
    );
    await endAttempt(trx, claim, "cancelled");
  });
}

async function told({ subject }: Place): Promise<string[]> {
  const rows = await api.db
    .selectFrom("notifications")
    .select("kind")
    .where("subject", "=", subject)
    .orderBy("created_at")
    .execute();
  return rows.map(({ kind }) => kind);
}

async function alerts({ url }: Place, status = "open"): Promise<string[]> {
  const { body } = await api.ask("GET", `${url}/drift/alerts?status=${status}&limit=200`);
  return body.items.map(({ kind }) => String(kind));
}

async function watch({ url }: Place): Promise<void> {
  const body = { name: "nightly", operation: "detect-drift", cron: "@yearly" };
  expect((await api.ask("POST", `${url}/schedules`, { body })).status).toBe(201);
}

/** A state that an update has left; answers its number. */
async function updated(
  { stackId, project }: Place,
  record: Parameters<typeof recordUpdate>[2] = {},
): Promise<number> {
  const { rows } = await sql<{ next: number }>`
    select coalesce(max(number), 0) + 1 as next from updates where stack_id = ${stackId}`.execute(api.db);
  const updateId = await recordUpdate(api.db, stackId, { number: rows[0]?.next ?? 1, ...record });
  const { db, keyring } = api.dependencies;
  return recordState({ db, keyring }, stackId, stateText({ project, stack: "test" }), { updateId });
}

/** Takes what the loop has queued out of the queue. */
async function takeQueued(of: Place): Promise<{ kind: string; options: Record<string, unknown> }[]> {
  const { rows } = await sql<{ kind: string; options: Record<string, unknown> }>`
    with gone as (update deployments set status = 'cancelled', finished_at = now() where stack_id = ${of.stackId} and status = 'queued' returning id, options)
    select f.kind, gone.options from gone join drift_follow_ups f on f.deployment_id = gone.id`.execute(
    api.db,
  );
  return rows;
}

describe("a check that cannot be made", () => {
  test("is unknown and tells nobody; three in a row are one alert, which the next check that can be made closes", async () => {
    const stack = await place();
    for (let count = 1; count < UNKNOWN_IN_A_ROW; count += 1) await check(stack, null);
    expect(await told(stack)).toEqual([]);
    await check(stack, null);
    await check(stack, null);
    expect(await told(stack)).toEqual(["drift.cannot-check"]);
    expect(await alerts(stack)).toEqual(["cannot-check"]);
    await check(stack, [read("a", "same")]);
    expect(await alerts(stack)).toEqual([]);
    expect(await told(stack)).toEqual(["drift.cannot-check", "drift.closed"]);
  });

  test("two in a row, one that can be made, and two more tell nobody", async () => {
    const stack = await place();
    for (const found of [null, null, [read("a", "same")], null, null]) await check(stack, found);
    expect(await told(stack)).toEqual([]);
  });

  test("because the stack is busy is tried again, once, in a quarter of an hour; any check of the whole stack is enough", async () => {
    const stack = await place();
    await check(stack, null, { wasBusy: true });
    await check(stack, null, { wasBusy: true });
    expect(await keep()).toBe(0);
    await sql`update drift_follow_ups set due_at = due_at - interval '15 minutes' where stack_id = ${stack.stackId}`.execute(
      api.db,
    );
    expect(await keep()).toBe(1);
    expect(await takeQueued(stack)).toMatchObject([{ kind: "retry" }]);
    await check(stack, null, { wasBusy: true });
    await check(stack, [read("a", "same")]);
    await sql`update drift_follow_ups set due_at = now() where stack_id = ${stack.stackId}`.execute(api.db);
    expect(await keep()).toBe(0);
  });
});

test("a check that has waited for a day on a busy stack is told of, once, unless another was made or somebody paused it", async () => {
  const [starved, checked, paused] = [await place(), await place(), await place()];
  await check(checked, [read("a", "same")]);
  expect((await api.ask("PUT", `${paused.url}/pause`, { body: { reason: "x" } })).status).toBe(200);
  for (const { url } of [starved, checked, paused])
    expect(
      (await api.ask("POST", `${url}/deployments`, { body: { operation: "detect-drift" } })).status,
    ).toBe(202);
  await keep();
  expect(await told(starved)).toEqual([]);
  const overdueOf = async ({ url }: Place) => (await api.ask("GET", `${url}/drift`)).body.overdue;
  expect(await overdueOf(starved)).toBeNull();
  await sql`update deployments set requested_at = requested_at - interval '25 hours' where status = 'queued'`.execute(
    api.db,
  );
  await Promise.all([keep(), keep()]);
  expect(await told(starved)).toEqual(["drift.cannot-check"]);
  expect(await alerts(starved)).toEqual(["cannot-check"]);
  expect([...(await told(checked)), ...(await told(paused))]).toEqual([]);
  const { body: audit } = await api.ask("GET", "/v1/audit?action=drift.opened&limit=1");
  expect(audit.items).toMatchObject([
    { principal: "slipway", subject: starved.subject, details: { alerts: [{ id: expect.any(String) }] } },
  ]);
  // What else is asked for on the stack goes before it.
  await insertDeployment(api.db, starved.stackId, "update");
  expect(await overdueOf(starved)).toMatchObject({
    deploymentId: expect.any(String),
    why: expect.stringContaining("Waits behind deployment") as string,
  });
  expect(await overdueOf(checked)).toBeNull();
  expect(await overdueOf(paused)).toMatchObject({ why: expect.stringContaining("is paused by owner") });
  expect((await slipway("drift", "show", starved.subject)).printed).toContain(
    "A check is overdue, asked for 1 d ago. Waits behind deployment",
  );
  await sql`update deployments set status = 'cancelled', finished_at = now() where status = 'queued'`.execute(
    api.db,
  );
});

test("so much gone at once that credentials are likelier pages, is unknown, and opens and closes nothing else", async () => {
  const stack = await place();
  await check(stack, [read("a", "input-changed"), ...many(9, "same")]);
  await check(stack, [...many(3, "gone"), ...many(9, "same"), read("b", "input-changed")]);
  expect(await told(stack)).toEqual(["drift.found", "drift.many-gone"]);
  expect((await alerts(stack)).sort()).toEqual(["input-changed", "many-gone"]);
  const { body } = await api.ask("GET", `${stack.url}/drift`);
  expect(body.latest).toMatchObject({ status: "unknown", unconfirmed: 3, gone: 0 });
  expect(await keep(), "nothing is read a second time").toBe(0);
  await check(stack, [read("a", "input-changed"), ...many(9, "same")]);
  expect(await alerts(stack)).toEqual(["input-changed"]);
});

test("twenty new alerts are twenty messages, twenty-one are one; all of them are listed, and are over in one message too", async () => {
  const [some, storm] = [await place(), await place()];
  await check(some, many(20, "input-changed"));
  await check(storm, many(21, "input-changed"));
  expect(await told(some)).toHaveLength(20);
  expect(await told(storm)).toEqual(["drift.found"]);
  expect(await alerts(storm)).toHaveLength(21);
  await check(storm, many(21, "same"));
  expect(await told(storm)).toEqual(["drift.found", "drift.closed"]);
});

test("an alert is told of again after a week, once, whichever server is first", async () => {
  const stack = await place();
  await check(stack, [read("a", "input-changed")]);
  await Promise.all([keep(), keep()]);
  expect(await told(stack)).toHaveLength(1);
  await sql`
    update drift_alerts set told_at = told_at - interval '7 days', opened_at = opened_at - interval '7 days'
    where stack_id = ${stack.stackId}`.execute(api.db);
  await Promise.all([keep(), keep(), keep()]);
  expect(await told(stack)).toEqual(["drift.found", "drift.found"]);
  const { body } = await api.ask("GET", `${stack.url}/drift/alerts`);
  expect(body.items[0]).toMatchObject({ reminders: 1 });
  const rows = await api.db
    .selectFrom("notifications")
    .select("body")
    .where("subject", "=", stack.subject)
    .execute();
  expect(rows.map(({ body: { what } }) => what).join()).toContain("Still so after 7 days");
  await takeQueued(stack);
});

describe("a birth check", () => {
  test("is asked for after an update of a stack that is watched, once, however many servers there are", async () => {
    const [watched, other] = [await place(), await place()];
    await watch(watched);
    await updated(watched);
    await updated(other);
    const queued = await Promise.all([keep(), keep(), keep()]);
    expect(queued.reduce((sum, one) => sum + one, 0)).toBe(1);
    expect(await takeQueued(watched)).toEqual([{ kind: "birth", options: {} }]);
    expect(await keep()).toBe(0);
    await updated(watched);
    expect(await keep()).toBe(1);
    expect(await takeQueued(watched)).toHaveLength(1);
    expect(await takeQueued(other)).toEqual([]);
  });

  test("is not asked for after an update that failed, nor for a state of long ago", async () => {
    const [failed, old] = [await place(), await place()];
    await watch(failed);
    await watch(old);
    await updated(failed, { status: "failed" });
    await updated(old);
    await sql`update states set created_at = now() - interval '61 minutes' where stack_id = ${old.stackId}`.execute(
      api.db,
    );
    expect(await keep()).toBe(0);
  });

  test("makes what it sees known until the next update, and no longer", async () => {
    const stack = await place();
    await watch(stack);
    const state = await updated(stack);
    expect(await keep()).toBe(1);
    const claim = await claimNext(api.db, { workerId: await makeWorker(api.db), attemptId: randomUUID() });
    if (claim === null) throw new Error("the birth check was not claimed");
    const found = [read("a", "input-changed"), ...many(3, "same")];
    await end(claim, { subject: stack.subject, stateNumber: state, wasBusy: false }, found);
    await check(stack, found, { stateNumber: state });
    expect(await told(stack)).toEqual([]);
    // An update that did not come through changes nothing about that; one that did ends it.
    const later = await updated(stack, { status: "failed" });
    await check(stack, found, { stateNumber: later });
    expect(await told(stack)).toEqual([]);
    const next = await updated(stack);
    await check(stack, found, { stateNumber: next });
    expect(await told(stack)).toEqual(["drift.found"]);
    await keep();
    await takeQueued(stack);
  });
});

test("what is not found is read again a minute later, and only that", async () => {
  const stack = await place();
  await check(stack, [read("a", "gone"), ...many(9, "same")]);
  expect(await told(stack)).toEqual([]);
  expect(await keep()).toBe(0);
  await sql`update drift_follow_ups set due_at = due_at - interval '1 minute' where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
  expect(await keep()).toBe(1);
  expect(await takeQueued(stack)).toEqual([{ kind: "second-read", options: { targets: [urnOf("a")] } }]);
  // A check of the whole stack that comes first is a second read too.
  await sql`update drift_missing set first_at = first_at - interval '1 minute' where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
  await check(stack, [read("a", "gone"), ...many(9, "same")]);
  expect(await alerts(stack)).toEqual(["gone"]);
});

describe("an ignore rule", () => {
  test("that has matched nothing for thirty days of checks is flagged", async () => {
    const stack = await place();
    const body = { urn: "*", path: "text", reason: "known", expiresInDays: 180 };
    const { body: rule } = await api.ask("POST", `${stack.url}/drift/ignores`, { body });
    const flagged = async () =>
      (await api.ask("GET", `${stack.url}/drift/ignores`)).body.items.map((one) => one.flagged);
    await check(stack, [read("a", "input-changed")]);
    expect(await alerts(stack)).toEqual([]);
    await sql`
      update drift_ignores set created_at = now() - interval '40 days', matched_at = now() - interval '31 days', expires_at = now() + interval '1 day'
      where id = ${rule.id}`.execute(api.db);
    await check(stack, [read("a", "same")]);
    expect(await flagged()).toEqual([true]);
    await check(stack, [read("a", "input-changed")]);
    expect(await flagged()).toEqual([false]);
    const removed = await api.ask("DELETE", `${stack.url}/drift/ignores/${rule.id}`);
    expect(removed.body).toMatchObject({ status: "removed", removedBy: "owner" });
    await check(stack, [read("a", "input-changed")]);
    expect(await alerts(stack)).toEqual(["input-changed"]);
    const { body: audit } = await api.ask("GET", "/v1/audit?action=drift.ignore_added");
    expect(audit.items.length).toBeGreaterThan(0);
  });

  test.each([
    [{ expiresInDays: 181 }, "expiresInDays"],
    [{ expiresInDays: 0 }, "expiresInDays"],
    [{ reason: " " }, "reason"],
    [{ urn: "" }, "urn"],
    [{ path: "a b" }, "path"],
    [{ more: 1 }, ""],
  ])("with %o is refused at the field", async (wrong, field) => {
    const stack = await place();
    const body = { urn: "*", reason: "known", expiresInDays: 1, ...wrong };
    const answer = await api.ask("POST", `${stack.url}/drift/ignores`, { body });
    expect(answer.status).toBe(422);
    expect(JSON.stringify(answer.body.issues)).toContain(field);
  });
});

test("what does not exist is not found, and is not made", async () => {
  const stack = await place();
  const id = randomUUID();
  for (const url of [`${stack.url}/drift/alerts/${id}`, `${stack.url}/drift/alerts/${id}/adoption`])
    expect((await api.ask("GET", url)).status, url).toBe(404);
  expect((await api.ask("GET", `${stack.url}/drift/checks/${id}/raw`)).status).toBe(404);
  expect((await api.ask("DELETE", `${stack.url}/drift/ignores/${id}`)).status).toBe(404);
  const body = { urn: "urn:x", path: "etag", off: true };
  expect((await api.ask("PUT", `${stack.url}/drift/volatile`, { body })).status).toBe(404);
  const gone = stack.url.replace(stack.project, "nowhere");
  expect((await api.ask("GET", `${gone}/drift/alerts`)).status).toBe(404);
});

test("drift of a stack that Slipway has not deployed is not undone by Slipway, and the answer says who can", async () => {
  const stack = await place();
  await check(stack, [read("a", "input-changed")]);
  const { body } = await api.ask("GET", `${stack.url}/drift/alerts`);
  const url = `${stack.url}/drift/alerts/${body.items[0]?.id}/remediation`;
  const answer = await api.ask("POST", url, { body: {} });
  expect(answer.body).toMatchObject({
    code: "release_not_found",
    remedy: expect.stringContaining("pulumi up"),
  });
});

const slipway = async (...argv: string[]): Promise<CliRun> =>
  runSlipway(argv, { env: { SLIPWAY_URL: await listening(api), SLIPWAY_TOKEN: api.token } });

test("the command line shows alerts with before and now, proposes, ignores for a time, and says what cannot be undone", async () => {
  const stack = await place();
  await check(stack, [read("web", "input-changed"), ...many(3, "output-only")]);
  const on = ["--stack", stack.subject];
  const { body } = await api.ask("GET", `${stack.url}/drift/alerts`);
  const id = String(body.items[0]?.id);
  expect((await slipway("drift", "alerts", stack.subject)).printed).toMatch(
    new RegExp(`${id} .*text of web .* "a" +"b" +open`),
  );
  expect((await slipway("drift", "show", stack.subject)).printed).toContain("1 alerts are open");
  expect((await slipway("drift", "raw", ...on)).printed).toContain('    + "b"');
  expect((await slipway("drift", "adopt", id, ...on)).printed).toContain('Change text of the resource "web"');
  const undo = await slipway("drift", "remediate", id, ...on);
  expect(undo.printed).toContain("no release");
  expect(undo.code).not.toBe(0);

  const rule = ["*::web", "--path", "text", "--reason", "known", "--days", "3"];
  expect((await slipway("drift", "ignore", ...rule, ...on)).printed).toContain("Ignored until");
  const listed = await slipway("drift", "ignores", stack.subject, "--json");
  const [made] = JSON.parse(listed.printed) as { id: string; reason: string }[];
  expect(made).toMatchObject({ reason: "known" });
  expect((await slipway("drift", "unignore", made?.id ?? "", ...on)).printed).toContain("ignored no more");
  expect((await slipway("drift", "volatile", stack.subject)).printed).toContain("No output");
  expect((await slipway("drift", "volatile", "--off", "urn:x", ...on)).printed).toContain("--path");
});
