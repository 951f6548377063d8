import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { insertDeployment, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { TestPerson } from "../../../test/helpers/approvals.ts";
import { group, person, putWaiting, setRules, signIn, vote } from "../../../test/helpers/approvals.ts";
import { recordRelease } from "../../../test/helpers/records.ts";
import { created, stackClient } from "../../../test/helpers/state-client.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import type { Changing } from "./begin.ts";
import { begin, setAside } from "./begin.ts";
import type { Change } from "./matching.ts";
import { clockMs } from "./store.ts";
import { endMoved, lapseOnce } from "./watch.ts";

let api: TestApi;
let ann: TestPerson;
let bea: TestPerson;
let rob: TestPerson;
beforeAll(async () => {
  api = await startTestApi();
  [ann, bea, rob] = [await person(api, "ann"), await person(api, "bea"), await person(api, "rob")];
  await group(api, "ops", ["ann", "bea", "rob"]);
});
afterAll(() => api.close());

let count = 0;
let stackId: string;
/** Address of the stack. */
let stack: string;
beforeEach(async () => {
  count += 1;
  const names = { project: "shop", stack: `s${count}` };
  ({ stackId } = await insertStack(api.db, names));
  stack = `/v1/stacks/default/shop/s${count}`;
  await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }] });
});

const read = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;
const approvalOf = async (id: string): Promise<AnswerBody> =>
  (await api.ask("GET", `/v1/deployments/${id}/approval`)).body;
const actions = async (id: string): Promise<string[]> => {
  const { rows } = await sql<{ action: string }>`
    select action from audit_entries where details ->> 'deployment' = ${id} order by sequence`.execute(
    api.db,
  );
  return rows.map(({ action }) => action);
};
const messages = async (id: string): Promise<string[]> => {
  const { rows } = await sql<{ kind: string }>`
    select kind from notifications where starts_with(dedupe_key, ${id}) order by created_at, kind`.execute(
    api.db,
  );
  return rows.map(({ kind }) => kind);
};
const expire = (id: string) =>
  sql`update approvals set requested_at = now() - interval '25 hours', expires_at = now() - interval '1 second' where deployment_id = ${id}`.execute(
    api.db,
  );
const ADDS: Change = {
  operation: "update",
  risk: { tier: "low", reasons: [], counts: { create: 1 } },
  types: ["a:b:C"],
};

describe("a vote", () => {
  test("of somebody in a group of the rules lets the deployment go back into the queue", async () => {
    const id = await putWaiting(api.db, stackId);
    expect(await approvalOf(id)).toMatchObject({
      state: "open",
      missing: 1,
      rules: [{ name: "ops", need: 1, missing: 1, mayVote: ["user:ann", "user:bea", "user:rob"] }],
    });
    const answer = await vote(api, id, ann, { comment: "looks right" });
    expect(answer.status, answer.text).toBe(200);
    expect(answer.body).toMatchObject({
      state: "approved",
      missing: 0,
      votes: [{ principal: "user:ann", verdict: "approve", comment: "looks right", counts: true }],
    });
    expect(await read(id)).toMatchObject({ status: "queued" });
    expect(await actions(id)).toEqual(["approval.approved"]);
    expect(await messages(id)).toEqual(["approval.decided"]);
  });

  test("is by a person who has signed in: no token votes, neither of that person nor of a service account", async () => {
    const id = await putWaiting(api.db, stackId);
    const service = { authorization: `Bearer ${await tokenOf(api, "service:bot", { default: "admin" })}` };
    for (const headers of [ann.token, service, { authorization: `Bearer ${api.token}` }]) {
      const answer = await api.ask("POST", `/v1/deployments/${id}/votes`, {
        headers,
        body: { verdict: "approve", seal: "sha256:one" },
      });
      expect(answer).toMatchObject({ status: 403, body: { code: "sign_in_required" } });
    }
    expect(await read(id)).toMatchObject({ status: "waiting_approval" });
    expect(await approvalOf(id)).toMatchObject({ votes: [] });
  });

  test("cast wrongly has a problem of its own for each way", async () => {
    const id = await putWaiting(api.db, stackId, { requestedBy: rob.principal });
    const zoe = await person(api, "zoe");
    await setRules(api, stack, { rules: [{ name: "ops", need: 2, from: ["ops"] }] });
    const waiting = await putWaiting(api.db, stackId, { requestedBy: rob.principal });
    const code = async (by: TestPerson, more: Parameters<typeof vote>[3] = {}, of = waiting) => {
      const { status, body } = await vote(api, of, by, more);
      return [status, body.code ?? body.state];
    };
    expect(await code(rob)).toEqual([403, "requester_cannot_vote"]);
    expect(await code(zoe)).toEqual([403, "not_an_approver"]);
    expect(await code(ann, { seal: "sha256:earlier" })).toEqual([409, "stale"]);
    expect(await code(ann)).toEqual([200, "open"]);
    expect(await code(ann)).toEqual([409, "already_voted"]);
    expect(await code(bea, { verdict: "reject" })).toEqual([422, "invalid_request"]);
    expect(await code(bea, { verdict: "reject", comment: "not on a Friday" })).toEqual([200, "rejected"]);
    expect(await code(ann, { verdict: "reject", comment: "late" })).toEqual([409, "vote_too_late"]);
    expect(await read(waiting)).toMatchObject({
      status: "rejected",
      failure: { code: "rejected", detail: "user:bea rejected it: not on a Friday" },
    });
    expect(await messages(waiting)).toEqual(["approval.decided"]);
    await expire(id);
    expect(await code(ann, {}, id)).toEqual([409, "vote_too_late"]);
  });

  test("of somebody who was removed from the group, or from the organisation, counts no more, and is refused", async () => {
    await setRules(api, stack, { rules: [{ name: "ops", need: 2, from: ["ops"] }] });
    const id = await putWaiting(api.db, stackId);
    for (const [name, away] of [
      ["cem", "/v1/organisations/default/groups/ops/members/cem"],
      ["dan", "/v1/organisations/default/members/dan"],
    ] as const) {
      const gone = await person(api, name);
      await group(api, "ops", [name]);
      const late = await person(api, `${name}-late`);
      await group(api, "ops", [`${name}-late`]);
      expect((await vote(api, id, gone)).body).toMatchObject({ state: "open", missing: 1 });
      await api.ask("DELETE", away);
      expect(await approvalOf(id)).toMatchObject({ state: "open", missing: 2 });
      const { body } = await vote(api, id, gone, { seal: "sha256:one", verdict: "reject", comment: "x" });
      expect(["not_an_approver", "not_found"]).toContain(body.code);
      await api.ask("DELETE", `/v1/organisations/default/groups/ops/members/${late.principal.slice(5)}`);
    }
  });

  test("can be withdrawn until the change begins; the deployment then waits again", async () => {
    const id = await putWaiting(api.db, stackId);
    await vote(api, id, ann);
    const withdrawn = await api.ask("DELETE", `/v1/deployments/${id}/votes`, { headers: ann.session });
    expect(withdrawn.body).toMatchObject({ state: "approved", votes: [], missing: 1 });
    const again = await api.ask("DELETE", `/v1/deployments/${id}/votes`, { headers: ann.session });
    expect(again.body.code).toBe("not_voted");
    expect(await beginWith(id)).toMatchObject({ kind: "waits" });
    expect(await approvalOf(id)).toMatchObject({ state: "open" });
  });

  test("for a destroy says why", async () => {
    const id = await putWaiting(api.db, stackId, { operation: "destroy" });
    expect((await vote(api, id, ann)).body.code).toBe("invalid_request");
    expect((await vote(api, id, ann, { comment: "it is empty" })).body).toMatchObject({ state: "approved" });
  });
});

/** What an attempt is told that is about to begin. */
function beginWith(id: string, { change = ADDS, seal = "sha256:one" } = {}) {
  return api.db.transaction().execute((trx) => begin(trx, changing(id), { change, seal }));
}

function changing(id: string): Changing {
  const at = { organisation: "default", project: "shop", stack: `s${count}` };
  return { deploymentId: id, stackId, attemptId: id, cause: "request", ...at };
}

/** As the claim of a worker leaves it; its attempt has the deployment's id. */
async function claim(id: string): Promise<void> {
  const worker = "00000000-0000-4000-8000-000000000000";
  await sql`insert into workers (id, host) values (${worker}, 'here') on conflict do nothing`.execute(api.db);
  await sql`update deployments set status = 'queued' where id = ${id} and status = 'waiting_approval'`.execute(
    api.db,
  );
  await sql`update deployments set status = 'running' where id = ${id}`.execute(api.db);
  await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status) values (${id}, ${id}, 2, ${worker}, 1, 'running')`.execute(
    api.db,
  );
}

describe("just before the change", () => {
  test("it begins with enough votes for the seal, once, and every other one of the stack that waits is stale", async () => {
    const [first, second] = [await putWaiting(api.db, stackId), await putWaiting(api.db, stackId)];
    for (const id of [first, second]) await vote(api, id, ann);
    await claim(first);
    expect(await beginWith(first)).toEqual({ kind: "go", detail: "approved by user:ann" });
    expect(await beginWith(first)).toEqual({ kind: "go", detail: null });
    expect(await approvalOf(first)).toMatchObject({ state: "begun" });
    expect(await read(second)).toMatchObject({ status: "stale", failure: { code: "stale" } });
    expect(await actions(first)).toEqual(["approval.approved", "approval.begun"]);
    expect((await vote(api, first, bea)).body.code).toBe("vote_too_late");
  });

  test("a person who was removed since does not count, nor one who has become part of the change", async () => {
    const eve = await person(api, "eve", { default: "admin" });
    await group(api, "ops", ["eve"]);
    const id = await putWaiting(api.db, stackId);
    await vote(api, id, eve);
    await claim(id);
    await sql`insert into audit_entries (principal, action, organisation, subject) values ('user:eve', 'config.set', 'default', ${`default/shop/s${count}`})`.execute(
      api.db,
    );
    expect(await beginWith(id)).toMatchObject({ kind: "waits" });
    await sql`update approvals set state = 'approved' where deployment_id = ${id}`.execute(api.db);
    await vote(api, id, bea);
    await api.ask("DELETE", "/v1/organisations/default/groups/ops/members/bea");
    try {
      expect(await beginWith(id)).toMatchObject({ kind: "waits" });
    } finally {
      await group(api, "ops", ["bea"]);
    }
    await sql`update approvals set state = 'approved' where deployment_id = ${id}`.execute(api.db);
    expect(await beginWith(id)).toMatchObject({ kind: "go" });
  });

  test("a rollback that the stack agreed to beforehand asks nobody, nor does an automatic one; any other waits", async () => {
    const id = await putWaiting(api.db, stackId, { operation: "rollback" });
    const change: Change = { ...ADDS, operation: "rollback" };
    const go = (more: Partial<Changing>) =>
      api.db
        .transaction()
        .execute((trx) => begin(trx, { ...changing(id), ...more }, { change, seal: "sha256:one" }));
    expect(await go({ covered: true })).toEqual({ kind: "go", detail: null });
    expect(await go({ cause: "automatic-rollback" })).toEqual({ kind: "go", detail: null });
    expect(await go({})).toMatchObject({ kind: "waits" });
  });

  test("another seal than the approved one ends it, and so does its time", async () => {
    const [moved, late] = [await putWaiting(api.db, stackId), await putWaiting(api.db, stackId)];
    for (const id of [moved, late]) await vote(api, id, ann);
    await claim(moved);
    expect(await beginWith(moved, { seal: "sha256:two" })).toMatchObject({ kind: "over", status: "stale" });
    await expire(late);
    expect(await beginWith(late)).toMatchObject({ kind: "over", status: "expired" });
  });

  test("the attempt after one that was lost before it changed anything goes on with the same votes", async () => {
    const id = await putWaiting(api.db, stackId);
    await vote(api, id, ann);
    await claim(id);
    await beginWith(id);
    await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status)
      select gen_random_uuid(), ${id}, 3, worker_id, 2, 'lost' from attempts where id = ${id}`.execute(
      api.db,
    );
    const { rows } = await sql<{
      id: string;
    }>`select id from attempts where deployment_id = ${id} and number = 3`.execute(api.db);
    const next = { ...changing(id), attemptId: rows[0]?.id ?? "" };
    const again = await api.db
      .transaction()
      .execute((trx) => begin(trx, next, { change: ADDS, seal: "sha256:one" }));
    expect(again).toEqual({ kind: "go", detail: "approved by user:ann" });
  });

  test("without a preview every rule asks, and no automatic one votes", async () => {
    await setRules(api, stack, {
      rules: [{ name: "ops", need: 1, from: ["ops"], automatic: "adds-only", minRisk: "highest" }],
    });
    const id = await putWaiting(api.db, stackId);
    await claim(id);
    expect(await beginWith(id, { change: { operation: "update", risk: null, types: [] } })).toMatchObject({
      kind: "waits",
    });
  });

  test("a rule that was made meanwhile counts at once", async () => {
    await setRules(api, stack, { rules: [] });
    const { rows } = await sql<{ id: string }>`select gen_random_uuid()::text as id`.execute(api.db);
    expect(await beginWith(rows[0]?.id ?? "")).toEqual({ kind: "go", detail: null });
    await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }] });
    const id = await putWaiting(api.db, stackId);
    await sql`delete from approvals where deployment_id = ${id}`.execute(api.db);
    expect(await beginWith(id)).toEqual({ kind: "waits", detail: "waits for 1 vote of ops (rule ops)" });
  });
});

describe("automatic rules", () => {
  beforeEach(() =>
    setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"], automatic: "adds-only" }] }),
  );

  test("vote as their rule in its version, and no more once the rules are others", async () => {
    const id = await putWaiting(api.db, stackId);
    expect(await approvalOf(id)).toMatchObject({
      missing: 0,
      votes: [{ principal: "policy:ops@2", counts: true }],
      rules: [{ automatic: { kind: "adds-only", votes: true, reason: "Nothing but creates." } }],
    });
    await claim(id);
    await sql`update approvals set state = 'approved' where deployment_id = ${id}`.execute(api.db);
    expect(await beginWith(id)).toEqual({ kind: "go", detail: "approved by policy:ops@2" });
  });

  test.each([
    [{ create: 1, update: 1 }, "The preview has 'update', which is more than it votes for."],
    [{ create: 1, transmogrify: 1 }, "The preview has 'transmogrify', which is more than it votes for."],
  ])("decline %o with a reason that is kept", async (counts, reason) => {
    const id = await putWaiting(api.db, stackId);
    await sql`delete from approvals where deployment_id = ${id}`.execute(api.db);
    await claim(id);
    const change: Change = {
      operation: "update",
      risk: { tier: "medium", reasons: [], counts },
      types: ["a:b:C"],
    };
    const aside = await api.db
      .transaction()
      .execute((trx) => setAside(trx, changing(id), { change, seal: "sha256:one", operation: "update" }));
    expect(aside).toEqual({ kind: "waits" });
    const { rows } = await sql<{ details: unknown }>`
      select details from audit_entries where action = 'approval.requested' and details ->> 'deployment' = ${id}`.execute(
      api.db,
    );
    expect(rows[0]?.details).toMatchObject({ automatic: [{ voter: "policy:ops@2", votes: false, reason }] });
    expect(await messages(id)).toEqual(["approval.requested"]);
  });
});

describe("time", () => {
  test("ends what nobody decided about, once, whichever server looks, and tells it; at half time it reminds", async () => {
    const logger = { error: () => {} };
    // What other tests have left.
    await lapseOnce({ db: api.db, logger });
    const [waiting, approved, half] = [
      await putWaiting(api.db, stackId),
      await putWaiting(api.db, stackId),
      await putWaiting(api.db, stackId),
    ];
    await vote(api, approved, ann);
    for (const id of [waiting, approved]) await expire(id);
    await sql`update approvals set requested_at = now() - interval '13 hours', expires_at = now() + interval '11 hours' where deployment_id = ${half}`.execute(
      api.db,
    );
    const passes = await Promise.all([1, 2, 3].map(() => lapseOnce({ db: api.db, logger })));
    expect(passes.reduce((sum, one) => sum + one, 0)).toBe(3);
    for (const id of [waiting, approved]) {
      expect(await read(id)).toMatchObject({ status: "expired" });
      expect(await messages(id)).toContain("approval.expired");
    }
    expect(await messages(half)).toEqual(["approval.requested"]);
    expect(await read(half)).toMatchObject({ status: "waiting_approval" });
    expect(await lapseOnce({ db: api.db, logger })).toBe(0);
    expect(await actions(waiting)).toEqual(["deployment.expired", "approval.expired"]);
  });
});

describe("a state that moves while votes are awaited", () => {
  test("ends what waits as stale, whoever moved it, and nothing else", async () => {
    const deps = { db: api.db, keyring: api.dependencies.keyring, logger: { error: () => {} } };
    const seal = async (id: string, state: number): Promise<void> => {
      const items = {
        ...{ operation: "update", options: { refresh: false }, source: null, lockfile: null, config: "c" },
        ...{
          serverConfig: {},
          plan: "p",
          cli: "v",
          plugins: [],
          state,
          artifacts: [],
          rules: {},
          policies: null,
        },
      };
      await sql`insert into seals (deployment_id, stack_id, attempt, digest, items, body)
        values (${id}, ${stackId}, 1, 'sha256:one', ${JSON.stringify(items)}, '')`.execute(api.db);
    };
    const waiting = await putWaiting(api.db, stackId);
    await seal(waiting, 0);
    expect(await endMoved(deps)).toBe(0);
    const other = await stackClient(api, `other${count}`);
    const update = await other.begin({ kind: "update" });
    await update.append(created(`other${count}`, 1, "one"));
    await update.complete();
    expect(await endMoved(deps), "another stack").toBe(0);
    // As the end of a run that began before the rules were set.
    await sql`update states set stack_id = ${stackId} where stack_id = ${other.stackId}`.execute(api.db);
    expect(await endMoved(deps)).toBe(1);
    expect(await read(waiting)).toMatchObject({ status: "stale", failure: { code: "stale" } });
    expect(JSON.stringify((await read(waiting)).moved)).toContain("state");
    expect(await actions(waiting)).toContain("deployment.stale");
    expect(await endMoved(deps), "once").toBe(0);
  });
});

describe("the inbox", () => {
  test("shows each person what waits for their vote, and all to whoever asks for all", async () => {
    const id = await putWaiting(api.db, stackId, { requestedBy: rob.principal });
    const inbox = async (headers: Record<string, string>, query = "") =>
      (await api.ask("GET", `/v1/approvals?limit=200${query}`, { headers })).body.items.filter(
        (one) => one.deploymentId === id,
      );
    expect(await inbox(ann.session)).toMatchObject([{ me: { mayVote: true, why: null } }]);
    expect(await inbox(ann.token)).toMatchObject([{ me: { mayVote: false } }]);
    expect(await inbox(rob.session)).toEqual([]);
    expect(await inbox(rob.session, "&waitingFor=anybody")).toMatchObject([
      { me: { mayVote: false, why: "Whoever has a part in a change cannot decide about it: asked for it." } },
    ]);
    const foreign = await person(api, "fay", { elsewhere: "admin" });
    expect(await inbox(foreign.session, "&waitingFor=anybody")).toEqual([]);
    await vote(api, id, ann);
    expect(await inbox(bea.session)).toEqual([]);
  });
});

describe("a session", () => {
  test("is of a person, is not prolonged by itself, and ends with its time, by hand, or with its token", async () => {
    const service = {
      authorization: `Bearer ${await tokenOf(api, "service:other", { default: "deployer" })}`,
    };
    expect((await api.ask("POST", "/v1/sessions", { headers: service })).status).toBe(403);
    expect((await api.ask("POST", "/v1/sessions", { headers: ann.session })).status).toBe(403);
    const gil = await person(api, "gil");
    const status = async (headers: Record<string, string>) =>
      (await api.ask("GET", "/v1/sessions/current", { headers })).status;
    expect([await status(gil.session), await status(gil.token)]).toEqual([200, 404]);
    const [byHand, byTime] = [await signIn(api, gil.token), await signIn(api, gil.token)];
    await api.ask("DELETE", "/v1/sessions/current", { headers: byHand });
    expect(await status(byHand)).toBe(401);
    const { body } = await api.ask("GET", "/v1/sessions/current", { headers: byTime });
    const lasts = Date.parse(String(body.expiresAt)) - Date.parse(String(body.createdAt));
    expect(lasts).toBe(12 * 3_600_000);
    await sql`update sign_ins set expires_at = now() where id = ${body.id}`.execute(api.db);
    expect(await status(byTime)).toBe(401);
    const { body: tokens } = await api.ask("GET", "/v1/tokens?limit=200");
    for (const token of tokens.items.filter(({ principal }) => principal === gil.principal))
      await api.ask("DELETE", `/v1/tokens/${token.id}`);
    expect(await status(gil.session)).toBe(401);
  });
});

describe("whoever has a part in a change", () => {
  test("is the caller, the maker of a service account's token, the author of its commits, and the editor of config, tags, rules or groups since the last good release", async () => {
    const hal = await person(api, "hal", { default: "admin" });
    await api.ask("PUT", "/v1/organisations/default/members/service:ci", { body: { role: "deployer" } });
    await api.ask("POST", "/v1/tokens", {
      headers: hal.token,
      body: { name: "ci", principal: "service:default/ci" },
    });
    const id = await putWaiting(api.db, stackId, { requestedBy: "service:default/ci" });
    const { rows } = await sql<{
      digest: string;
    }>`select source_digest as digest from deployments where id = ${id}`.execute(api.db);
    await sql`insert into source_authors values (${rows[0]?.digest}, 'B. Arnold', 'Bea@example.com')`.execute(
      api.db,
    );
    await api.ask("PUT", `${stack}/config/shop:size`, { headers: rob.token, body: { value: "3" } });
    await api.ask("PUT", "/v1/organisations/default/groups/ops/members/zoe", { headers: hal.token });
    const { requesters } = await approvalOf(id);
    expect(requesters).toEqual(
      expect.arrayContaining([
        { principal: "service:default/ci", why: "asked for it" },
        { principal: "user:hal", why: "made the token of service:default/ci" },
        { principal: "user:bea", why: "wrote commits of the source" },
        { principal: "user:rob", why: "changed the config since the last good release" },
        { principal: "user:hal", why: "changed a group of the rules since the last good release" },
        { principal: "owner", why: "changed the rules since the last good release" },
      ]),
    );
    await sql`delete from source_authors`.execute(api.db);
  });

  test("is still who changed what a release has not brought: one that was requested before, a rollback, a remediation", async () => {
    const edit = async (by: TestPerson): Promise<void> => {
      const body = { value: by.principal };
      await api.ask("PUT", `${stack}/config/shop:${by.principal.slice(5)}`, { headers: by.token, body });
    };
    const editors = async (): Promise<string[]> => {
      const id = await putWaiting(api.db, stackId);
      const { requesters } = await approvalOf(id);
      return (requesters as { principal: string; why: string }[])
        .filter(({ why }) => why.includes("config"))
        .map(({ principal }) => principal);
    };
    await edit(ann);
    const update = await insertDeployment(api.db, stackId);
    // Its config was taken already; it only runs still.
    await edit(bea);
    await recordRelease(api.db, update, "good");
    expect(await editors()).toEqual(["user:bea"]);
    for (const operation of ["rollback", "remediate-drift"])
      await recordRelease(api.db, await insertDeployment(api.db, stackId, operation), "good");
    expect(await editors()).toEqual(["user:bea"]);
    expect((await vote(api, await putWaiting(api.db, stackId), bea)).body.code).toBe("requester_cannot_vote");
    await recordRelease(api.db, await insertDeployment(api.db, stackId), "good");
    expect(await editors()).toEqual([]);
  });

  test("is also who changed the config in the moment in which what was released last was requested", async () => {
    let editing: Promise<unknown> | undefined;
    const update = await api.db.transaction().execute(async (trx) => {
      await sql`select 1 from stacks where id = ${stackId} for update`.execute(trx);
      editing = api.ask("PUT", `${stack}/config/shop:size`, { headers: rob.token, body: { value: "9" } });
      await eventually("the edit waits for the request", 10_000, async () => {
        const { rows } = await sql`select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(api.db);
        return rows.length > 0 ? true : undefined;
      });
      const id = await insertDeployment(trx, stackId);
      await sql`update deployments set requested_at = clock_timestamp() where id = ${id}`.execute(trx);
      return id;
    });
    await editing;
    await recordRelease(api.db, update, "good");
    expect((await vote(api, await putWaiting(api.db, stackId), rob)).body.code).toBe("requester_cannot_vote");
  });

  test("is also who made the schedule that asked for it, and whoever made the token of the account that did", async () => {
    const ivy = await person(api, "ivy", { default: "admin" });
    await api.ask("PUT", "/v1/organisations/default/members/service:clock", { body: { role: "deployer" } });
    await api.ask("POST", "/v1/tokens", {
      headers: ivy.token,
      body: { name: "clock", principal: "service:default/clock" },
    });
    const made: string[] = [];
    for (const owner of [rob.principal, "service:default/clock"]) {
      const { rows } = await sql<{ id: string }>`
        insert into schedules (id, stack_id, name, operation, cron, time_zone, missed, owner)
        values (gen_random_uuid(), ${stackId}, ${`of-${owner.split("/").at(-1)}`}, 'update', '0 2 * * *', 'UTC', 'record', ${owner})
        returning id`.execute(api.db);
      made.push(await putWaiting(api.db, stackId, { requestedBy: `schedule:${rows[0]?.id}` }));
    }
    const [byRob = "", byClock = ""] = made;
    expect((await vote(api, byRob, rob)).body.code).toBe("requester_cannot_vote");
    expect((await approvalOf(byRob)).requesters).toContainEqual({
      principal: "user:rob",
      why: "made the schedule that asked for it",
    });
    expect((await approvalOf(byClock)).requesters).toContainEqual({
      principal: "user:ivy",
      why: "made the token of service:default/clock",
    });
    expect((await vote(api, byRob, ann)).status).toBe(200);
  });

  test("is also who changed the policies that hold for its project, and of no other one", async () => {
    const policies = "/v1/organisations/default/policies";
    const jan = await person(api, "jan", { default: "admin" });
    await insertStack(api.db, { project: "elsewhere", stack: "test" });
    const enable = async (project: string) => {
      const body = { kind: "protected-types", project, config: { types: ["x:*"] } };
      const { status, body: rule, text } = await api.ask("POST", policies, { headers: jan.token, body });
      expect(status, text).toBe(201);
      return rule.id;
    };
    const policyPart = async (): Promise<unknown[]> =>
      ((await approvalOf(id)).requesters as { why: string }[]).filter(({ why }) => why.includes("policies"));
    const id = await putWaiting(api.db, stackId);
    await enable("elsewhere");
    expect(await policyPart()).toEqual([]);
    const rule = await enable("shop");
    const part = [{ principal: "user:jan", why: "changed the policies since the last good release" }];
    expect(await policyPart()).toEqual(part);
    // Who ends a rule has weakened what the change is held to.
    const kim = await person(api, "kim", { default: "admin" });
    expect((await api.ask("DELETE", `${policies}/${rule}`, { headers: kim.token })).status).toBe(204);
    expect(await policyPart()).toEqual([...part, { ...part[0], principal: "user:kim" }]);
  });
});

test("the database's clock is that of the moment, not of the transaction's start", async () => {
  await api.db.transaction().execute(async (trx) => {
    const before = await clockMs(trx);
    await sql`select pg_sleep(0.02)`.execute(trx);
    expect(await clockMs(trx)).toBeGreaterThan(before);
  });
});
