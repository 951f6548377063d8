import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, insertDeployment, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { TestPerson } from "../../../test/helpers/approvals.ts";
import { group, person, setRules, signIn } from "../../../test/helpers/approvals.ts";
import { findActorOfPrincipal } from "../access/store.ts";
import { begin } from "./begin.ts";
import { recordEmergency } from "./emergency.ts";

const STACK = "/v1/stacks/default/shop/prod";
const RULES = `${STACK}/approval-rules`;
const INCIDENT = {
  reason: "The shop is down and the fix is known.",
  incident: "https://status.example/incidents/7",
};
let api: TestApi;
let admin: TestPerson;
let deployer: TestPerson;
let stackId: string;
beforeAll(async () => {
  api = await startTestApi();
  admin = await person(api, "ada", { default: "admin" });
  deployer = await person(api, "dot");
  await person(api, "ann");
  await group(api, "ops", ["ann", "ada"]);
  ({ stackId } = await insertStack(api.db, { project: "shop", stack: "prod" }));
});
afterAll(() => api.close());

const set = (rules: unknown, by: TestPerson = admin) =>
  api.ask("PUT", RULES, { headers: by.token, body: rules });
const tags = (by: TestPerson, value: Record<string, string>) =>
  api.ask("PUT", `${STACK}/tags`, { headers: by.token, body: { tags: value } });

describe("the rules of a stack", () => {
  test("are kept in versions, audited, and changed from the version that was read", async () => {
    expect((await api.ask("GET", RULES)).body).toMatchObject({
      version: 0,
      rules: [],
      cliUpdates: "allowed",
    });
    const first = await set({ rules: [{ name: "ops", need: 1, from: ["ops"] }] });
    expect(first.body).toMatchObject({ version: 1, cliUpdates: "preview-only", setBy: admin.principal });
    expect((await set({ basedOn: 0, rules: [] })).body.code).toBe("conflict");
    expect((await set({ basedOn: 1, rules: [] })).body).toMatchObject({ version: 2, rules: [] });
    expect((await api.ask("GET", `${RULES}?version=1`)).body).toMatchObject({ rules: [{ name: "ops" }] });
    expect((await api.ask("GET", `${RULES}?version=9`)).status).toBe(404);
    const { body } = await api.ask("GET", "/v1/audit?action=approval_rules.set");
    expect(body.items).toMatchObject([
      { details: { version: 2 } },
      { details: { version: 1 }, principal: admin.principal },
    ]);
  });

  test("that nobody could fulfil are refused: whoever sets them has a part in every change", async () => {
    expect((await set({ rules: [{ name: "ops", need: 2, from: ["ops"] }] })).body).toMatchObject({
      code: "rules_lock_out",
      detail: "The rule 'ops' needs 2, and only 1 person could vote for it besides you.",
    });
    expect((await set({ rules: [{ name: "ops", need: 1, from: ["nobody"] }] })).status).toBe(404);
    const twice = { name: "ops", need: 1, from: ["ops"] };
    expect((await set({ rules: [twice, twice] })).body.code).toBe("invalid_request");
    expect((await set({ rules: [] }, deployer)).status).toBe(403);
    expect((await api.ask("GET", RULES)).body).toMatchObject({ version: 2 });
  });

  test("keep the groups that they name", async () => {
    await set({ rules: [{ name: "ops", need: 1, from: ["ops"] }] });
    const url = "/v1/organisations/default/groups/ops";
    const refused = await api.ask("DELETE", url);
    expect(refused.body).toMatchObject({
      code: "conflict",
      detail: "The rules of default/shop/prod name the group ops.",
    });
    await group(api, "other", []);
    expect((await api.ask("DELETE", "/v1/organisations/default/groups/other")).status).toBe(204);
  });
});

describe("groups", () => {
  test("hold people of the organisation and the owner, and neither service accounts nor strangers", async () => {
    await tokenOf(api, "service:bot", { default: "admin" });
    await tokenOf(api, "eve", { elsewhere: "admin" });
    const url = "/v1/organisations/default/groups/people";
    await api.ask("PUT", url);
    for (const name of ["bot", "eve", "nobody"])
      expect((await api.ask("PUT", `${url}/members/${name}`)).status).toBe(404);
    await api.ask("PUT", `${url}/members/owner`);
    const { body } = await api.ask("PUT", `${url}/members/ann`);
    expect(body.members).toMatchObject([
      { principal: "user:ann", counts: true, addedBy: "owner" },
      { principal: "owner", counts: true },
    ]);
    expect((await api.ask("PUT", `${url}/members/ann`, { headers: deployer.token })).status).toBe(403);
    expect((await api.ask("DELETE", `${url}/members/ann`)).status).toBe(204);
    expect((await api.ask("DELETE", `${url}/members/ann`)).status).toBe(404);
  });
});

describe("the tag of production", () => {
  test("protects a stack without rules, and only an admin takes it away", async () => {
    await set({ rules: [] });
    expect((await tags(deployer, { environment: "production", team: "shop" })).status).toBe(200);
    expect((await api.ask("GET", RULES)).body).toMatchObject({
      production: true,
      cliUpdates: "preview-only",
    });
    expect((await tags(deployer, { team: "shop" })).status).toBe(403);
    expect((await tags(deployer, { environment: "production", team: "two" })).status).toBe(200);
    expect((await tags(admin, {})).status).toBe(200);
    expect((await api.ask("GET", RULES)).body).toMatchObject({ production: false, cliUpdates: "allowed" });
  });
});

test("a deployment without a preview is refused where votes are asked for, and nowhere else", async () => {
  const stack = await api.makeStack("skip");
  const request = () =>
    api.ask("POST", `${stack}/deployments`, {
      body: { operation: "update", options: { skipPreview: true } },
    });
  expect((await request()).status).toBe(202);
  await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }] });
  expect(await request()).toMatchObject({ status: 409, body: { code: "approval_required" } });
  await setRules(api, stack, { rules: [] });
  await api.ask("PUT", `${stack}/tags`, { body: { tags: { environment: "production" } } });
  expect(await request()).toMatchObject({ status: 409, body: { code: "approval_required" } });
});

describe("an emergency", () => {
  const request = (by: Record<string, string>, emergency: unknown = INCIDENT) =>
    api.ask("POST", `${STACK}/deployments`, { headers: by, body: { operation: "rollback", emergency } });

  test("is for a person who signed in and whom the rules name, with a reason and an incident", async () => {
    await group(api, "fire", ["dot"]);
    await set({ rules: [{ name: "ops", need: 1, from: ["ops"] }], emergency: ["fire"] });
    expect((await request(deployer.token)).body.code).toBe("sign_in_required");
    expect((await request(admin.session)).body.code).toBe("forbidden");
    for (const wrong of [
      { ...INCIDENT, reason: "too short" },
      { ...INCIDENT, incident: "see chat" },
    ])
      expect((await request(deployer.session, wrong)).body.code).toBe("invalid_request");
    const preview = await api.ask("POST", `${STACK}/deployments`, {
      headers: deployer.session,
      body: { operation: "detect-drift", emergency: INCIDENT },
    });
    expect(preview.body.code).toBe("option_not_supported");
  });

  test("passes the votes by for an hour, is told to all at once, and must be reviewed by somebody else in time", async () => {
    const id =
      (await sql<{ id: string }>`select gen_random_uuid()::text as id`.execute(api.db)).rows[0]?.id ?? "";
    const digest = `sha256:${"b".repeat(64)}`;
    await sql`insert into deployments (id, stack_id, number, operation, requested_by, config_digest) values (${id}, ${stackId}, 99, 'update', 'user:dot', ${digest})`.execute(
      api.db,
    );
    await sql`insert into emergencies (deployment_id, principal, reason, incident, expires_at, review_due_at)
      values (${id}, 'user:dot', ${INCIDENT.reason}, ${INCIDENT.incident}, now() + interval '1 hour', now() + interval '72 hours')`.execute(
      api.db,
    );
    const changing = {
      deploymentId: id,
      stackId,
      attemptId: id,
      cause: "request",
      organisation: "default",
      project: "shop",
      stack: "prod",
    };
    const go = () =>
      api.db.transaction().execute((trx) =>
        begin(trx, changing, {
          change: { operation: "update", risk: null, types: [] },
          seal: "sha256:one",
        }),
      );
    expect(await go()).toMatchObject({ kind: "go", detail: expect.stringContaining("user:dot") as string });
    await api.ask("DELETE", "/v1/organisations/default/groups/fire/members/dot");
    expect(await go()).toMatchObject({ kind: "waits" });
    await api.ask("PUT", "/v1/organisations/default/groups/fire/members/dot");
    await sql`update emergencies set expires_at = now() where deployment_id = ${id}`.execute(api.db);
    expect(await go()).toMatchObject({ kind: "waits" });

    const review = (by: TestPerson) =>
      api.ask("POST", `/v1/deployments/${id}/emergency/review`, {
        headers: by.session,
        body: { comment: "was right" },
      });
    expect((await review(deployer)).status).toBe(403);
    await sql`update emergencies set review_due_at = now() where deployment_id = ${id}`.execute(api.db);
    expect((await request(deployer.session)).body).toMatchObject({ code: "emergency_unreviewed" });
    expect((await api.ask("GET", "/v1/emergencies")).body).toMatchObject({ unreviewed: 1, overdue: 1 });
    expect((await review(admin)).body).toMatchObject({ reviewedBy: admin.principal, review: "was right" });
    expect((await review(admin)).status).toBe(409);
    // Not refused for that any more: there is only no release to go back to.
    expect((await request(deployer.session)).body.code).toBe("release_not_found");
    expect((await api.ask("GET", "/v1/emergencies", { headers: bearer(api.token) })).body).toMatchObject({
      unreviewed: 0,
    });
  });

  test("is for somebody who signed in a moment ago: a session of the morning votes, and passes no votes by", async () => {
    const ask = async (by: Record<string, string>) => (await request(by)).body.code;
    await sql`update sign_ins set created_at = created_at - interval '6 minutes' where principal = 'user:dot'`.execute(
      api.db,
    );
    expect((await request(deployer.session)).body).toMatchObject({
      code: "sign_in_required",
      detail: expect.stringContaining("the last 5 minutes") as string,
      remedy: expect.stringContaining("slipway login") as string,
    });
    expect(await ask(await signIn(api, deployer.token))).toBe("release_not_found");
  });

  /** Uses one on a stack; answers who is told, after it was found in the message too. */
  async function toldOf(stack: string): Promise<unknown> {
    const { rows: stacks } = await sql<{ id: string }>`select id from stacks where name = ${stack}`.execute(
      api.db,
    );
    const on = stacks[0]?.id ?? "";
    const deploymentId = await insertDeployment(api.db, on, "update");
    const actor = await findActorOfPrincipal(api.db, deployer.principal);
    if (actor === undefined) throw new Error("dot is not there");
    const one = { deploymentId, stackId: on, actor, asked: INCIDENT, requestId: null };
    await api.db.transaction().execute((trx) => recordEmergency(trx, one));
    const { rows } = await sql<{ kind: string; body: { nextAction: string } }>`
      select kind, body from notifications where starts_with(dedupe_key, ${deploymentId})`.execute(api.db);
    expect(rows.map(({ kind }) => kind)).toEqual(["approval.emergency"]);
    const { body } = await api.ask("GET", "/v1/audit?action=emergency.used&limit=1");
    const [used] = body.items as AnswerBody[];
    const { told } = (used?.details ?? { told: [] }) as { told: string[] };
    expect(rows[0]?.body.nextAction).toContain(`Asked: ${told.join(", ")}.`);
    return told;
  }

  test("on a stack of production without rules tells whoever may deploy there, and the owner", async () => {
    await insertStack(api.db, { project: "shop", stack: "bare" });
    await api.ask("PUT", "/v1/stacks/default/shop/bare/tags", {
      body: { tags: { environment: "production" } },
    });
    expect(await toldOf("bare")).toEqual(["owner", "user:ada", "user:ann", "user:dot"]);
  });

  test("on a stack whose rules ask for sign-offs alone tells whoever could have signed off, as one with votes tells whoever could have voted", async () => {
    await insertStack(api.db, { project: "shop", stack: "signed" });
    const at = "/v1/stacks/default/shop/signed";
    expect(await toldOf("signed"), "nothing is asked for").toEqual(["owner"]);
    const { status, text } = await api.ask("PUT", `${at}/readiness/settings`, {
      body: { required: true, manual: [] },
    });
    expect(status, text).toBe(200);
    expect(await toldOf("signed")).toEqual(["owner", "user:ada", "user:ann", "user:dot"]);
    // Whoever may vote need not be somebody who may sign off, and the other way round.
    await person(api, "vic", { default: "viewer" });
    await group(api, "watch", ["vic"]);
    await setRules(api, at, { rules: [{ name: "production", need: 1, from: ["watch"] }] });
    expect(await toldOf("signed")).toEqual(["owner", "user:ada", "user:ann", "user:dot", "user:vic"]);
  });
});
