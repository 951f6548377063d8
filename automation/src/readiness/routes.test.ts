import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AnswerBody, TestAnswer, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { TestPerson } from "../../../test/helpers/approvals.ts";
import { person } from "../../../test/helpers/approvals.ts";
import { endDeployment, recordRelease } from "../../../test/helpers/records.ts";
import type { AttemptRun } from "../pipeline/attempt-run.ts";
import { frozenMeanwhile } from "../pipeline/frozen-step.ts";
import { refuseUnsignedDeployment } from "./refuse.ts";

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
  return body.items.map(({ action }) => String(action)).filter((action) => action.startsWith("readiness."));
}

describe("a stack that takes only what was signed off", () => {
  test("refuses an update until somebody else has signed off this release, and says how to", async () => {
    expect((await promote(ann)).status).toBe(202);
    await require();
    const refused = await promote(ann);
    expect([refused.status, refused.body.code]).toEqual([409, "sign_off_missing"]);
    expect(refused.body.remedy).toContain("slipway readiness sign-off");
    const early = await ask(bea, "POST", "sign-offs", { comment: "read it" });
    expect(early).toMatchObject({ status: 409, body: { code: "checklist_open" } });
    expect(early.body.issues.map(({ path }) => path)).toEqual(["checklist.on-call"]);
    await signedOffBy(bea);
    expect((await promote(ann)).status).toBe(202);
    expect((await actions()).toReversed()).toEqual([
      "readiness.settings_set",
      "readiness.ticked",
      "readiness.signed_off",
    ]);
  });

  test("does not count the word of whoever asks, nor of somebody who may not deploy any more", async () => {
    await require();
    await signedOffBy(ann);
    const own = await promote(ann);
    expect(own.body.code).toBe("sign_off_missing");
    expect(own.body.detail).toContain("user:ann has a part in the change");
    expect((await promote(bea)).status).toBe(202);
    await api.ask("PUT", "/v1/organisations/default/members/ann", { body: { role: "viewer" } });
    expect((await promote(bea)).body.code).toBe("sign_off_missing");
    await api.ask("PUT", "/v1/organisations/default/members/ann", { body: { role: "deployer" } });
  });

  test("asks again when the change begins: a sign-off that was withdrawn meanwhile holds it up", async () => {
    await require();
    const signOff = await signedOffBy(bea);
    const { body: asked } = await promote(ann);
    const begins = (emergency = false) => refuseUnsignedDeployment(api.db, asked.id, { emergency });
    await expect(begins()).resolves.toBeUndefined();
    expect(await step(asked.id, "update")).toBeNull();
    const withdrawn = await ask(ann, "DELETE", `sign-offs/${signOff}`);
    expect(withdrawn).toMatchObject({ status: 200, body: { isSignedOff: false } });
    await expect(begins()).rejects.toMatchObject({ code: "sign_off_missing" });
    await expect(begins(true)).resolves.toBeUndefined();
    expect(await step(asked.id, "update")).toMatchObject({ code: "sign_off_missing" });
    expect(await step(asked.id, "preview")).toBeNull();
    expect((await actions())[0]).toBe("readiness.sign_off_withdrawn");
    // Withdrawing it again changes nothing.
    await ask(ann, "DELETE", `sign-offs/${signOff}`);
    expect((await actions()).filter((action) => action.endsWith("withdrawn"))).toHaveLength(1);
  });

  test("asks again with everybody who has a part: whoever made the checklist cannot sign off what it is for", async () => {
    await require(cem);
    await signedOffBy(cem);
    const { status, body: asked } = await promote(bea);
    expect(status).toBe(202);
    await expect(refuseUnsignedDeployment(api.db, asked.id, { emergency: false })).rejects.toMatchObject({
      code: "sign_off_missing",
      message: expect.stringContaining("user:cem has a part"),
    });
    await signedOffBy(ann);
    await expect(refuseUnsignedDeployment(api.db, asked.id, { emergency: false })).resolves.toBeUndefined();
  });

  test("is bound to the release: the next one, and a source that is not promoted, need one of their own", async () => {
    await require();
    await signedOffBy(bea);
    const { body: first } = await promote(ann);
    await recordRelease(api.db, first.id, "good");
    // What is good here already is no news: the same source comes with other config.
    expect((await promote(ann)).status).toBe(202);
    await changeSource();
    const { sourceDigest: source } = await release("test");
    expect((await promote(ann)).body.code).toBe("sign_off_missing");
    expect((await update("production", ann)).body.code).toBe("sign_off_missing");
    await ask(bea, "POST", "ticks", { item: "on-call", source });
    expect((await ask(bea, "POST", "sign-offs", { comment: "previewed", source })).status).toBe(201);
    expect((await update("production", ann)).status).toBe(202);
    expect((await promote(ann)).body.code).toBe("sign_off_missing");
  });

  test("lets through what brings nothing new, and stops a run of the Pulumi CLI", async () => {
    await require();
    for (const operation of ["preview", "refresh", "destroy"]) {
      const { status, body, text } = await api.ask("POST", `${at("production")}/deployments`, {
        body: { operation },
      });
      expect(status, text).toBe(202);
      await endDeployment(api.db, body.id, "cancelled");
    }
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

/** Whether a worker may begin a step of a deployment: null, or why not. */
async function step(deploymentId: string, name: "preview" | "update") {
  const { stack_id } = await api.db
    .selectFrom("deployments")
    .select("stack_id")
    .where("id", "=", deploymentId)
    .executeTakeFirstOrThrow();
  const run = {
    context: { db: api.db },
    claim: { deploymentId, stackId: stack_id, operation: "update" },
    results: {},
    stop: new AbortController().signal,
  };
  // What a step asks of its attempt, and nothing else of one.
  return frozenMeanwhile(run as unknown as AttemptRun, name);
}

async function changeSource(): Promise<void> {
  const { body } = await api.ask("GET", `/v1/projects/default/${project}`);
  await writeFile(`${String(body.folder)}/more.txt`, "another source");
}
