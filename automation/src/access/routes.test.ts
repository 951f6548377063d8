import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bearer, claimStack, insertStack, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { withTransaction } from "../database.ts";
import { actorOf } from "./actor.ts";
import { makeAttemptToken } from "./attempt-tokens.ts";
import { noteExport } from "./exports.ts";
import type { Actor } from "./rules.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function audited(action: string): Promise<AnswerBody[]> {
  return (await api.ask("GET", `/v1/audit?action=${action}&limit=200`)).body.items;
}
async function statusOf(token: string, url = "/v1/whoami"): Promise<number> {
  return (await api.ask("GET", url, { headers: bearer(token) })).status;
}

describe("an organisation", () => {
  test("is created by the owner, once, and audited", async () => {
    const made = await api.ask("POST", "/v1/organisations", { body: { name: "acme" } });
    expect([made.status, made.body.name, made.body.role]).toEqual([201, "acme", "admin"]);
    const again = await api.ask("POST", "/v1/organisations", { body: { name: "acme" } });
    expect([again.status, again.body.code]).toEqual([409, "already_exists"]);
    expect((await audited("organisation.created")).filter(({ subject }) => subject === "acme")).toHaveLength(
      1,
    );
    const names = (await api.ask("GET", "/v1/organisations")).body.items.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["acme", "default"]));
  });

  test("that the owner names in a project is made with it, audited; nobody else can name one that is not theirs", async () => {
    const folder = await api.makeProject("first");
    const ask = (token: string) =>
      api.ask("POST", "/v1/projects", {
        headers: bearer(token),
        body: { organisation: "implied", name: "first", folder },
      });
    const token = await tokenOf(api, "founder", { acme: "admin" });
    expect((await ask(token)).status).toBe(404);
    expect((await ask(api.token)).status).toBe(201);
    const made = (await audited("organisation.created")).filter(({ subject }) => subject === "implied");
    expect(made).toMatchObject([{ principal: "owner" }]);
  });

  test("is listed to its members, with their role, and to nobody else", async () => {
    const token = await tokenOf(api, "lister", { listed: "viewer" });
    const { body } = await api.ask("GET", "/v1/organisations", { headers: bearer(token) });
    expect(body.items).toMatchObject([{ name: "listed", role: "viewer" }]);
    expect(await statusOf(token, "/v1/organisations/listed/members")).toBe(200);
    expect(await statusOf(token, "/v1/organisations/default/members")).toBe(404);
    const none = await api.ask("GET", "/v1/organisations/nowhere/members");
    expect([none.status, none.body.detail]).toEqual([404, "There is no organisation nowhere."]);
  });
});

describe("a member", () => {
  test("gets a role, another one, and loses it; each change is audited once", async () => {
    const url = "/v1/organisations/default/members/ann";
    const set = (role: string) => api.ask("PUT", url, { body: { role } });
    expect((await set("viewer")).body).toMatchObject({ principal: "user:ann", kind: "user", role: "viewer" });
    expect((await set("viewer")).status).toBe(200);
    expect((await set("admin")).body.role).toBe("admin");
    expect((await api.ask("GET", "/v1/organisations/default/members")).body.items).toMatchObject([
      { principal: "user:ann", role: "admin", grantedBy: "owner" },
    ]);
    expect((await api.ask("DELETE", url)).status).toBe(204);
    expect((await api.ask("DELETE", url)).status).toBe(404);
    const details = [...(await audited("member.set")), ...(await audited("member.removed"))]
      .map((entry) => entry.details as { member: string; role: string })
      .filter(({ member }) => member === "user:ann");
    expect(details).toMatchObject([
      { role: "admin", before: "viewer" },
      { role: "viewer", before: null },
      { role: "admin" },
    ]);
  });

  test("who is a service account belongs to one organisation, and is removed with its tokens", async () => {
    const token = await tokenOf(api, "service:ci", { default: "deployer" });
    const other = await tokenOf(api, "service:ci", { acme: "viewer" });
    expect((await api.ask("GET", "/v1/whoami", { headers: bearer(token) })).body.id).toBe(
      "service:default/ci",
    );
    expect((await api.ask("GET", "/v1/whoami", { headers: bearer(other) })).body.id).toBe("service:acme/ci");
    expect((await api.ask("DELETE", "/v1/organisations/default/members/service:ci")).status).toBe(204);
    expect([await statusOf(token), await statusOf(other)]).toEqual([401, 200]);
    const again = await tokenOf(api, "service:ci", { default: "viewer" }).catch((error: unknown) =>
      String(error),
    );
    const { rows } = await sql<{
      id: string;
    }>`select id from principals where name = 'ci' order by id`.execute(api.db);
    expect(
      rows.map(({ id }) => id),
      again,
    ).toEqual(["service:acme/ci", "service:default/ci", "service:default/ci~2"]);
  });

  test("who is set by two organisations at once is one person", async () => {
    await api.ask("POST", "/v1/organisations", { body: { name: "twin" } });
    const answers = await Promise.all(
      ["default", "acme", "twin"].map((one) =>
        api.ask("PUT", `/v1/organisations/${one}/members/both`, { body: { role: "viewer" } }),
      ),
    );
    expect(answers.map(({ status, body }) => [status, body.principal])).toEqual(
      Array.from({ length: 3 }, () => [200, "user:both"]),
    );
  });

  test("who is removed everywhere has no role and no token any more, and only the owner does it", async () => {
    const admin = await tokenOf(api, "boss", { default: "admin" });
    const token = await tokenOf(api, "leaver", { default: "deployer", acme: "viewer" });
    const refused = await api.ask("DELETE", "/v1/users/leaver", { headers: bearer(admin) });
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
    expect((await api.ask("DELETE", "/v1/users/leaver")).status).toBe(204);
    expect(await statusOf(token)).toBe(401);
    const { rows } = await sql`select * from memberships where principal = 'user:leaver'`.execute(api.db);
    expect(rows).toEqual([]);
    expect(await audited("user.removed")).toMatchObject([{ subject: "user:leaver", principal: "owner" }]);
  });
});

describe("a token", () => {
  test("is shown once: its value is in no table, no audit entry, no log and no later answer", async () => {
    const made = await api.ask("POST", "/v1/tokens", { body: { name: "laptop", expiresInDays: 7 } });
    expect(made.status, made.text).toBe(201);
    expect(made.headers["cache-control"]).toBe("no-store");
    const value = String(made.body.value);
    expect(value).toMatch(/^slp_owner_/);
    expect(Date.parse(String(made.body.expiresAt)) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    expect(Date.parse(String(made.body.expiresAt)) - Date.now()).toBeLessThan(7.1 * 86_400_000);
    expect(await statusOf(value)).toBe(200);
    const { rows: tables } = await sql<{ name: string }>`
      select table_name as name from information_schema.tables where table_schema = 'public'`.execute(api.db);
    expect(tables.length).toBeGreaterThan(20);
    for (const { name } of tables) {
      const { rows } = await sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(
        api.db,
      );
      expect(JSON.stringify(rows), name).not.toContain(value);
    }
    expect(api.log()).not.toContain(value);
    const { text } = await api.ask("GET", "/v1/tokens");
    expect(text).toContain(made.body.id);
    expect(text).not.toContain(value);
    expect((await audited("token.created"))[0]).toMatchObject({
      subject: "owner",
      details: { token: made.body.id, name: "laptop" },
    });
  });

  test("is worth nothing after it was revoked or has expired; both are audited or told", async () => {
    const token = await tokenOf(api, "careless", { default: "viewer" });
    const { body } = await api.ask("GET", "/v1/tokens", { headers: bearer(token) });
    const [mine] = body.items;
    expect(body.items).toHaveLength(1);
    expect((await api.ask("DELETE", `/v1/tokens/${mine?.id}`, { headers: bearer(token) })).status).toBe(204);
    expect(await statusOf(token)).toBe(401);
    expect((await api.ask("DELETE", `/v1/tokens/${mine?.id}`)).status).toBe(204);
    expect(
      (await audited("token.revoked")).filter(({ subject }) => subject === "user:careless"),
    ).toHaveLength(1);
    const late = await tokenOf(api, "late", { default: "viewer" });
    await sql`update tokens set expires_at = now() - interval '1 second' where principal = 'user:late'`.execute(
      api.db,
    );
    expect(await statusOf(late)).toBe(401);
    const shown = (await api.ask("GET", "/v1/tokens?limit=200")).body.items.map(({ principal }) => principal);
    expect(shown).not.toContain("user:careless");
    expect(shown).not.toContain("user:late");
    const all = (await api.ask("GET", "/v1/tokens?limit=200&ended=true")).body.items.map(
      ({ principal }) => principal,
    );
    expect(all).toEqual(expect.arrayContaining(["user:careless", "user:late"]));
  });

  test("of a person is made by that person or the owner, of a service account by an admin of its organisation", async () => {
    const [admin, ann] = [
      await tokenOf(api, "chief", { default: "admin" }),
      await tokenOf(api, "worker-ann", { default: "deployer" }),
    ];
    const ci = await tokenOf(api, "service:robot", { default: "admin" });
    await tokenOf(api, "service:theirs", { acme: "viewer" });
    const make = async (token: string, principal?: string) => {
      const answer = await api.ask("POST", "/v1/tokens", {
        headers: bearer(token),
        body: { name: "x", ...(principal === undefined ? {} : { principal }) },
      });
      return [answer.status, answer.body.principal ?? answer.body.code];
    };
    expect(await make(ann)).toEqual([201, "user:worker-ann"]);
    expect(await make(ann, "user:worker-ann")).toEqual([201, "user:worker-ann"]);
    expect(await make(admin, "service:default/robot")).toEqual([201, "service:default/robot"]);
    for (const [token, principal] of [
      [admin, "user:worker-ann"],
      [ann, "user:chief"],
      [ann, "service:default/robot"],
      [admin, "service:acme/theirs"],
      [ci, "service:default/robot"],
      [admin, "user:nobody"],
    ] as const)
      expect(await make(token, principal), principal).toEqual([404, "not_found"]);
    expect(await make(ci)).toEqual([403, "forbidden"]);
    const foreign = await api.ask("GET", "/v1/tokens?limit=200");
    const theirs = foreign.body.items.find(({ principal }) => principal === "service:acme/theirs");
    const [tried, missing] = await Promise.all(
      [theirs?.id, crypto.randomUUID()].map((id) =>
        api.ask("DELETE", `/v1/tokens/${id}`, { headers: bearer(admin) }),
      ),
    );
    expect([tried?.status, missing?.status]).toEqual([404, 404]);
    const seen = (await api.ask("GET", "/v1/tokens?limit=200", { headers: bearer(admin) })).body.items;
    const whose = new Set(seen.map(({ principal }) => principal));
    expect(whose).toContain("user:chief");
    expect(whose).toContain("service:default/robot");
    expect(whose).not.toContain("user:worker-ann");
    expect(whose).not.toContain("service:acme/theirs");
  });

  test("that is the owner's in the data folder is not revoked over HTTP, which would lock the owner out", async () => {
    const { rows } = await sql<{ id: string }>`
      select id from tokens where kind = 'owner' and name is null limit 1`.execute(api.db);
    const answer = await api.ask("DELETE", `/v1/tokens/${rows[0]?.id}`);
    expect([answer.status, answer.body.code]).toEqual([409, "conflict"]);
  });

  test("made by a service account or an attempt would outlive what it comes from: refused", async () => {
    const { stackId } = await insertStack(api.db, { project: "minting", stack: "test" });
    const claim = await claimStack(api.db, stackId);
    const token = await withTransaction(api.db, (trx) =>
      makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange: true }),
    );
    const answer = await api.ask("POST", "/v1/tokens", { headers: bearer(token), body: { name: "x" } });
    expect([answer.status, answer.body.code]).toEqual([403, "forbidden"]);
    for (const list of ["tokens", "stacks", "projects", "deployments", "audit", "organisations"]) {
      const listed = await api.ask("GET", `/v1/${list}`, { headers: bearer(token) });
      expect([listed.status, listed.body.items], list).toEqual([200, []]);
    }
    expect(await statusOf(token, "/v1/stacks/default/minting/test")).toBe(200);
  });
});

describe("readers of outputs", () => {
  const url = "/v1/stacks/default/base/test/readers";

  test("are allowed and removed one by one, audited, and an attempt of one of them gets the right at once", async () => {
    const { stackId: base } = await insertStack(api.db, { project: "base", stack: "test" });
    const { stackId: shop } = await insertStack(api.db, { project: "consumer", stack: "test" });
    const claim = await claimStack(api.db, shop);
    const token = await withTransaction(api.db, (trx) =>
      makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange: true }),
    );
    const read = () => api.ask("GET", "/v1/stacks/default/base/test/outputs", { headers: bearer(token) });
    expect((await read()).status).toBe(404);
    const allow = () => api.ask("PUT", `${url}/consumer/test`);
    expect((await allow()).body).toMatchObject({ project: "consumer", stack: "test", grantedBy: "owner" });
    expect((await allow()).status).toBe(200);
    expect((await read()).status).toBe(200);
    expect((await api.ask("GET", url)).body).toMatchObject({ allowed: [{ project: "consumer" }], reads: [] });
    expect((await api.ask("DELETE", `${url}/consumer/test`)).status).toBe(204);
    expect((await api.ask("DELETE", `${url}/consumer/test`)).status).toBe(404);
    expect((await read()).status).toBe(404);
    expect((await actorOf(api.db, token))?.attempt?.readableStackIds).toEqual([]);
    expect(base).not.toBe(shop);
    expect(await audited("reader.allowed")).toMatchObject([
      { subject: "default/base/test", details: { reader: "consumer/test" } },
    ]);
    expect(await audited("reader.removed")).toHaveLength(1);
    for (const [reader, status] of [
      ["base/test", 409],
      ["nothing/test", 404],
    ] as const)
      expect((await api.ask("PUT", `${url}/${reader}`)).status, reader).toBe(status);
  });

  test("are for the deployers and admins of the stack to name, not for viewers", async () => {
    const viewer = await tokenOf(api, "peeker", { default: "viewer" });
    const deployer = await tokenOf(api, "giver", { default: "deployer" });
    const put = async (token: string) =>
      (await api.ask("PUT", `${url}/consumer/test`, { headers: bearer(token) })).status;
    expect([await put(viewer), await put(deployer)]).toEqual([403, 200]);
    expect(await statusOf(viewer, url)).toBe(200);
  });

  test("who did read are counted, each day's first read is audited, also when ten read at once", async () => {
    const { stackId } = await insertStack(api.db, { project: "read", stack: "test" });
    const { stackId: reader } = await insertStack(api.db, { project: "reading", stack: "test" });
    const claim = await claimStack(api.db, reader);
    const token = await withTransaction(api.db, (trx) =>
      makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange: false }),
    );
    const actor = await actorOf(api.db, token);
    if (actor === undefined) throw new Error("the attempt has no actor");
    const note = (client: string | undefined, of = stackId) =>
      noteExport(api.db, { actor, stackId: of, client, requestId: null });
    const up = "pulumi-cli/1 (v3.250.0; linux; cmd=up)";
    await Promise.all(Array.from({ length: 10 }, () => note(up)));
    await note("pulumi-cli/1 (v3.250.0; linux; cmd=stack-export)");
    await note(undefined);
    await note(up, reader);
    const address = "/v1/stacks/default/read/test/readers";
    expect((await api.ask("GET", address)).body.reads).toMatchObject([
      {
        reader: { organisation: "default", project: "reading", stack: "test" },
        principal: "attempt",
        times: 10,
      },
    ]);
    expect((await api.ask("GET", "/v1/stacks/default/reading/test/readers")).body.reads).toEqual([]);
    expect(await audited("outputs.read")).toMatchObject([
      { subject: "default/read/test", principal: actor.id, details: { reader: "reading/test" } },
    ]);
    await sql`update output_reads set last_at = last_at - interval '1 day'`.execute(api.db);
    await Promise.all(Array.from({ length: 10 }, () => note(up)));
    expect(await audited("outputs.read")).toHaveLength(2);
  });

  test("of a bare CLI run are known by the one stack where its principal has a running update", async () => {
    const { stackId } = await insertStack(api.db, { project: "cli-read", stack: "test" });
    const { stackId: own } = await insertStack(api.db, {
      organisation: "acme",
      project: "secretly",
      stack: "test",
    });
    const actor: Actor = {
      id: "user:cli",
      kind: "user",
      name: "cli",
      roles: { default: "viewer" },
      attempt: null,
    };
    const note = () =>
      noteExport(api.db, {
        actor,
        stackId,
        client: "pulumi-cli/1 (v3.250.0; linux; cmd=preview)",
        requestId: null,
      });
    const address = "/v1/stacks/default/cli-read/test/readers";
    await note();
    expect((await api.ask("GET", address)).body.reads).toEqual([]);
    const run = (of: string) =>
      sql`insert into updates (id, stack_id, kind, dry_run, status, principal) values (gen_random_uuid(), ${of}, 'preview', true, 'running', 'user:cli')`.execute(
        api.db,
      );
    await run(own);
    await note();
    expect((await api.ask("GET", address)).body.reads).toMatchObject([
      { reader: { organisation: "acme", project: "secretly" }, principal: "user:cli", times: 1 },
    ]);
    const viewer = await tokenOf(api, "outsider", { default: "viewer" });
    const seen = await api.ask("GET", address, { headers: bearer(viewer) });
    expect(seen.body.reads).toMatchObject([{ reader: null, principal: "user:cli" }]);
    expect(seen.text).not.toContain("secretly");
    expect((await audited("outputs.read"))[0]?.details).toEqual({ reader: "another organisation" });
    // A run on the stack itself: its engine reads its own state, which is no reference.
    await run(stackId);
    await note();
    expect((await api.ask("GET", address)).body.reads).toMatchObject([{ times: 1 }]);
  });
});
