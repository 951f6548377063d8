import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { insertStack } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestAnswer, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { TestPerson } from "../../../test/helpers/approvals.ts";
import {
  ADDS_ONE,
  changingOf,
  group,
  person,
  putWaiting,
  setRules,
} from "../../../test/helpers/approvals.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { recordWorker } from "../attempts/store.ts";
import type { Begin } from "./begin.ts";
import { begin } from "./begin.ts";
import { countSignOffs } from "./sign-off.ts";
import { lockDeployment } from "./store.ts";

/* Two people, or a person and a worker, at the same moment. Each pair is tried several times, since either may come first. */

const TIMES = 8;
const LOCKED_WITHIN_MS = 10_000;
const WORKER = "00000000-0000-4000-8000-000000000000";

let api: TestApi;
let ann: TestPerson;
let bea: TestPerson;
beforeAll(async () => {
  api = await startTestApi();
  [ann, bea] = [await person(api, "ann"), await person(api, "bea")];
  await person(api, "cem");
  await recordWorker(api.db, WORKER, "test");
  await group(api, "ops", ["ann", "bea", "cem"]);
});
afterAll(() => api.close());

let count = 0;
let stackId: string;
let stack: string;
beforeEach(async () => {
  count += 1;
  ({ stackId } = await insertStack(api.db, { project: "shop", stack: `s${count}` }));
  stack = `/v1/stacks/default/shop/s${count}`;
});

const rules = (need: number): Promise<TestAnswer> =>
  setRules(api, stack, { rules: [{ name: "ops", need, from: ["ops"] }] });
const cast = (id: string, by: TestPerson, more: Record<string, unknown> = {}): Promise<TestAnswer> =>
  api.ask("POST", `/v1/deployments/${id}/votes`, {
    headers: by.session,
    body: { verdict: "approve", seal: "sha256:one", ...more },
  });
const withdraw = (id: string, by: TestPerson): Promise<TestAnswer> =>
  api.ask("DELETE", `/v1/deployments/${id}/votes`, { headers: by.session });
const cancel = (id: string): Promise<TestAnswer> => api.ask("POST", `/v1/deployments/${id}/cancel`);
const read = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;
const approvalOf = async (id: string): Promise<AnswerBody> =>
  (await api.ask("GET", `/v1/deployments/${id}/approval`)).body;
const statuses = (answers: readonly TestAnswer[]): number[] => answers.map(({ status }) => status).sort();

/** Events that say that a deployment has a status. */
async function told(id: string, status: string): Promise<number> {
  const { rows } = await sql`
    select 1 from deployment_events where deployment_id = ${id} and body ->> 'status' = ${status}`.execute(
    api.db,
  );
  return rows.length;
}

/** As a worker has it that has previewed and sealed it; its attempt has the deployment's id. */
async function claim(id: string): Promise<void> {
  await sql`update deployments set status = 'running' where id = ${id}`.execute(api.db);
  await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status)
    values (${id}, ${id}, 2, ${WORKER}, 1, 'running')`.execute(api.db);
}

async function beginOf(id: string): Promise<Begin> {
  const changing = await changingOf(api.db, id);
  return api.db.transaction().execute((trx) => begin(trx, changing, ADDS_ONE));
}

/** Waits until so many connections of the test's database wait for a lock. */
const locked = (many: number): Promise<true> =>
  eventually(`${many} wait for a lock`, LOCKED_WITHIN_MS, async () => {
    const { rows } = await sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(api.db);
    return rows.length >= many ? true : undefined;
  });

describe("two at the same moment", () => {
  test("the two last votes let it go back into the queue once, and both count", async () => {
    await rules(2);
    for (let time = 0; time < TIMES; time += 1) {
      const id = await putWaiting(api.db, stackId);
      expect(statuses(await Promise.all([cast(id, ann), cast(id, bea)]))).toEqual([200, 200]);
      expect(await read(id)).toMatchObject({ status: "queued" });
      expect(await approvalOf(id)).toMatchObject({ state: "approved", missing: 0 });
      expect(await told(id, "queued")).toBe(1);
    }
  });

  test("one person in two windows votes once", async () => {
    await rules(2);
    for (let time = 0; time < TIMES; time += 1) {
      const id = await putWaiting(api.db, stackId);
      const answers = await Promise.all([cast(id, ann), cast(id, ann)]);
      expect(statuses(answers)).toEqual([200, 409]);
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe("already_voted");
      expect(await approvalOf(id)).toMatchObject({ state: "open", missing: 1 });
      expect(await read(id)).toMatchObject({ status: "waiting_approval" });
    }
  });

  test("a vote and its withdrawal leave it as the last of them says, and nothing begins without a vote", async () => {
    await rules(1);
    for (let time = 0; time < TIMES; time += 1) {
      const id = await putWaiting(api.db, stackId);
      const [voted, withdrawn] = await Promise.all([cast(id, ann), withdraw(id, ann)]);
      expect(voted.status).toBe(200);
      const isKept = withdrawn.status !== 200;
      if (isKept) expect(withdrawn.body.code).toBe("not_voted");
      expect((await approvalOf(id)).votes).toHaveLength(isKept ? 1 : 0);
      await sql`update deployments set status = 'queued' where id = ${id} and status = 'waiting_approval'`.execute(
        api.db,
      );
      await claim(id);
      expect((await beginOf(id)).kind).toBe(isKept ? "go" : "waits");
    }
  });

  test("a cancel and the last vote end with the cancel", async () => {
    await rules(1);
    for (let time = 0; time < TIMES; time += 1) {
      const id = await putWaiting(api.db, stackId);
      const [cancelled, voted] = await Promise.all([cancel(id), cast(id, ann)]);
      expect(cancelled.status, cancelled.text).toBe(202);
      expect([200, 409], voted.text).toContain(voted.status);
      if (voted.status === 409) expect(voted.body.code).toBe("vote_too_late");
      expect(await read(id)).toMatchObject({ status: "cancelled" });
      expect(await approvalOf(id)).toMatchObject({ state: "cancelled" });
    }
  });

  test("a rejection and the last vote end with the rejection", async () => {
    await rules(1);
    for (let time = 0; time < TIMES; time += 1) {
      const id = await putWaiting(api.db, stackId);
      const no = { verdict: "reject", comment: "not on a Friday" };
      const [rejected, voted] = await Promise.all([cast(id, bea, no), cast(id, ann)]);
      expect(rejected.status, rejected.text).toBe(200);
      expect([200, 409], voted.text).toContain(voted.status);
      expect(await read(id)).toMatchObject({ status: "rejected" });
    }
  });

  test("other rules and the last vote: nothing begins with fewer votes than the rules of then ask for", async () => {
    for (let time = 0; time < TIMES; time += 1) {
      await rules(1);
      const id = await putWaiting(api.db, stackId);
      const [voted] = await Promise.all([cast(id, ann), rules(2)]);
      expect(voted.status, voted.text).toBe(200);
      await sql`update deployments set status = 'queued' where id = ${id} and status = 'waiting_approval'`.execute(
        api.db,
      );
      await claim(id);
      expect((await beginOf(id)).kind).toBe("waits");
    }
  });
});

describe("while a change begins", () => {
  test("a withdrawal comes before it or too late, and of two that begin the other one is stale", async () => {
    await rules(1);
    for (let time = 0; time < TIMES; time += 1) {
      const [id, other] = [await putWaiting(api.db, stackId), await putWaiting(api.db, stackId)];
      for (const one of [id, other]) await cast(one, ann);
      await claim(id);
      const [begun, withdrawn, late] = await Promise.all([beginOf(id), withdraw(id, ann), cast(other, bea)]);
      expect([200, 409], late.text).toContain(late.status);
      if (begun.kind === "go") {
        expect(withdrawn.body.code).toBe("vote_too_late");
        expect(await read(other)).toMatchObject({ status: "stale" });
      } else {
        expect([begun.kind, withdrawn.status]).toEqual(["waits", 200]);
        expect(await approvalOf(other)).toMatchObject({ state: "approved" });
        await cancel(other);
      }
      await sql`update deployments set status = 'failed', finished_at = now() where id = ${id}`.execute(
        api.db,
      );
    }
  });

  test("somebody who is taken out of the group in that moment counts only where the change came first", async () => {
    await rules(1);
    for (let time = 0; time < TIMES; time += 1) {
      const id = await putWaiting(api.db, stackId);
      await cast(id, ann);
      await claim(id);
      const [begun] = await Promise.all([
        beginOf(id),
        api.ask("DELETE", "/v1/organisations/default/groups/ops/members/ann"),
      ]);
      // Whichever came first: asked once more it is the same, unless it waits.
      expect((await beginOf(id)).kind).toBe(begun.kind);
      await group(api, "ops", ["ann"]);
      await sql`update deployments set status = 'failed', finished_at = now() where id = ${id}`.execute(
        api.db,
      );
    }
  });

  test("a sign-off that decides about all that waits on the stack and a change that makes the others stale do not wait for each other", async () => {
    await rules(1);
    const settings = { body: { required: true, manual: [] } };
    expect((await api.ask("PUT", `${stack}/readiness/settings`, settings)).status).toBe(200);
    const [older, begins] = [await putWaiting(api.db, stackId), await putWaiting(api.db, stackId)];
    await sql`update readiness_settings set required = false where stack_id = ${stackId}`.execute(api.db);
    for (const one of [older, begins]) await cast(one, ann);
    await claim(begins);
    let both: Promise<unknown[]> | undefined;
    await api.db.transaction().execute(async (trx) => {
      await lockDeployment(trx, older);
      const signing = api.db.transaction().execute(async (one) => {
        await sql`select 1 from readiness_settings where stack_id = ${stackId} for update`.execute(one);
        const change = { candidate: null, what: "sign_off_not_asked", by: "user:bea" } as const;
        return countSignOffs(one, { stackId, ...change, comment: null, requestId: null });
      });
      await locked(1);
      both = Promise.all([signing, beginOf(begins)]);
      await locked(2);
    });
    expect(await both).toEqual([2, { kind: "go", detail: "approved by user:ann" }]);
    expect(await read(older)).toMatchObject({ status: "stale" });
  });
});
