import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerBody, TestAnswer, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { endDeployment, recordRelease } from "../../../test/helpers/records.ts";
import { recordState, stateText } from "../../../test/helpers/updates.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const actionsOf = async (project: string) =>
  (await api.ask("GET", `/v1/audit?project=${project}`)).body.items.map(({ action }) => action).reverse();

async function pagesOf(url: string): Promise<AnswerBody[]> {
  const items: AnswerBody[] = [];
  let after: string | null = "";
  while (after !== null) {
    const separator = url.includes("?") ? "&" : "?";
    const page: TestAnswer = await api.ask(
      "GET",
      `${url}${separator}limit=2${after === "" ? "" : `&after=${after}`}`,
    );
    expect(page.status, page.text).toBe(200);
    expect(page.body.items.length).toBeLessThanOrEqual(2);
    items.push(...page.body.items);
    after = page.body.next;
  }
  return items;
}

describe("a project", () => {
  test("is registered with the folder's real path, listed, forgotten, and its name is free again", async () => {
    const folder = await api.makeProject("life");
    const created = await api.ask("POST", "/v1/projects", {
      body: { name: "life", folder: `${folder}/../${folder.split("/").at(-1)}/` },
    });
    expect(created.status, created.text).toBe(201);
    expect(created.headers.location).toBe("/v1/projects/default/life");
    expect(created.body).toMatchObject({ organisation: "default", name: "life", folder });
    expect((await api.ask("GET", "/v1/projects/default/life")).body).toEqual(created.body);
    expect((await api.ask("DELETE", "/v1/projects/default/life")).status).toBe(204);
    expect((await api.ask("GET", "/v1/projects/default/life")).status).toBe(404);
    const again = await api.ask("POST", "/v1/projects", { body: { name: "life", folder } });
    expect(again.status).toBe(201);
    expect(again.body.id).not.toBe(created.body.id);
    expect(await actionsOf("life")).toEqual(["project.created", "project.removed", "project.created"]);
  });

  test("of another organisation may have the same name", async () => {
    const folder = await api.makeProject("twin");
    for (const organisation of ["default", "other"]) {
      const answer = await api.ask("POST", "/v1/projects", { body: { organisation, name: "twin", folder } });
      expect(answer.status, answer.text).toBe(201);
    }
  });

  test("created twice at the same moment exists once", async () => {
    const folder = await api.makeProject("both");
    const answers = await Promise.all(
      [1, 2, 3].map(() => api.ask("POST", "/v1/projects", { body: { name: "both", folder } })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });
});

describe("a stack", () => {
  test("is created with tags, shown, changed and removed; its history stays in the audit log", async () => {
    await api.makeStack("shop", "one");
    const created = await api.ask("POST", "/v1/stacks", {
      body: { project: "shop", name: "two", tags: { team: "a" } },
    });
    expect(created.status, created.text).toBe(201);
    expect(created.headers.location).toBe("/v1/stacks/default/shop/two");
    expect(created.body).toMatchObject({
      tags: { team: "a" },
      currentRelease: null,
      lastDeployment: null,
      resourceCount: null,
    });
    const url = "/v1/stacks/default/shop/two";
    const tagged = await api.ask("PUT", `${url}/tags`, { body: { tags: { owner: "b" } } });
    expect(tagged.body.tags).toEqual({ owner: "b" });
    expect((await api.ask("GET", url)).body).toEqual(tagged.body);
    expect((await api.ask("DELETE", url)).status).toBe(204);
    expect((await api.ask("GET", url)).status).toBe(404);
    expect((await api.ask("POST", "/v1/stacks", { body: { project: "shop", name: "two" } })).status).toBe(
      201,
    );
    const { items } = (await api.ask("GET", "/v1/audit?project=shop&stack=two")).body;
    expect(items.map(({ action }) => action)).toEqual([
      "stack.created",
      "stack.removed",
      "stack.tags_replaced",
      "stack.created",
    ]);
  });

  test("with resources, or with a deployment that has not ended, is not removed", async () => {
    const url = await api.makeStack("busy");
    const { body } = await api.ask("POST", `${url}/deployments`, { body: { operation: "update" } });
    expect((await api.ask("DELETE", url)).body.code).toBe("conflict");
    await recordRelease(api.db, body.id, "good", { url: "http://localhost", password: { secret: true } });
    await sql`update stacks set resource_count = 3 where id = (select stack_id from deployments where id = ${body.id})`.execute(
      api.db,
    );
    const refused = await api.ask("DELETE", url);
    expect([refused.status, refused.body.code]).toEqual([409, "stack_not_empty"]);
    expect((await api.ask("GET", url)).body).toMatchObject({
      currentRelease: 1,
      lastGoodRelease: 1,
      resourceCount: 3,
      lastDeployment: { id: body.id, operation: "update", status: "succeeded" },
    });
    // Outputs are the state's: a release may be older than it.
    expect((await api.ask("GET", `${url}/outputs`)).body).toEqual({ release: 1, state: null, outputs: {} });
    const stackId = (await api.ask("GET", url)).body.id;
    await recordState(api.dependencies, stackId, stateText({ project: "busy", stack: "test" }));
    expect((await api.ask("GET", `${url}/outputs`)).body).toMatchObject({
      release: 1,
      state: 1,
      outputs: { url: "http://localhost:1", password: { secret: true } },
    });
  });

  test("H5: without an output answers 200 with none, also after a failed deployment", async () => {
    const url = await api.makeStack("bare");
    const none = { release: null, state: null, outputs: {} };
    expect((await api.ask("GET", `${url}/outputs`)).body).toEqual(none);
    const { body } = await api.ask("POST", `${url}/deployments`, { body: { operation: "update" } });
    await endDeployment(api.db, body.id, "failed");
    expect((await api.ask("GET", `${url}/outputs`)).body).toEqual(none);
  });

  test("of a project that is removed at the same moment is created before or not at all", async () => {
    await api.ask("POST", "/v1/projects", { body: { name: "gone", folder: await api.makeProject("gone") } });
    const [created, removed] = await Promise.all([
      api.ask("POST", "/v1/stacks", { body: { project: "gone", name: "test" } }),
      api.ask("DELETE", "/v1/projects/default/gone"),
    ]);
    expect([
      [201, 409],
      [404, 204],
    ]).toContainEqual([created.status, removed.status]);
  });
});

test("config values are set, replaced, listed and removed; a secret's value never comes back", async () => {
  const url = await api.makeStack("settings");
  const set = await api.ask("PUT", `${url}/config/size`, { body: { value: "3" } });
  expect(set.body).toMatchObject({ key: "settings:size", secret: false, value: "3", updatedBy: "owner" });
  const secret = await api.ask("PUT", `${url}/config/aws:key`, { body: { value: "canary", secret: true } });
  expect(secret.body).toMatchObject({ key: "aws:key", secret: true, value: null });
  await api.ask("PUT", `${url}/config/settings:size`, { body: { value: "4" } });
  const { items } = (await api.ask("GET", `${url}/config`)).body;
  expect(items.map(({ key, value }) => [key, value])).toEqual([
    ["aws:key", null],
    ["settings:size", "4"],
  ]);
  // A secret that becomes plain, and back.
  expect((await api.ask("PUT", `${url}/config/aws:key`, { body: { value: "open" } })).body.value).toBe(
    "open",
  );
  expect(
    (await api.ask("PUT", `${url}/config/aws:key`, { body: { value: "closed", secret: true } })).body.value,
  ).toBeNull();
  expect((await api.ask("DELETE", `${url}/config/aws:key`)).status).toBe(204);
  expect((await api.ask("DELETE", `${url}/config/aws:key`)).status).toBe(404);
  expect(await actionsOf("settings")).toEqual([
    "project.created",
    "stack.created",
    "config.set",
    "config.set",
    "config.set",
    "config.set",
    "config.set",
    "config.removed",
  ]);
});

test("lists are paged newest first without a gap, also by project", async () => {
  for (const name of ["p1", "p2", "p3"]) await api.makeStack(name, "a");
  for (const name of ["b", "c", "d", "e"])
    await api.ask("POST", "/v1/stacks", { body: { project: "p1", name } });
  expect((await pagesOf("/v1/stacks?project=p1")).map(({ name }) => name)).toEqual(["e", "d", "c", "b", "a"]);
  expect((await pagesOf("/v1/projects")).map(({ name }) => name).slice(0, 3)).toEqual(["p3", "p2", "p1"]);
  const audit = await pagesOf("/v1/audit");
  const sequences = audit.map(({ sequence }) => Number(sequence));
  expect(sequences).toEqual([...sequences].sort((one, other) => other - one));
  expect(new Set(sequences).size).toBe(sequences.length);
  expect((await pagesOf("/v1/audit?action=stack.created&project=p1")).length).toBe(5);
  expect((await pagesOf("/v1/audit?project=p")).length).toBe(0);
});

describe("without an audit entry there is no change", () => {
  test("whichever it is", async () => {
    const url = await api.makeStack("strict");
    await api.ask("PUT", `${url}/config/old`, { body: { value: "1" } });
    const { body: deployment } = await api.ask("POST", `${url}/deployments`, {
      body: { operation: "update" },
    });
    const folder = await api.makeProject("unseen");
    const before = await state(url);
    await sql`alter table audit_entries add constraint break_it check (false) not valid`.execute(api.db);
    try {
      for (const [method, address, body] of [
        ["POST", "/v1/projects", { name: "unseen", folder }],
        ["POST", "/v1/stacks", { project: "strict", name: "unseen" }],
        ["PUT", `${url}/tags`, { tags: { a: "b" } }],
        ["PUT", `${url}/config/new`, { value: "1" }],
        ["DELETE", `${url}/config/old`, undefined],
        ["POST", `${url}/deployments`, { operation: "update" }],
        ["POST", `/v1/deployments/${deployment.id}/cancel`, undefined],
      ] as const) {
        const answer = await api.ask(method, address, { body });
        expect([address, answer.status, answer.body.code]).toEqual([address, 500, "internal"]);
      }
    } finally {
      await sql`alter table audit_entries drop constraint break_it`.execute(api.db);
    }
    expect(await state(url)).toEqual(before);
  });

  async function state(url: string): Promise<unknown> {
    const answers = [];
    for (const address of [
      "/v1/projects",
      "/v1/stacks",
      url,
      `${url}/config`,
      `${url}/deployments`,
      "/v1/audit",
    ]) {
      answers.push((await api.ask("GET", address)).body);
    }
    return answers;
  }

  test("and entries are neither changed nor removed, whoever asks", async () => {
    for (const statement of [
      sql`update audit_entries set principal = 'nobody'`,
      sql`delete from audit_entries`,
      sql`truncate audit_entries`,
    ]) {
      await expect(statement.execute(api.db)).rejects.toThrow("never changed or removed");
    }
  });
});
