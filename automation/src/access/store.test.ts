import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { claimStack, insertStack } from "../../../test/helpers/access.ts";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { endAttempt, startAttempt } from "../attempts/store.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase, withTransaction } from "../database.ts";
import { actorOf } from "./actor.ts";
import { makeAttemptToken } from "./attempt-tokens.ts";
import { putReader } from "./readers-store.ts";
import { hashToken, makeToken } from "./token.ts";

let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  await sql`insert into organisations (name) values ('team')`.execute(open.db);
  await sql`
    insert into principals (id, kind, name, organisation) values
      ('user:ann', 'user', 'ann', null), ('user:gone', 'user', 'gone', null), ('service:team/ci', 'service', 'ci', 'team')`.execute(
    open.db,
  );
  await sql`
    insert into memberships (principal, organisation, role, granted_by) values
      ('user:ann', 'default', 'viewer', 'owner'), ('user:ann', 'team', 'admin', 'owner'),
      ('service:team/ci', 'team', 'deployer', 'owner')`.execute(open.db);
  await sql`update principals set removed_at = now() where id = 'user:gone'`.execute(open.db);
});
afterAll(async () => {
  await open.close();
  await database.drop();
});

async function insertToken(
  kind: "owner" | "worker" | "user" | "service",
  principal: string,
  more: { expires?: string; revoked?: boolean } = {},
): Promise<string> {
  const token = makeToken(kind);
  await sql`
    insert into tokens (id, principal, kind, hash, expires_at, revoked_at)
    values (${randomUUID()}, ${principal}, ${kind}, ${hashToken(token)},
      now() + ${more.expires ?? null}::interval, case when ${more.revoked === true} then now() end)`.execute(
    open.db,
  );
  return token;
}

describe("the actor of a token", () => {
  test.each([
    ["owner", "owner", { kind: "owner", name: "owner", roles: {} }],
    ["worker", "worker:1", { kind: "worker", name: "worker:1", roles: {} }],
    ["user", "user:ann", { kind: "user", name: "ann", roles: { default: "viewer", team: "admin" } }],
    ["service", "service:team/ci", { kind: "service", name: "ci", roles: { team: "deployer" } }],
  ] as const)("of kind %s is its principal with its roles", async (kind, principal, expected) => {
    const token = await insertToken(kind, principal, { expires: "1 hour" });
    expect(await actorOf(open.db, token)).toEqual({ id: principal, attempt: null, ...expected });
  });

  test.each([
    ["has expired", "user", "user:ann", { expires: "-1 second" }],
    ["was revoked", "user", "user:ann", { revoked: true }],
    ["belongs to a removed principal", "user", "user:gone", {}],
    ["belongs to nobody", "user", "user:unknown", {}],
    ["names another kind than its principal", "service", "user:ann", {}],
    ["was revoked, of the owner", "owner", "owner", { revoked: true }],
  ] as const)("is nobody when it %s", async (_, kind, principal, more) => {
    expect(await actorOf(open.db, await insertToken(kind, principal, more))).toBeUndefined();
  });

  test("is nobody for what is no token, or one that nobody made", async () => {
    for (const text of ["", "x", makeToken("owner"), makeToken("attempt"), `${makeToken("user")} `])
      expect(await actorOf(open.db, text)).toBeUndefined();
  });
});

describe("the token of an attempt", () => {
  async function newAttempt(mayChange = true) {
    const { stackId } = await insertStack(open.db, {
      organisation: "team",
      project: "shop",
      stack: randomUUID(),
    });
    const claim = await claimStack(open.db, stackId);
    const token = await withTransaction(open.db, (trx) =>
      makeAttemptToken(trx, { attemptId: claim.attemptId, mayChange }),
    );
    return { stackId, claim, token };
  }

  test("says which stack it is for, with which right, and which stacks list it", async () => {
    const { stackId, claim, token } = await newAttempt(false);
    const listing = await insertStack(open.db, { organisation: "team", project: "base", stack: "test" });
    const removed = await insertStack(open.db, { organisation: "team", project: "base", stack: "removed" });
    await withTransaction(open.db, async (trx) => {
      for (const one of [listing, removed])
        await putReader(trx, { stackId: one.stackId, readerStackId: stackId, grantedBy: "owner" });
    });
    await sql`update stacks set removed_at = now() where id = ${removed.stackId}`.execute(open.db);
    expect(token).toMatch(/^slp_attempt_/);
    expect(await actorOf(open.db, token)).toEqual({
      id: `attempt:${claim.attemptId}`,
      kind: "attempt",
      name: `attempt 1 of deployment ${claim.deploymentId}`,
      roles: {},
      attempt: {
        attemptId: claim.attemptId,
        deploymentId: claim.deploymentId,
        stackId,
        organisation: "team",
        epoch: claim.epoch,
        mayChange: false,
        readableStackIds: [listing.stackId],
      },
    });
  });

  test.each([
    ["its lease has run out", sql`expires_at = now() - interval '1 second'`],
    ["another holds the stack", sql`holder = gen_random_uuid()`],
    ["it took the stack again with a later epoch", sql`epoch = epoch + 1`],
    ["a bare update holds the stack under its id", sql`holder_kind = 'update'`],
    ["nobody holds the stack", sql`holder = null, holder_kind = null, expires_at = null`],
  ])("is nobody's when %s", async (_, change) => {
    const { stackId, token } = await newAttempt();
    expect(await actorOf(open.db, token)).toBeDefined();
    await sql`update stack_writers set ${change} where stack_id = ${stackId}`.execute(open.db);
    expect(await actorOf(open.db, token)).toBeUndefined();
  });

  test("ends with the attempt", async () => {
    const { claim, token } = await newAttempt();
    await withTransaction(open.db, async (trx) => {
      await startAttempt(trx, claim.attemptId);
      await endAttempt(trx, claim, "succeeded");
    });
    expect(await actorOf(open.db, token)).toBeUndefined();
  });

  test("leaves no row behind once a later attempt of the stack has one; those of other stacks and of living attempts stay", async () => {
    const [ended, other] = [await newAttempt(), await newAttempt()];
    await withTransaction(open.db, async (trx) => {
      await startAttempt(trx, ended.claim.attemptId);
      await endAttempt(trx, ended.claim, "succeeded");
      await sql`update deployments set status = 'succeeded', finished_at = now() where id = ${ended.claim.deploymentId}`.execute(
        trx,
      );
    });
    const next = await claimStack(open.db, ended.stackId);
    const tokens = await withTransaction(open.db, async (trx) => [
      await makeAttemptToken(trx, { attemptId: next.attemptId, mayChange: false }),
      await makeAttemptToken(trx, { attemptId: next.attemptId, mayChange: true }),
    ]);
    const { rows } = await sql<{ attempt: string; count: number }>`
      select attempt_id as attempt, count(*) as count from attempt_tokens group by attempt_id`.execute(
      open.db,
    );
    const counts = Object.fromEntries(rows.map(({ attempt, count }) => [attempt, count]));
    expect([ended, other].map(({ claim }) => counts[claim.attemptId])).toEqual([undefined, 1]);
    expect(counts[next.attemptId]).toBe(2);
    for (const token of [...tokens, other.token]) expect(await actorOf(open.db, token)).toBeDefined();
  });

  test("is in the database as its hash only", async () => {
    const { token } = await newAttempt();
    const { rows } = await sql<{ row: string }>`select t::text as row from attempt_tokens t`.execute(open.db);
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(token);
  });
});
