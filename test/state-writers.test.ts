import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeAttemptToken } from "../automation/src/access/attempt-tokens.ts";
import type { Actor } from "../automation/src/access/rules.ts";
import { startUpdate } from "../automation/src/state/begin-update.ts";
import { endUpdatesOfAttempt } from "../automation/src/state/end-update.ts";
import { reapOnce } from "../automation/src/state/reap.ts";
import { sealText } from "../automation/src/state/sealed-text.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { StateClient } from "./helpers/state-client.ts";
import {
  created,
  essence,
  namesOf,
  pendingOf,
  queueDeployment,
  replayed,
  resource,
  stackClient,
  state,
  stateText,
  testClaimer,
  updateAudit,
} from "./helpers/state-client.ts";
import { eventually } from "./helpers/waiting.ts";

const DRAIN_MS = 1_500;

let api: TestApi;
let count = 0;
beforeAll(async () => {
  api = await startTestApi({ timing: { drainMs: DRAIN_MS } });
});
afterAll(async () => {
  await api.close();
});

/** A stack of its own for each test; its project's name is `s<n>`. */
async function freshStack(): Promise<StateClient & { project: string }> {
  count += 1;
  const project = `s${count}`;
  return { ...(await stackClient(api, project)), project };
}

async function writerOf(stackId: string) {
  return api.db.selectFrom("stack_writers").selectAll().where("stack_id", "=", stackId).executeTakeFirst();
}

async function updateOf(id: string) {
  return api.db.selectFrom("updates").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}

async function batchesOf(id: string): Promise<number> {
  const { rows } = await sql<{
    n: number;
  }>`select count(*) as n from journal_batches where update_id = ${id}`.execute(api.db);
  return rows[0]?.n ?? 0;
}

/** Puts the end of an update's lease into the past. */
async function expire(stack: StateClient, id: string): Promise<void> {
  await sql`update stack_writers set expires_at = now() - interval '1 second' where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
  await sql`update updates set token_expires_at = now() - interval '1 second' where id = ${id}`.execute(
    api.db,
  );
}

const reap = () =>
  reapOnce(
    { db: api.db, keyring: api.dependencies.keyring, logger: api.dependencies.logger },
    new AbortController().signal,
  );

test("an update takes the stack, records its journal, leaves the state that the journal says, and frees the stack", async () => {
  const stack = await freshStack();
  const first = await stack.begin({
    tags: { "pulumi:project": stack.project },
    message: "first",
    environment: { "git.head": "abc", "git.dirty": "true" },
  });
  expect(first).toMatchObject({ version: 1, journalVersion: 1 });
  expect(first.token).toMatch(/^[\w-]{43}$/);
  expect(first.tokenExpiration * 1_000 - Date.now()).toBeGreaterThan(290_000);
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: first.id, holder_kind: "update", epoch: 1 });
  for (const [index, name] of ["a", "b", "c"].entries()) {
    expect((await first.append(created(stack.project, index + 1, name))).status).toBe(204);
  }
  expect(await stateText(api, stack.stackId)).toBeNull();
  expect((await first.complete()).status).toBe(204);

  expect(essence(await stateText(api, stack.stackId))).toEqual(replayed(null, first.acknowledged));
  expect(await namesOf(api, stack.stackId)).toEqual(["a", "b", "c"]);
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: null, expires_at: null, epoch: 1 });
  expect(await updateOf(first.id)).toMatchObject({
    status: "succeeded",
    number: 1,
    resource_count: 3,
    claimed: { "git.head": "abc", "git.dirty": "true" },
    address: "127.0.0.1",
  });
  const base = await stateText(api, stack.stackId);
  const second = await stack.begin();
  expect(second.version).toBe(2);
  expect((await writerOf(stack.stackId))?.epoch).toBe(2);
  // Updates count again from 1 within themselves.
  await second.append(created(stack.project, 1, "d"));
  await second.complete("failed");
  expect(essence(await stateText(api, stack.stackId))).toEqual(replayed(base, second.acknowledged));
  const states = await api.db
    .selectFrom("states")
    .select(["number", "partial", "resource_count"])
    .where("stack_id", "=", stack.stackId)
    .orderBy("number")
    .execute();
  expect(states).toEqual([
    { number: 1, partial: false, resource_count: 3 },
    { number: 2, partial: true, resource_count: 4 },
  ]);
  expect(await updateAudit(api, stack.subject)).toEqual([
    "update.started",
    "update.succeeded",
    "update.started",
    "update.failed",
  ]);
  const [started] = await api.db
    .selectFrom("audit_entries")
    .select(["details", "principal"])
    .where("subject", "=", stack.subject)
    .where("action", "=", "update.started")
    .execute();
  expect(started).toMatchObject({
    principal: "owner",
    details: { epoch: 1, claimed: { message: "first", "git.dirty": "true" } },
  });
});

test("what is stored is sealed: neither journal, state nor events hold a word of it in clear", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const marker = "a-marker-that-nobody-must-read-in-a-table";
  await update.append(created(stack.project, 1, "a", marker));
  await update.events([{ sequence: 0, timestamp: 1, stdoutEvent: { message: marker, color: "raw" } }]);
  await update.complete();
  for (const table of ["journal_batches", "states", "update_events", "update_event_batches"]) {
    const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.raw(table)} t`.execute(
      api.db,
    );
    const found = rows.filter(
      ({ row }) => row.includes(marker) || row.includes(Buffer.from(marker).toString("hex")),
    );
    expect(found, table).toEqual([]);
  }
  expect(await stateText(api, stack.stackId)).toContain(marker);
});

test("a batch that comes twice is stored once, and batches in any order make the same state", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const [one, two, three] = [1, 2, 3].map((n) => created(stack.project, n, `r${n}`)) as [
    [object, object],
    [object, object],
    [object, object],
  ];
  for (const batch of [three, one, one, two, three, [...one, ...two]]) {
    expect((await update.append(batch)).status).toBe(204);
  }
  expect(await batchesOf(update.id)).toBe(4);
  await update.complete();
  expect(await namesOf(api, stack.stackId)).toEqual(["r1", "r2", "r3"]);
});

test("a batch that is no journal is refused with its place, and nothing of it is stored", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const [begin] = created(stack.project, 1, "a");
  const bad: [string, unknown][] = [
    ["an empty list", []],
    ["no list", { a: 1 }],
    ["another version", [{ ...begin, version: 2 }]],
    ["an unknown kind", [{ ...begin, kind: 99 }]],
    ["no sequence", [{ ...begin, sequenceID: undefined }]],
  ];
  for (const [what, entries] of bad) {
    const answer = await update.append(entries as object[]);
    expect(answer.status, what).toBe(400);
    expect(answer.text, what).toContain("journal entries cannot be read");
  }
  const trick = await stack.ask("PATCH", `/update/${update.id}/journalentries`, {
    authorization: `update-token ${update.token}`,
    body: '{"entries":[{"version":1,"kind":0,"sequenceID":1,"__proto__":{"x":1}}]}',
  });
  expect(trick.status).toBe(400);
  expect(await batchesOf(update.id)).toBe(0);
  // Fields of a newer CLI pass.
  expect((await update.append([{ ...begin, requiresByteString: true }])).status).toBe(204);
  await update.complete("failed");
});

test("T12: a renewal sent as token '' answers the same token, and extends the lease and the stack alike, over several leases", async () => {
  const leaseMs = 1_200;
  const short = await startTestApi({ timing: { leaseMs } });
  try {
    const stack = await stackClient(short, "long");
    const update = await stack.begin();
    const started = performance.now();
    let operation = 0;
    while (performance.now() - started < 3 * leaseMs) {
      await pause(leaseMs / 3);
      const renewed = await update.renew();
      expect(renewed.status).toBe(200);
      expect(renewed.json.token).toBe(update.token);
      const row = await short.db.selectFrom("stack_writers").selectAll().executeTakeFirstOrThrow();
      const own = await short.db.selectFrom("updates").selectAll().executeTakeFirstOrThrow();
      expect(row.expires_at?.getTime()).toBe(own.token_expires_at?.getTime());
      expect(row.expires_at?.getTime()).toBeGreaterThan(Date.now() + leaseMs / 2);
      operation += 1;
      expect((await update.append(created("long", operation, `r${operation}`))).status).toBe(204);
    }
    expect(operation).toBeGreaterThan(5);
    expect((await update.complete()).status).toBe(204);
    expect((await namesOf(short, stack.stackId)).length).toBe(operation);
    // Without a renewal the same update would have been over.
    const idle = await stack.begin();
    await pause(leaseMs * 1.2);
    expect((await idle.append(created("long", 1, "late"))).status).toBe(403);
    expect((await idle.renew()).status).toBe(403);
  } finally {
    await short.close();
  }
});

test("T13: previews run beside each other and beside an update, and a preview's token cannot write state", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a"));
  const before = await writerOf(stack.stackId);
  const previews = [
    await stack.begin({ dryRun: true }),
    await stack.begin({ kind: "preview" }),
    await stack.begin({ kind: "destroy", dryRun: true }),
  ];
  for (const preview of previews) {
    expect(preview.version).toBe(1);
    const journal = await preview.append(created(stack.project, 2, "b"));
    expect(journal.status).toBe(403);
    expect(journal.text).toContain("A preview writes no state.");
    expect((await preview.checkpoint(state([]))).status).toBe(403);
    expect((await preview.renew()).status).toBe(200);
    expect((await preview.events([{ sequence: 0, timestamp: 1, preludeEvent: { config: {} } }])).status).toBe(
      204,
    );
    expect((await preview.complete()).status).toBe(204);
    expect(await updateOf(preview.id)).toMatchObject({
      status: "succeeded",
      number: null,
      state_id: null,
      epoch: null,
    });
  }
  expect(await writerOf(stack.stackId)).toEqual(before);
  expect((await update.append(created(stack.project, 2, "c"))).status).toBe(204);
  expect((await update.complete()).status).toBe(204);
  expect(await namesOf(api, stack.stackId)).toEqual(["a", "c"]);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.succeeded"]);
});

test("only the update's own token writes, on its own path, while it runs", async () => {
  const [stack, other] = [await freshStack(), await freshStack()];
  const [update, foreign] = [await stack.begin(), await other.begin()];
  const entries = created(stack.project, 1, "a");
  const body = { entries };
  const attempts: [string, number, Promise<{ status: number }>][] = [
    ["no token", 401, stack.ask("PATCH", `/update/${update.id}/journalentries`, { authorization: "", body })],
    [
      "an access token",
      401,
      stack.ask("PATCH", `/update/${update.id}/journalentries`, {
        authorization: `token ${api.token}`,
        body,
      }),
    ],
    [
      "a made up token",
      403,
      stack.ask("PATCH", `/update/${update.id}/journalentries`, { authorization: "update-token x", body }),
    ],
    [
      "another update's token",
      403,
      stack.ask("PATCH", `/update/${update.id}/journalentries`, {
        authorization: `update-token ${foreign.token}`,
        body,
      }),
    ],
    [
      "the right token on another stack's path",
      403,
      other.ask("PATCH", `/update/${update.id}/journalentries`, {
        authorization: `update-token ${update.token}`,
        body,
      }),
    ],
    ["the token of a whole state for a journal", 409, update.checkpoint(state([]))],
  ];
  for (const [what, status, asked] of attempts) expect((await asked).status, what).toBe(status);
  // Another epoch than the one that it began with, whoever the row names.
  const epoch = (by: number) =>
    sql`update stack_writers set epoch = epoch + ${by} where stack_id = ${stack.stackId}`.execute(api.db);
  await epoch(1);
  expect((await update.append(entries)).status).toBe(403);
  expect((await update.renew()).status).toBe(403);
  expect((await update.complete()).status).toBe(403);
  await epoch(-1);
  expect(await batchesOf(update.id)).toBe(0);
  await update.complete();
  const late = await update.append(entries);
  expect(late.status).toBe(403);
  expect(late.text).toContain("has ended: it is succeeded");
  expect((await update.renew()).status).toBe(403);
  expect(await batchesOf(update.id)).toBe(0);
  await foreign.complete();
});

test("an update starts once, by whoever created it", async () => {
  const stack = await freshStack();
  const id = await stack.create();
  expect((await stack.start(id)).status).toBe(200);
  expect((await stack.start(id)).status).toBe(409);
  const other = await freshStack();
  expect((await other.start(id)).status).toBe(404);
  expect((await stack.ask("POST", "/update/nothing")).status).toBe(404);
});

test("T15: who finds the stack held is told by whom, from where, since when, how lively, until when, and what frees it", async () => {
  const stack = await freshStack();
  const holder = await stack.begin();
  await holder.append(created(stack.project, 1, "a"));
  const id = await stack.create();
  const refused = await stack.start(id);
  expect(refused.status).toBe(409);
  expect(refused.json.message).toMatch(
    new RegExp(
      `^The stack ${stack.subject} is held by update 1 \\(pulumi up\\) of owner from 127\\.0\\.0\\.1 since ` +
        "20\\d\\d-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC, for \\d+ seconds?\\. Its last journal entry came \\d+ seconds? ago; " +
        "it holds the stack until 20\\d\\d-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC unless it renews before\\. " +
        `To free it now: pulumi cancel --yes --stack ${stack.subject}$`,
    ),
  );
  await holder.complete();
  // The refused one was not used up by the refusal.
  expect((await stack.start(id)).status).toBe(200);
});

test("deployments wait behind an update of the CLI, and the CLI is told of the deployment that holds the stack", async () => {
  const stack = await freshStack();
  const claim = await testClaimer(api);
  const update = await stack.begin();
  const deploymentId = await queueDeployment(api, stack.stackId);
  expect(await claim()).toBeNull();
  await update.append(created(stack.project, 1, "a"));
  await update.complete();
  const claimed = await claim();
  expect(claimed).toMatchObject({ stackId: stack.stackId, epoch: 2 });
  const refused = await stack.start(await stack.create());
  expect(refused.status).toBe(409);
  expect(refused.json.message).toContain(
    "is held by deployment 1 (update) of owner on worker worker-host since",
  );
  expect(refused.json.message).toContain(`To free it now: slipway cancel ${deploymentId}`);
  await sql`update deployments set status = 'failed', finished_at = now() where id = ${deploymentId}`.execute(
    api.db,
  );
  await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
});

test("an attempt's update inherits its epoch, lives as long as its lease, and ends with it in one transaction", async () => {
  const stack = await freshStack();
  const claim = await testClaimer(api);
  const deploymentId = await queueDeployment(api, stack.stackId);
  const attempt = await claim();
  if (attempt === null) throw new Error("nothing was claimed");
  const [token, looking] = await api.db
    .transaction()
    .execute(async (trx) => [
      await makeAttemptToken(trx, { attemptId: attempt.attemptId, mayChange: true }),
      await makeAttemptToken(trx, { attemptId: attempt.attemptId, mayChange: false }),
    ]);
  // May only look: neither create nor start a change.
  await expect(stack.create({ token: looking ?? "" })).rejects.toThrow(/403|permission/);
  const preview = await stack.begin({ token: looking ?? "", dryRun: true });
  const update = await stack.begin({ token: token ?? "" });
  expect(await updateOf(update.id)).toMatchObject({
    epoch: attempt.epoch,
    attempt_id: attempt.attemptId,
    deployment_id: deploymentId,
    number: 1,
  });
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: attempt.attemptId, epoch: attempt.epoch });
  expect((await update.append(created(stack.project, 1, "a"))).status).toBe(204);
  // Its own 300 s say nothing: the attempt's lease does.
  await sql`update updates set token_expires_at = now() - interval '1 hour' where id = ${update.id}`.execute(
    api.db,
  );
  expect((await update.append(created(stack.project, 2, "b"))).status).toBe(204);
  expect((await update.cancel()).json.message).toContain(`slipway cancel ${deploymentId}`);
  await sql`update stack_writers set expires_at = now() - interval '1 second' where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
  expect((await update.append(created(stack.project, 3, "c"))).status).toBe(403);
  expect((await update.complete()).status).toBe(403);
  // Nobody else ends it: its takeover does.
  expect(await reap()).toBe(0);
  await api.db.transaction().execute(async (trx) => {
    const ended = await endUpdatesOfAttempt(trx, api.dependencies, attempt.attemptId, "expired");
    expect(ended).toBe(2);
    await sql`update attempts set status = 'lost', finished_at = now() where id = ${attempt.attemptId}`.execute(
      trx,
    );
    await sql`update deployments set status = 'failed', finished_at = now() where id = ${deploymentId}`.execute(
      trx,
    );
    await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null where stack_id = ${stack.stackId}`.execute(
      trx,
    );
  });
  expect((await updateOf(preview.id)).status).toBe("expired");
  expect(await namesOf(api, stack.stackId)).toEqual(["a", "b"]);
  expect(essence(await stateText(api, stack.stackId))).toEqual(replayed(null, update.acknowledged));
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.expired"]);
  expect((await update.append(created(stack.project, 3, "c"))).status).toBe(403);
});

test("an update whose CLI is dead ends with its lease: the reaper makes its journal into the state and frees the stack", async () => {
  const stack = await freshStack();
  const dead = await stack.begin();
  await dead.append(created(stack.project, 1, "a"));
  await dead.append(created(stack.project, 2, "b").slice(0, 1));
  const preview = await stack.begin({ dryRun: true });
  expect(await reap()).toBe(0);
  await expire(stack, dead.id);
  await sql`update updates set token_expires_at = now() - interval '1 second' where id = ${preview.id}`.execute(
    api.db,
  );
  expect((await dead.append(created(stack.project, 3, "c"))).status).toBe(403);
  expect((await dead.renew()).status).toBe(403);
  expect((await dead.complete()).status).toBe(403);
  expect(await reap()).toBe(2);
  expect(await updateOf(dead.id)).toMatchObject({ status: "expired", resource_count: 1 });
  expect((await updateOf(preview.id)).status).toBe("expired");
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: null });
  expect(await namesOf(api, stack.stackId)).toEqual(["a"]);
  expect(await pendingOf(api, stack.stackId)).toEqual(["b"]);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.expired"]);
  expect((await dead.append(created(stack.project, 3, "c"))).text).toContain("was not renewed in time");
});

test("the next update does not wait for the reaper: it ends the expired one in its own transaction and starts from what that left", async () => {
  const stack = await freshStack();
  const dead = await stack.begin();
  await dead.append(created(stack.project, 1, "a"));
  await expire(stack, dead.id);
  const next = await stack.begin();
  expect(await updateOf(dead.id)).toMatchObject({ status: "expired" });
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: next.id, epoch: 2 });
  const exported = await stack.ask("GET", "/export");
  const base = await stateText(api, stack.stackId);
  expect(exported.text).toBe(base);
  await next.append(created(stack.project, 1, "b"));
  await next.complete();
  expect(essence(await stateText(api, stack.stackId))).toEqual(replayed(base, next.acknowledged));
  expect((await namesOf(api, stack.stackId)).sort()).toEqual(["a", "b"]);
  expect(await updateAudit(api, stack.subject)).toEqual([
    "update.started",
    "update.expired",
    "update.started",
    "update.succeeded",
  ]);
});

test("a cancel with nothing under way ends the update at once", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a"));
  const asked = performance.now();
  expect((await update.cancel()).status).toBe(204);
  expect(performance.now() - asked).toBeLessThan(DRAIN_MS);
  expect(await updateOf(update.id)).toMatchObject({ status: "cancelled", cancelled_by: "owner" });
  expect(await namesOf(api, stack.stackId)).toEqual(["a"]);
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: null });
  const late = await update.append(created(stack.project, 2, "b"));
  expect(late.status).toBe(403);
  expect(late.text).toContain("was cancelled by owner");
  expect((await update.complete("failed")).status).toBe(403);
  // Asked again, after a lost reply.
  expect((await update.cancel()).status).toBe(204);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.cancelled"]);
});

test("after a cancel an operation that was under way is still recorded, nothing is begun, and the state is made once", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const [beginA, endA] = created(stack.project, 1, "a");
  const [beginB, endB] = created(stack.project, 2, "b");
  const [beginC] = created(stack.project, 3, "c");
  await update.append([beginA, beginB]);
  const cancelling = update.cancel();
  await eventually("the drain", 2_000, async () => (await updateOf(update.id)).drain_until !== null);
  // The stack stays held, and the CLI hears that it lost its right.
  expect((await stack.start(await stack.create())).status).toBe(409);
  expect((await update.renew()).status).toBe(403);
  expect((await update.append([beginC])).status).toBe(403);
  expect((await update.append([endA])).status).toBe(204);
  // In one batch with something new: what is known is kept, and the batch is refused.
  expect((await update.append([endB, beginC])).status).toBe(403);
  const started = performance.now();
  expect((await cancelling).status).toBe(204);
  expect(performance.now() - started).toBeLessThan(DRAIN_MS);
  expect(await namesOf(api, stack.stackId)).toEqual(["a", "b"]);
  expect(await pendingOf(api, stack.stackId)).toEqual([]);
  const states = await api.db
    .selectFrom("states")
    .select("number")
    .where("stack_id", "=", stack.stackId)
    .execute();
  expect(states).toEqual([{ number: 1 }]);
  expect((await update.append([endA])).status).toBe(403);
});

test("an operation that does not end during the drain stays pending, and the cancel returns with the stack free", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a").slice(0, 1));
  const asked = performance.now();
  const [one, two] = await Promise.all([update.cancel(), update.cancel()]);
  expect([one.status, two.status]).toEqual([204, 204]);
  expect(performance.now() - asked).toBeGreaterThan(DRAIN_MS - 100);
  expect(await pendingOf(api, stack.stackId)).toEqual(["a"]);
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: null });
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.cancelled"]);
});

test("the CLI's own completion ends a drain, and the update stays cancelled", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a").slice(0, 1));
  const cancelling = update.cancel();
  await eventually("the drain", 2_000, async () => (await updateOf(update.id)).drain_until !== null);
  expect((await update.complete("failed")).status).toBe(204);
  expect((await cancelling).status).toBe(204);
  expect(await updateOf(update.id)).toMatchObject({ status: "cancelled" });
});

test("a drain whose server died is ended by the reaper, as cancelled", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a").slice(0, 1));
  await sql`update updates set drain_until = now() + interval '1 hour', cancelled_by = 'alice' where id = ${update.id}`.execute(
    api.db,
  );
  expect(await reap()).toBe(0);
  await sql`update updates set drain_until = now() - interval '1 second' where id = ${update.id}`.execute(
    api.db,
  );
  expect((await update.append(created(stack.project, 1, "a").slice(1))).status).toBe(403);
  expect(await reap()).toBe(1);
  expect(await updateOf(update.id)).toMatchObject({ status: "cancelled" });
  expect(await pendingOf(api, stack.stackId)).toEqual(["a"]);
});

test("a completion counts once, and says what it said when it comes again after a lost reply", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "a"));
  const answers = await Promise.all([update.complete(), update.complete(), update.complete()]);
  expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
  expect((await update.complete("failed")).status).toBe(403);
  expect((await update.cancel()).status).toBe(409);
  expect(await updateAudit(api, stack.subject)).toEqual(["update.started", "update.succeeded"]);
  const states = await api.db
    .selectFrom("states")
    .select("number")
    .where("stack_id", "=", stack.stackId)
    .execute();
  expect(states.length).toBe(1);
});

test("an update without a journal keeps whole states: the newest wins, and its deployment stays byte for byte", async () => {
  const stack = await freshStack();
  const update = await stack.begin({ journalVersion: 0 });
  expect(update.journalVersion).toBe(0);
  expect((await update.append(created(stack.project, 1, "a"))).status).toBe(409);
  expect((await update.checkpoint(state([resource(stack.project, "a")]))).status).toBe(204);
  const deployment = `{"manifest":{"time":"2026-01-01T00:00:00Z","magic":"","version":""}, "resources":[${JSON.stringify(resource(stack.project, "a"))} ,${JSON.stringify(resource(stack.project, "b"))}],"metadata":{},"z":{"10":1,"2":12345678901234567890}}`;
  const authorization = `update-token ${update.token}`;
  const path = `/update/${update.id}/checkpoint`;
  const body = `{"isInvalid":false,"version":3,"deployment":${deployment}}`;
  expect((await stack.ask("PATCH", path, { authorization, body, gzip: true })).status).toBe(204);
  for (const bad of ['{"isInvalid":true,"version":3}', '{"version":3,"deployment":7}', "[]", "{"]) {
    expect((await stack.ask("PATCH", path, { authorization, body: bad })).status, bad).toBe(400);
  }
  await update.complete();
  expect(await stateText(api, stack.stackId)).toBe(`{"version":3,"deployment":${deployment}}`);
  expect(await updateOf(update.id)).toMatchObject({ resource_count: 2 });
});

test("an update that records nothing leaves the state as it is", async () => {
  const stack = await freshStack();
  const first = await stack.begin();
  await first.append(created(stack.project, 1, "a"));
  await first.complete();
  const idle = await stack.begin();
  await idle.complete();
  const [one, two] = [await updateOf(first.id), await updateOf(idle.id)];
  expect(two).toMatchObject({
    status: "succeeded",
    state_id: one.state_id,
    base_state: one.state_id,
    resource_count: 1,
  });
});

test("events of a bare update are kept in any order and once, also after its end; the summary tells the changes", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const event = (sequence: number, more: object) => ({
    sequence,
    timestamp: 1_767_225_600 + sequence,
    ...more,
  });
  const metadata = { op: "create", urn: "urn:pulumi:dev::p::t:i:T::a", type: "t:i:T", old: null, new: null };
  const prelude = event(0, { preludeEvent: { config: { "p:secret": "x" } } });
  const created0 = event(1, { resOutputsEvent: { metadata } });
  const line = event(2, { diagnosticEvent: { message: "a \u0000 line", color: "raw", severity: "info" } });
  const summary = event(3, { summaryEvent: { resourceChanges: { create: 1 }, durationSeconds: 2 } });
  expect((await update.events([line, created0])).status).toBe(204);
  expect((await update.events([prelude, created0])).status).toBe(204);
  await update.complete();
  expect((await updateOf(update.id)).resource_changes).toBeNull();
  expect((await update.events([summary])).status).toBe(204);
  expect((await updateOf(update.id)).resource_changes).toEqual({ create: 1 });
  const rows = await api.db
    .selectFrom("update_events")
    .select(["sequence", "body"])
    .where("update_id", "=", update.id)
    .orderBy("sequence")
    .execute();
  expect(
    rows.map(({ sequence, body }) => [sequence, (body as { type?: string } | null)?.type ?? null]),
  ).toEqual([
    [0, "engine"],
    [1, "resource"],
    [2, "diagnostic"],
    [3, "summary"],
  ]);
  const tail = await stack.ask("GET", `/update/${update.id}/events`);
  expect(tail.json).toEqual({ events: [prelude, created0, line, summary], continuationToken: null });
  const typed = await stack.ask("GET", `/update/${update.id}/events?type=summaryEvent&type=preludeEvent`);
  expect((typed.json.events as unknown[]).length).toBe(2);
  const about = await stack.ask("GET", `/update/${update.id}/events?urn=${encodeURIComponent(metadata.urn)}`);
  expect(about.json.events).toEqual([created0]);
  expect((await stack.ask("GET", `/update/${update.id}`)).json).toEqual({ status: "succeeded", events: [] });
  for (const bad of [{ events: [{ timestamp: 1 }] }, { events: 7 }, []]) {
    const authorization = `update-token ${update.token}`;
    const answer = await stack.ask("POST", `/update/${update.id}/events/batch`, { authorization, body: bad });
    expect(answer.status).toBe(400);
  }
});

test("a large journal and a large state take the way over threads and come out the same", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const text = "x".repeat(20_000);
  for (let n = 0; n < 4; n += 1) {
    const entries = Array.from({ length: 20 }, (_, i) =>
      created(stack.project, n * 20 + i + 1, `r${n}-${i}`, text),
    ).flat();
    expect((await update.append(entries)).status).toBe(204);
  }
  expect((await update.append([{ version: 1, kind: 77, sequenceID: 1, pad: text.repeat(20) }])).status).toBe(
    400,
  );
  await update.complete();
  const after = await stateText(api, stack.stackId);
  expect(after?.length).toBeGreaterThan(2_000_000);
  expect(essence(after)).toEqual(replayed(null, update.acknowledged));
});

test("entries out of nowhere are refused: an index beyond the base, an operation that never came; nothing of them is stored", async () => {
  const stack = await freshStack();
  const first = await stack.begin();
  for (const [index, name] of ["a", "b"].entries())
    await first.append(created(stack.project, index + 1, name));
  await first.complete();
  const update = await stack.begin();
  const [begin, end] = created(stack.project, 1, "c");
  const beyond = await update.append([begin, { ...end, removeOld: 2 }]);
  expect(beyond.status).toBe(400);
  expect(beyond.text).toContain("to resource 2 of the state that the update began with, which has 2");
  const never = await update.append([begin, { ...end, deleteNew: 9 }]);
  expect(never.status).toBe(400);
  expect(never.text).toContain("to operation 9, which did not come");
  expect(await batchesOf(update.id)).toBe(0);
  expect((await update.append([begin, { ...end, removeOld: 1 }])).status).toBe(204);
  // An operation of an earlier batch is known, and a base that was replaced is not counted.
  const [, later] = created(stack.project, 2, "d");
  expect(
    (await update.append([{ ...later, operationID: 0, sequenceID: 50, kind: 7, state: undefined }])).status,
  ).toBe(204);
  expect((await update.append([{ ...later, sequenceID: 51, removeOld: 7 }])).status).toBe(204);
  await update.complete();
});

test("a journal that refers to what is not there still ends, tells what it left out, and frees the stack", async () => {
  const stack = await freshStack();
  const update = await stack.begin();
  const [begin, end] = created(stack.project, 1, "a");
  // Only after the base was replaced can such an entry come so far.
  await update.append([{ ...end, operationID: 0, sequenceID: 40, kind: 7, state: undefined }]);
  await update.append([begin, { ...end, removeOld: 40, sequenceID: 41 }]);
  expect((await update.complete()).status).toBe(204);
  expect(await namesOf(api, stack.stackId)).toEqual(["a"]);
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: null });
  const [entry] = await api.db
    .selectFrom("audit_entries")
    .select("details")
    .where("subject", "=", stack.subject)
    .where("action", "=", "update.succeeded")
    .execute();
  expect(entry?.details.leftOut).toMatchObject([{ sequence: 41 }]);
});

test("a journal that cannot be read ends its update as failed with the reason, the state before stays, and the stack is free", async () => {
  const stack = await freshStack();
  const first = await stack.begin();
  await first.append(created(stack.project, 1, "a"));
  await first.complete();
  const before = await stateText(api, stack.stackId);
  const update = await stack.begin();
  await update.append(created(stack.project, 1, "b"));
  const key = await api.dependencies.keyring.newest(api.db, stack.stackId);
  const { body } = sealText(key, "journal", "[{]");
  await sql`update journal_batches set body = ${body} where update_id = ${update.id}`.execute(api.db);
  const answer = await update.complete();
  expect(answer.status).toBe(400);
  expect(answer.text).toContain("What it recorded cannot be made into a state");
  expect(await updateOf(update.id)).toMatchObject({ status: "failed", resource_count: 1 });
  expect((await updateOf(update.id)).failure).toContain("cannot be made into a state");
  expect(await stateText(api, stack.stackId)).toBe(before);
  expect(await batchesOf(update.id)).toBe(1);
  expect(await writerOf(stack.stackId)).toMatchObject({ holder: null });
  expect(await updateAudit(api, stack.subject)).toEqual([
    "update.started",
    "update.succeeded",
    "update.started",
    "update.failed",
  ]);
});

test("an update does not start on a stack that was removed while it waited for the right to write", async () => {
  const stack = await freshStack();
  const updateId = await stack.create();
  await sql`update stacks set removed_at = now() where id = ${stack.stackId}`.execute(api.db);
  const actor: Actor = { id: "owner", kind: "owner", name: "owner", roles: {}, attempt: null };
  const started = startUpdate(api.dependencies, {
    stackId: stack.stackId,
    updateId,
    actor,
    tags: undefined,
    journalVersion: 1,
    requestId: "test",
    signal: new AbortController().signal,
  });
  await expect(started).rejects.toMatchObject({ code: "not_found" });
});
