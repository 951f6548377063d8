import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bearer, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestAnswer, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { endDeployment, recordRelease } from "../../../test/helpers/records.ts";
import { requestersOf } from "../approvals/requesters-store.ts";

let api: TestApi;
let project: string;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** A project with three stacks, whose archive holds config for two of them. */
beforeEach(async () => {
  count += 1;
  project = `shop${count}`;
  await api.makeStack(project, "local", {
    "Pulumi.local.yaml": `config:\n  ${project}:size: small\n`,
    "Pulumi.test.yaml": `config:\n  ${project}:size: large\n`,
  });
  for (const name of ["test", "production"]) await api.ask("POST", "/v1/stacks", { body: { project, name } });
});

const at = (stack: string) => `/v1/stacks/default/${project}/${stack}`;
const order = (...stacks: { stack: string; onlyPromoted?: boolean }[]) =>
  api.ask("PUT", `/v1/projects/default/${project}/environments`, { body: { stacks } });
const update = (stack: string, more: Record<string, unknown> = {}): Promise<TestAnswer> =>
  api.ask("POST", `${at(stack)}/deployments`, { body: { operation: "update", ...more } });

/** Deploys a stack, as far as the records go. */
async function release(stack: string, health: "good" | "bad" | "pending" = "good"): Promise<AnswerBody> {
  const { status, body, text } = await update(stack);
  expect(status, text).toBe(202);
  await recordRelease(api.db, body.id, health);
  return body;
}

/** Refuses a source on a stack, with the config that a deployment there would have. */
async function quarantine(stack: string, deployment: AnswerBody): Promise<void> {
  await sql`
    insert into quarantines (stack_id, source_digest, config_digest, reason)
    select s.id, d.source_digest, d.config_digest, 'It was bad.' from deployments d, stacks s join projects p on p.id = s.project_id
    where d.id = ${deployment.id} and s.name = ${stack} and p.name = ${project}`.execute(api.db);
}

async function configOf(id: string): Promise<unknown> {
  const row = await api.db
    .selectFrom("deployments")
    .select("config")
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return row.config;
}

describe("a promotion", () => {
  test("takes source, lockfile and commit of the release, and the config of its own stack, with the folder gone", async () => {
    const from = await release("local");
    await api.ask("PUT", `${at("test")}/config/${project}:extra`, { body: { value: "own" } });
    const { body: known } = await api.ask("GET", `/v1/projects/default/${project}`);
    await rm(String(known.folder), { recursive: true });
    const { status, body, text } = await update("test", { promote: { stack: "local" } });
    expect(status, text).toBe(202);
    expect(body).toMatchObject({
      operation: "update",
      sourceDigest: from.sourceDigest,
      promotedFrom: { stack: "local", release: 1 },
    });
    expect(await configOf(body.id)).toEqual({
      [`${project}:size`]: { secret: false, value: "large" },
      [`${project}:extra`]: { secret: false, value: "own" },
    });
    expect(await recordRelease(api.db, body.id, "good")).toBe(1);
    const { body: made } = await api.ask("GET", `${at("test")}/releases/1`);
    expect(made).toMatchObject({ promotedFrom: { stack: "local", release: 1 }, rollbackOf: null });
    const { body: audit } = await api.ask("GET", `/v1/audit?project=${project}&organisation=default`);
    expect(audit.items.find(({ action }) => action === "deployment.requested")).toMatchObject({
      details: { promotedFrom: { stack: "local", release: 1 } },
    });
  });

  test("has a part of everybody who wrote what it brings to the stack, not only of who wrote the last commit", async () => {
    const wrote = async ({ sourceDigest }: AnswerBody, name: string): Promise<void> => {
      await sql`insert into source_authors values (${sourceDigest}, ${name}, ${`${name}@example.com`})`.execute(
        api.db,
      );
    };
    const writers = async (id: string): Promise<string[]> =>
      (await requestersOf(api.db, id, []))
        .filter(({ why }) => why.includes("commits"))
        .map(({ principal }) => principal);
    for (const name of ["ann", "bea", "cem"]) await tokenOf(api, name, { default: "deployer" });
    const { body: known } = await api.ask("GET", `/v1/projects/default/${project}`);
    const next = async (author: string): Promise<void> => {
      await writeFile(path.join(String(known.folder), "note.txt"), author);
      await wrote(await release("local"), author);
    };
    const promoted = async (to: string, from: string): Promise<AnswerBody> => {
      const { status, body, text } = await update(to, { promote: { stack: from } });
      expect(status, text).toBe(202);
      return body;
    };
    await next("ann");
    await recordRelease(api.db, (await promoted("test", "local")).id, "good");
    await recordRelease(api.db, (await promoted("production", "test")).id, "good");
    await next("bea");
    await next("cem");
    const { id } = await promoted("test", "local");
    expect(await writers(id)).toEqual(["user:bea", "user:cem"]);
    await recordRelease(api.db, id, "good");
    const last = await promoted("production", "test");
    expect(await writers(last.id), "two stacks on").toEqual(["user:bea", "user:cem"]);
  });

  test("is only of a good release that is quarantined on neither stack", async () => {
    const pending = await release("local", "pending");
    const refused = await update("test", { promote: { stack: "local" } });
    expect([refused.status, refused.body.code]).toEqual([409, "release_not_good"]);
    await sql`update releases set health = 'good', health_decided_at = now()
      where deployment_id = ${pending.id}`.execute(api.db);
    // The same source with the config that it would have here.
    const probe = await update("test");
    await endDeployment(api.db, probe.body.id, "cancelled");
    await quarantine("test", probe.body);
    const onTarget = await update("test", { promote: { stack: "local" } });
    expect([onTarget.status, onTarget.body.code]).toEqual([409, "quarantined"]);
    await sql`update quarantines set lifted_at = now(), lifted_by = 'owner'`.execute(api.db);
    await quarantine("local", pending);
    const onSource = await update("test", { promote: { stack: "local", release: 1 } });
    expect([onSource.status, onSource.body.code]).toEqual([409, "quarantined"]);
    await sql`update quarantines set lifted_at = now(), lifted_by = 'owner'`.execute(api.db);
    expect((await update("test", { promote: { stack: "local" } })).status).toBe(202);
  });

  test("names what is there: an unknown stack or release is 404 and never made, the stack itself and other operations are refused", async () => {
    await release("local");
    const codes = [];
    for (const [stack, body] of [
      ["test", { promote: { stack: "nowhere" } }],
      ["nowhere", { promote: { stack: "local" } }],
      ["test", { promote: { stack: "local", release: 7 } }],
      ["test", { promote: { stack: "production" } }],
      ["local", { promote: { stack: "local" } }],
      ["test", { promote: { stack: "local" }, operation: "destroy" }],
      ["test", { promote: { stack: "local" }, options: { skipTests: true } }],
    ] as const) {
      const answer = await update(stack, body);
      codes.push(`${answer.status} ${answer.body.code}`);
    }
    expect(codes).toEqual([
      "404 not_found",
      "404 not_found",
      "404 release_not_found",
      "404 release_not_found",
      "422 invalid_request",
      "422 option_not_supported",
      "422 option_not_supported",
    ]);
    expect((await api.ask("GET", at("nowhere"))).status).toBe(404);
    expect((await api.ask("GET", `${at("test")}/deployments`)).body.items).toEqual([]);
  });
});

describe("the order of a project's stacks", () => {
  test("lets a stack take only what was promoted from the one before it", async () => {
    const set = await order(
      { stack: "local" },
      { stack: "test", onlyPromoted: true },
      { stack: "production", onlyPromoted: true },
    );
    expect(set.status, set.text).toBe(200);
    await release("local");
    const direct = await update("test");
    expect([direct.status, direct.body.code]).toEqual([409, "not_promoted"]);
    expect(direct.body.remedy).toContain("slipway promote --stack test --from local");
    const leap = await update("production", { promote: { stack: "local" } });
    expect([leap.status, leap.body.code]).toEqual([409, "not_promoted"]);
    const taken = await update("test", { promote: { stack: "local" } });
    expect(taken.status, taken.text).toBe(202);
    await recordRelease(api.db, taken.body.id, "good");
    expect((await update("production", { promote: { stack: "test" } })).status).toBe(202);
    // What only looks, and what takes away, is taken from anywhere.
    for (const operation of ["preview", "destroy"])
      expect((await update("test", { operation })).status).toBe(202);
    const { body } = await api.ask("GET", `/v1/projects/default/${project}/environments`);
    expect(body.stacks).toEqual([
      {
        stack: "local",
        onlyPromoted: false,
        removed: false,
        release: { number: 1, health: "good", quarantined: false },
      },
      {
        stack: "test",
        onlyPromoted: true,
        removed: false,
        release: { number: 1, health: "good", quarantined: false },
      },
      { stack: "production", onlyPromoted: true, removed: false, release: null },
    ]);
  });

  test("keeps a state out that somebody brings to a stack that only takes promotions, but for its first one", async () => {
    await order({ stack: "local" }, { stack: "test", onlyPromoted: true });
    const bring = async (stack: string, command: string): Promise<[number, string]> => {
      const deployment = {
        manifest: { time: "2026-01-01T00:00:00Z", magic: "", version: "" },
        resources: [],
      };
      const { statusCode, payload } = await api.app.inject({
        method: "POST",
        url: `/api/stacks/default/${project}/${stack}/import`,
        headers: {
          host: "127.0.0.1",
          authorization: `token ${api.token}`,
          "user-agent": `pulumi-cli/1 (v3.250.0; linux; cmd=${command})`,
          "content-type": "application/json",
        },
        payload: JSON.stringify({ version: 3, deployment }),
      });
      return [statusCode, payload];
    };
    expect((await bring("test", "stack-import"))[0], "its first one").toBe(200);
    const [status, text] = await bring("test", "stack-import");
    expect([status, text]).toEqual([
      409,
      expect.stringContaining("test only takes what was promoted from local."),
    ]);
    expect((await bring("test", "state-delete"))[0], "a part of it is put right").toBe(200);
    for (let times = 0; times < 2; times += 1) expect((await bring("local", "stack-import"))[0]).toBe(200);
  });

  test("is an admin's to set, audited, and names only stacks that are there", async () => {
    expect((await order({ stack: "local" }, { stack: "nowhere" })).status).toBe(404);
    expect((await api.ask("GET", `/v1/projects/default/${project}/environments`)).body.stacks).toEqual([]);
    expect((await order({ stack: "local", onlyPromoted: true })).status).toBe(422);
    const deployer = await tokenOf(api, "dora", { default: "deployer" });
    const forbidden = await api.ask("PUT", `/v1/projects/default/${project}/environments`, {
      body: { stacks: [] },
      headers: bearer(deployer),
    });
    expect(forbidden.status).toBe(403);
    expect((await order({ stack: "local" }, { stack: "test" })).status).toBe(200);
    const { body } = await api.ask("GET", `/v1/audit?organisation=default&project=${project}`);
    expect(body.items[0]).toMatchObject({
      action: "environments.set",
      details: {
        before: [],
        after: [
          { stack: "local", onlyPromoted: false },
          { stack: "test", onlyPromoted: false },
        ],
      },
    });
  });

  test("holds for the Pulumi CLI too, which may still look and take away", async () => {
    await order({ stack: "local" }, { stack: "test", onlyPromoted: true });
    const ask = async (stack: string, kind: string): Promise<number> => {
      const { statusCode } = await api.app.inject({
        method: "POST",
        url: `/api/stacks/default/${project}/${stack}/${kind}`,
        headers: { host: "127.0.0.1", authorization: `token ${api.token}` },
        payload: { name: project, runtime: "nodejs", options: {}, config: {}, metadata: {} },
      });
      return statusCode;
    };
    expect(await ask("test", "update")).toBe(409);
    for (const kind of ["preview", "refresh", "destroy"]) expect(await ask("test", kind)).toBe(200);
    expect(await ask("local", "update")).toBe(200);
  });

  test("fails closed: while the stack before is removed nothing is taken", async () => {
    await order({ stack: "local" }, { stack: "test" }, { stack: "production", onlyPromoted: true });
    expect((await api.ask("DELETE", at("test"))).status).toBe(204);
    await release("local");
    for (const more of [{}, { promote: { stack: "local" } }]) {
      expect((await update("production", more)).body.code).toBe("not_promoted");
    }
    const { body } = await api.ask("GET", `/v1/projects/default/${project}/environments`);
    expect(body.stacks).toMatchObject([{ removed: false }, { stack: "test", removed: true }, {}]);
  });
});

test("what a promotion would bring is shown before it is asked for, with why it may not be", async () => {
  await release("local");
  const look = (query: string) => api.ask("GET", `${at("test")}/promotion?${query}`);
  const first = await look("from=local");
  expect(first.body).toMatchObject({ from: { stack: "local", release: 1 }, refusal: null, current: null });
  const taken = await update("test", { promote: { stack: "local" } });
  await recordRelease(api.db, taken.body.id, "good");
  const again = await look("from=local&release=1");
  expect(again.body).toMatchObject({
    current: { release: 1 },
    sameSource: true,
    config: [{ key: `${project}:size`, secret: false, change: "changed" }],
    versions: [],
  });
  await order({ stack: "production" }, { stack: "test", onlyPromoted: true });
  expect((await look("from=local")).body.refusal).toMatchObject({ code: "not_promoted" });
  expect((await look("from=nowhere")).status).toBe(404);
  expect((await look("from=production")).status).toBe(404);
});
