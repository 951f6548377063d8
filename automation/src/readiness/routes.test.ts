import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AnswerBody, TestAnswer, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { TestPerson } from "../../../test/helpers/approvals.ts";
import {
  ADDS_ONE,
  changingOf,
  comeToWait,
  group,
  person,
  setRules,
  vote,
} from "../../../test/helpers/approvals.ts";
import { endDeployment, recordRelease, startDeployment } from "../../../test/helpers/records.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import type { Begin } from "../approvals/begin.ts";
import { begin, setAside } from "../approvals/begin.ts";
import { lapseOnce } from "../approvals/watch.ts";

let api: TestApi;
let ann: TestPerson;
let bea: TestPerson;
/** An admin. */
let cem: TestPerson;
let project: string;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
  [ann, bea] = [await person(api, "ann"), await person(api, "bea")];
  cem = await person(api, "cem", { default: "admin" });
});
afterAll(() => api.close());

/** A project whose stack `production` comes after `test`, which has a good release, and asks for sign-offs. */
beforeEach(async () => {
  count += 1;
  project = `shop${count}`;
  await api.makeStack(project, "test");
  await api.ask("POST", "/v1/stacks", { body: { project, name: "production" } });
  await api.ask("PUT", `/v1/projects/default/${project}/environments`, {
    body: { stacks: [{ stack: "test" }, { stack: "production" }] },
  });
  await release("test");
});

const at = (stack: string) => `/v1/stacks/default/${project}/${stack}`;
const update = (stack: string, by?: TestPerson, more: Record<string, unknown> = {}): Promise<TestAnswer> =>
  api.ask("POST", `${at(stack)}/deployments`, {
    body: { operation: "update", ...more },
    ...(by === undefined ? {} : { headers: by.token }),
  });
const promote = (by: TestPerson, more: Record<string, unknown> = {}) =>
  update("production", by, { promote: { stack: "test" }, ...more });
const ask = (by: TestPerson, method: "POST" | "DELETE", place: string, body?: unknown) =>
  api.ask(method, `${at("production")}/readiness/${place}`, { headers: by.session, body });

/** Deploys a stack and has its gate pass, as far as the records go. */
async function release(stack: string): Promise<AnswerBody> {
  const { status, body: made, text } = await update(stack);
  expect(status, text).toBe(202);
  await sql`
    insert into gate_results (deployment_id, name, phase, required, verdict, detail, measurements, measured_at)
    values (${made.id}, 'up', 'after', true, 'pass', 'fine', '[]', now())`.execute(api.db);
  await recordRelease(api.db, made.id, "good");
  return made;
}

/** Has production ask for a sign-off and for one thing that people look at. */
async function require(by?: TestPerson): Promise<void> {
  const { status, text } = await api.ask("PUT", `${at("production")}/readiness/settings`, {
    body: { required: true, manual: [{ name: "on-call", title: "Somebody is on call" }] },
    ...(by === undefined ? {} : { headers: by.token }),
  });
  expect(status, text).toBe(200);
}

async function signedOffBy(by: TestPerson): Promise<string> {
  await ask(by, "POST", "ticks", { item: "on-call", note: "bea, until Monday" });
  const { status, body, text } = await ask(by, "POST", "sign-offs", { comment: "read it all" });
  expect(status, text).toBe(201);
  return (body.signOffs as { id: string }[])[0]?.id ?? "";
}

async function actions(): Promise<string[]> {
  const { body } = await api.ask("GET", `/v1/audit?organisation=default&project=${project}&stack=production`);
  return body.items
    .map(({ action }) => String(action))
    .filter((action) => /^(readiness|approval)\./.test(action));
}

describe("a stack that takes only what was signed off", () => {
  test("lets an update wait until somebody else has signed off this release, says what is open, and goes on in that very moment", async () => {
    await require();
    const id = await waitsFor(await promote(ann));
    const approval = await approvalOf(id);
    expect(approval).toMatchObject({
      state: "open",
      missing: 0,
      signOffMissing: true,
      signOff: {
        brings: { kind: "release", stack: "test", release: 1 },
        isMissing: true,
        signOffs: [],
        open: [{ name: "on-call", state: "open" }],
        command: `slipway readiness sign-off --stack ${project}/production --from test --release 1 --comment <text>`,
      },
    });
    const { mayGive } = approval.signOff as { mayGive: string[] };
    expect(mayGive).toContain("user:bea");
    expect(mayGive).not.toContain("user:ann");
    expect(await messageOf(id)).toMatchObject({
      what: "Deployment 1 (update) waits for the sign-off of release 1 of test.",
      nextAction: expect.stringContaining("slipway readiness sign-off"),
    });

    const early = await ask(bea, "POST", "sign-offs", { comment: "read it" });
    expect(early).toMatchObject({ status: 409, body: { code: "checklist_open" } });
    expect(early.body.issues.map(({ path }) => path)).toEqual(["checklist.on-call"]);
    expect(await statusOf(id)).toBe("waiting_approval");
    await signedOffBy(bea);
    expect(await statusOf(id)).toBe("queued");
    expect(await approvalOf(id)).toMatchObject({
      state: "approved",
      signOffMissing: false,
      signOff: { isMissing: false, signOffs: [{ principal: "user:bea", why: null }], open: [] },
    });
    expect(await beginsWith(id)).toEqual({ kind: "go", detail: "signed off by user:bea" });
    expect((await actions()).toReversed()).toEqual([
      "readiness.settings_set",
      "approval.requested",
      "readiness.ticked",
      "readiness.signed_off",
      "approval.signed_off",
      "approval.begun",
    ]);
  });

  test("does not count the word of whoever asks, nor of somebody who may not deploy any more", async () => {
    await require();
    const id = await waitsFor(await promote(ann));
    await signedOffBy(ann);
    expect(await statusOf(id)).toBe("waiting_approval");
    expect(await approvalOf(id)).toMatchObject({
      signOff: {
        isMissing: true,
        signOffs: [{ principal: "user:ann", why: "This person has a part in the change." }],
      },
    });
    await signedOffBy(bea);
    await api.ask("PUT", "/v1/organisations/default/members/bea", { body: { role: "viewer" } });
    try {
      expect(await beginsWith(id)).toEqual({
        kind: "waits",
        detail: "waits for the sign-off of release 1 of test",
      });
    } finally {
      await api.ask("PUT", "/v1/organisations/default/members/bea", { body: { role: "deployer" } });
    }
  });

  test("holds what has not begun once a sign-off is withdrawn, and nothing that has", async () => {
    await require();
    const id = await waitsFor(await promote(ann));
    const signOff = await signedOffBy(bea);
    const withdrawn = await ask(ann, "DELETE", `sign-offs/${signOff}`);
    expect(withdrawn).toMatchObject({ status: 200, body: { isSignedOff: false } });
    expect(await approvalOf(id)).toMatchObject({ state: "approved", signOffMissing: true });
    expect(await beginsWith(id)).toMatchObject({ kind: "waits" });
    expect(await approvalOf(id)).toMatchObject({ state: "open" });
    expect((await actions()).slice(0, 3)).toEqual([
      "approval.asked_again",
      "approval.sign_off_withdrawn",
      "readiness.sign_off_withdrawn",
    ]);
    // Withdrawing it again changes nothing.
    await ask(ann, "DELETE", `sign-offs/${signOff}`);
    expect((await actions()).filter((action) => action === "readiness.sign_off_withdrawn")).toHaveLength(1);
    await sql`update deployments set status = 'waiting_approval' where id = ${id}`.execute(api.db);
    const again = await signedOffBy(bea);
    expect(await beginsWith(id)).toMatchObject({ kind: "go" });
    await ask(ann, "DELETE", `sign-offs/${again}`);
    expect(await approvalOf(id)).toMatchObject({ state: "begun" });
  });

  test("asks everybody who has a part: whoever made the checklist cannot sign off what it is for", async () => {
    await require(cem);
    const id = await waitsFor(await promote(bea));
    await signedOffBy(cem);
    expect(await statusOf(id)).toBe("waiting_approval");
    await signedOffBy(ann);
    expect(await statusOf(id)).toBe("queued");
  });

  test("is bound to the release: the next one, and a source that is not promoted, wait for one of their own", async () => {
    await require();
    const first = await waitsFor(await promote(ann));
    const signOff = await signedOffBy(bea);
    await recordRelease(api.db, first, "good");
    // Its own release makes no repetition of it.
    expect(await approvalOf(first)).toMatchObject({ signOff: { signOffs: [{ principal: "user:bea" }] } });
    await ask(bea, "DELETE", `sign-offs/${signOff}`);
    // What is good here already is no news: the same source comes with other config.
    const repeated = await promote(ann);
    expect(await comeToWait(api.db, repeated.body.id)).toEqual({ kind: "again" });
    await endDeployment(api.db, repeated.body.id, "cancelled");
    await changeSource();
    const { sourceDigest: source } = await release("test");
    const promoted = await waitsFor(await promote(ann));
    expect(await approvalOf(promoted)).toMatchObject({
      signOff: { brings: { release: 2 }, isMissing: true },
    });
    const direct = await waitsFor(await update("production", ann));
    expect(await approvalOf(direct)).toMatchObject({ signOff: { brings: { kind: "source" } } });
    await ask(bea, "POST", "ticks", { item: "on-call", source });
    expect((await ask(bea, "POST", "sign-offs", { comment: "previewed", source })).status).toBe(201);
    expect([await statusOf(direct), await statusOf(promoted)]).toEqual(["queued", "waiting_approval"]);
    const fresh = await ask(bea, "POST", "ticks", { item: "on-call" });
    expect(fresh.body).toMatchObject({ candidate: { release: 2 }, isSignedOff: false });
    await ask(bea, "POST", "sign-offs", { comment: "promoted" });
    expect(await statusOf(promoted)).toBe("queued");
  });

  test("asks for votes and a sign-off where both are wanted, and either may come last", async () => {
    await group(api, `ops${count}`, ["bea"]);
    await setRules(api, at("production"), { rules: [{ name: "ops", need: 1, from: [`ops${count}`] }] });
    await require();
    const [one, other] = [await waitsFor(await promote(ann)), await waitsFor(await promote(ann))];
    expect(await messageOf(one)).toMatchObject({
      what: expect.stringContaining(`waits for 1 vote of ops${count} (rule ops), the sign-off of release 1`),
    });
    expect((await vote(api, one, bea)).body).toMatchObject({
      state: "open",
      missing: 0,
      signOffMissing: true,
    });
    await signedOffBy(bea);
    expect([await statusOf(one), await statusOf(other)]).toEqual(["queued", "waiting_approval"]);
    expect((await vote(api, other, bea)).body).toMatchObject({ state: "approved" });
    expect(await statusOf(other)).toBe("queued");
  });

  test("shows whoever may sign off what waits for them, until somebody has", async () => {
    await require();
    const id = await waitsFor(await promote(ann));
    const inbox = async (by: TestPerson, query = "") =>
      (await api.ask("GET", `/v1/approvals?limit=200${query}`, { headers: by.session })).body.items.filter(
        (one) => one.deploymentId === id,
      );
    expect(await inbox(bea)).toMatchObject([
      { signOffMissing: true, me: { mayVote: false, maySignOff: true, why: null } },
    ]);
    expect(await inbox(ann)).toEqual([]);
    expect(await inbox(ann, "&waitingFor=anybody")).toMatchObject([
      { me: { why: "Whoever has a part in a change cannot sign it off: asked for it." } },
    ]);
    await signedOffBy(bea);
    expect(await inbox(bea)).toEqual([]);
  });

  test("waits no longer than votes are waited for, and not at all once no sign-off is asked for", async () => {
    await require();
    const [late, freed] = [await waitsFor(await promote(ann)), await waitsFor(await promote(ann))];
    await sql`update approvals set requested_at = now() - interval '25 hours', expires_at = now() - interval '1 second'
      where deployment_id = ${late}`.execute(api.db);
    await lapseOnce({ db: api.db, logger: { error: () => {} } });
    expect(await statusOf(late)).toBe("expired");
    const { status } = await api.ask("PUT", `${at("production")}/readiness/settings`, {
      body: { required: false },
    });
    expect([status, await statusOf(freed)]).toEqual([200, "queued"]);
    expect(await beginsWith(freed)).toMatchObject({ kind: "go" });
  });

  test("goes on at once with what was signed off before it was asked for", async () => {
    await require();
    await signedOffBy(bea);
    const { body } = await promote(ann);
    expect(await comeToWait(api.db, body.id)).toEqual({ kind: "again" });
    expect(await approvalOf(body.id)).toMatchObject({ state: "approved" });
  });

  test("misses no sign-off that is given in the moment in which a deployment begins to wait", async () => {
    await require();
    await ask(bea, "POST", "ticks", { item: "on-call" });
    const { body } = await promote(ann);
    let signing: Promise<TestAnswer> | undefined;
    await startDeployment(api.db, body.id);
    const changing = await changingOf(api.db, body.id);
    await api.db.transaction().execute(async (trx) => {
      expect(await setAside(trx, changing, { ...ADDS_ONE, operation: "update" })).toEqual({ kind: "waits" });
      signing = ask(bea, "POST", "sign-offs", { comment: "read it all" });
      await eventually("the sign-off waits for what begins to wait", 10_000, async () => {
        const { rows } = await sql`select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(api.db);
        return rows.length > 0 ? true : undefined;
      });
      await sql`update deployments set status = 'waiting_approval' where id = ${body.id}`.execute(trx);
    });
    expect((await signing)?.status).toBe(201);
    expect(await statusOf(body.id)).toBe("queued");
  });

  test("lets through what brings nothing new, and stops a run of the Pulumi CLI and an update without a preview", async () => {
    await require();
    for (const operation of ["preview", "refresh", "destroy"]) {
      const { status, body, text } = await api.ask("POST", `${at("production")}/deployments`, {
        body: { operation },
      });
      expect(status, text).toBe(202);
      expect(await comeToWait(api.db, body.id, operation)).toEqual({ kind: "again" });
      await endDeployment(api.db, body.id, "cancelled");
    }
    const unseen = await promote(ann, { options: { skipPreview: true } });
    expect(unseen).toMatchObject({ status: 409, body: { code: "approval_required" } });
    const run = async (kind: string): Promise<[number, string]> => {
      const { statusCode, payload } = await api.app.inject({
        method: "POST",
        url: `/api/stacks/default/${project}/production/${kind}`,
        headers: {
          host: "127.0.0.1",
          authorization: `token ${api.token}`,
          "content-type": "application/json",
        },
        payload: JSON.stringify({ name: project, runtime: "nodejs", config: {}, options: {}, metadata: {} }),
      });
      return [statusCode, payload];
    };
    expect(await run("update")).toEqual([409, expect.stringContaining("only takes what was signed off")]);
    for (const kind of ["refresh", "preview"]) expect((await run(kind))[0], kind).toBe(200);
  });

  test("lets an emergency pass of somebody whom the rules let use one", async () => {
    await group(api, `oncall${count}`, ["ann"]);
    await setRules(api, at("production"), { rules: [], emergency: [`oncall${count}`] });
    await require();
    const emergency = {
      reason: "prices are wrong and nobody else is awake",
      incident: "https://incidents.example/1",
    };
    const { status, body, text } = await api.ask("POST", `${at("production")}/deployments`, {
      headers: ann.session,
      body: { operation: "update", promote: { stack: "test" }, emergency },
    });
    expect(status, text).toBe(202);
    expect(await beginsWith(body.id)).toMatchObject({
      kind: "go",
      detail: expect.stringContaining("an emergency of user:ann"),
    });
    // It passes the sign-off by, and not the seal.
    const unseen = await api.ask("POST", `${at("production")}/deployments`, {
      headers: ann.session,
      body: { operation: "update", promote: { stack: "test" }, emergency, options: { skipPreview: true } },
    });
    expect(unseen).toMatchObject({ status: 409, body: { code: "approval_required" } });
  });
});

describe("a sign-off", () => {
  test("is by a person who has signed in, and so is a tick", async () => {
    await require();
    for (const place of ["ticks", "sign-offs"]) {
      const body = place === "ticks" ? { item: "on-call" } : { comment: "x" };
      const { status, body: problem } = await api.ask("POST", `${at("production")}/readiness/${place}`, {
        headers: ann.token,
        body,
      });
      expect([status, problem.code]).toEqual([403, "sign_in_required"]);
    }
  });

  test("shows what it is for, with an open checklist again once a tick was taken back", async () => {
    await require();
    await signedOffBy(bea);
    const { body } = await api.ask("GET", `${at("production")}/readiness`);
    expect(body).toMatchObject({
      isSignedOff: true,
      candidate: { kind: "release", stack: "test", release: 1 },
      signOffs: [{ by: "user:bea", comment: "read it all", withdrawnAt: null }],
    });
    expect((body.checklist as AnswerBody[]).find(({ name }) => name === "on-call")).toMatchObject({
      state: "ok",
      detail: "bea, until Monday",
      by: "user:bea",
    });
    await ask(ann, "POST", "ticks", { item: "on-call", done: false });
    expect((await ask(ann, "POST", "sign-offs", { comment: "x" })).body.code).toBe("checklist_open");
  });

  test("is not given by checks of which nothing could be looked at: they have shown nothing", async () => {
    const { body: deployed } = await promote(ann);
    await recordRelease(api.db, deployed.id, "good", { manifest: { target: "aws", secrets: {} } });
    const { stackId } = await changingOf(api.db, deployed.id);
    const checks = [
      { group: "data-stores", state: "not-applicable" },
      { group: "monitoring", state: "not-applicable" },
      { group: "monitoring", state: "passed" },
    ];
    await sql`insert into validation_reports (stack_id, deployment_id, attempt, gate, report)
      values (${stackId}, ${deployed.id}, 1, 'whole', ${JSON.stringify({ checks })})`.execute(api.db);
    const { body } = await api.ask("GET", `${at("production")}/readiness`);
    const states = new Map((body.checklist as AnswerBody[]).map(({ name, state }) => [name, state]));
    expect([states.get("backups"), states.get("alarms")]).toEqual(["open", "ok"]);
  });

  test("names what is there: another stack, a release, an item and a sign-off that are not are problems of their own", async () => {
    await require();
    const codes = [];
    for (const [method, place, body] of [
      ["POST", "ticks", { item: "nothing" }],
      ["POST", "ticks", { item: "on-call", release: 9 }],
      ["POST", "ticks", { item: "on-call", from: "nowhere" }],
      ["POST", "ticks", { item: "on-call", from: "production" }],
      ["POST", "sign-offs", { comment: "x", release: 1, source: `sha256:${"a".repeat(64)}` }],
      ["DELETE", `sign-offs/${randomUUID()}`, undefined],
    ] as const)
      codes.push((await ask(bea, method, place, body)).body.code);
    expect(codes).toEqual([
      "not_found",
      "release_not_found",
      "not_found",
      "invalid_request",
      "invalid_request",
      "not_found",
    ]);
  });
});

/** The deployment that was asked for, when it has come to where it waits for people. */
async function waitsFor({ status, body, text }: TestAnswer): Promise<string> {
  expect(status, text).toBe(202);
  expect(await comeToWait(api.db, body.id)).toEqual({ kind: "waits" });
  return body.id;
}

/** What the attempt is told that is about to begin; its id is the deployment's. */
async function beginsWith(id: string): Promise<Begin> {
  const worker = "00000000-0000-4000-8000-000000000000";
  await sql`insert into workers (id, host) values (${worker}, 'here') on conflict do nothing`.execute(api.db);
  await sql`update deployments set status = 'queued' where id = ${id} and status = 'waiting_approval'`.execute(
    api.db,
  );
  await startDeployment(api.db, id);
  await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status) values (${id}, ${id}, 2, ${worker}, 1, 'running')
    on conflict do nothing`.execute(api.db);
  const changing = await changingOf(api.db, id);
  return api.db.transaction().execute((trx) => begin(trx, changing, ADDS_ONE));
}

async function approvalOf(id: string): Promise<AnswerBody> {
  return (await api.ask("GET", `/v1/deployments/${id}/approval`)).body;
}

async function statusOf(id: string): Promise<unknown> {
  return (await api.ask("GET", `/v1/deployments/${id}`)).body.status;
}

/** What was told of a deployment when people were asked. */
async function messageOf(id: string): Promise<unknown> {
  const { rows } = await sql<{ body: unknown }>`select body from notifications
    where kind = 'approval.requested' and starts_with(dedupe_key, ${id})`.execute(api.db);
  return rows[0]?.body;
}

async function changeSource(): Promise<void> {
  const { body } = await api.ask("GET", `/v1/projects/default/${project}`);
  await writeFile(`${String(body.folder)}/more.txt`, "another source");
}
