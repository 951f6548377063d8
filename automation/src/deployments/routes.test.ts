import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AnswerBody, TestAnswer, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { endDeployment, recordRelease, startDeployment } from "../../../test/helpers/records.ts";
import { openConfig } from "../secrets/config-secrets.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

async function deploy(stack: string, body: Record<string, unknown> = {}): Promise<AnswerBody> {
  const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...body } });
  expect(answer.status, answer.text).toBe(202);
  return answer.body;
}

async function folderOf(stack: string): Promise<string> {
  const name = stack.split("/")[4] ?? "";
  return String((await api.ask("GET", `/v1/projects/default/${name}`)).body.folder);
}

const codeOf = ({ status, body }: TestAnswer) => [status, body.code];
const stepsOf = (body: AnswerBody) => (body.steps as { name: string }[]).map(({ name }) => name);
const storedConfig = async (id: string) =>
  api.db
    .selectFrom("deployments")
    .select(["config", "config_digest", "stack_id", "source_digest"])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();

describe("a request for a deployment", () => {
  test("H3: is accepted with its place in the queue, its steps, its address and its first event", async () => {
    const stack = await api.makeStack("accepted");
    const answer = await api.ask("POST", `${stack}/deployments`, {
      body: { operation: "update", message: "first" },
    });
    expect(answer.status, answer.text).toBe(202);
    expect(answer.headers.location).toBe(`/v1/deployments/${answer.body.id}`);
    expect(answer.body).toMatchObject({
      status: "queued",
      number: 1,
      queuePosition: 0,
      operation: "update",
      message: "first",
      requestedBy: "owner",
      cause: "request",
      release: null,
      failure: null,
      attempts: 0,
    });
    expect(stepsOf(answer.body)).toContain("update");
    expect(await api.dependencies.artifacts.has(String(answer.body.sourceDigest))).toBe(true);
    expect((await api.ask("GET", `/v1/deployments/${answer.body.id}`)).body).toEqual(answer.body);
    const events = await api.ask("GET", `/v1/deployments/${answer.body.id}/events`);
    expect(events.body.items).toMatchObject([{ sequence: 1, body: { type: "status", status: "queued" } }]);
    expect(events.body.complete).toBe(false);
  });

  test("leaves an entry that names the principal, and a hint for the workers", async () => {
    const stack = await api.makeStack("audited");
    const { default: pg } = await import("pg");
    const client = new pg.Client({ connectionString: api.databaseUrl });
    await client.connect();
    const heard: (string | undefined)[] = [];
    client.on("notification", ({ payload }) => heard.push(payload));
    await client.query("listen slipway_work");
    const { id } = await deploy(stack, { options: { skipPreview: true } });
    const { stack_id: stackId } = await storedConfig(id);
    await expect.poll(() => heard).toContain(stackId);
    await client.end();
    const { items } = (await api.ask("GET", "/v1/audit?project=audited&stack=test")).body;
    expect(items[0]).toMatchObject({
      principal: "owner",
      action: "deployment.requested",
      subject: "default/audited/test",
      details: { deployment: id, operation: "update", options: { skipPreview: true } },
    });
    expect(items[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("waits behind the ones before it in its own stack only", async () => {
    const [one, other] = [await api.makeStack("queue-one"), await api.makeStack("queue-other")];
    const positions = [];
    for (const stack of [one, one, one, other]) positions.push((await deploy(stack)).queuePosition);
    expect(positions).toEqual([0, 1, 2, 0]);
    const list = (await api.ask("GET", `${one}/deployments`)).body.items;
    expect(list.map(({ number }) => number)).toEqual([3, 2, 1]);
    expect(list[0]).not.toHaveProperty("steps");
  });

  test("H2: two at once get different numbers", async () => {
    const stack = await api.makeStack("at-once");
    const made = await Promise.all(Array.from({ length: 8 }, () => deploy(stack)));
    expect(made.map(({ number }) => number).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("H1: after a first update that failed is accepted and takes the next number", async () => {
    const stack = await api.makeStack("again");
    await endDeployment(api.db, (await deploy(stack)).id, "failed");
    expect(await deploy(stack)).toMatchObject({ number: 2, status: "queued", queuePosition: 0 });
  });

  test("is answered whole when its audit entry cannot be written: nothing of it is there", async () => {
    const stack = await api.makeStack("unaudited");
    await sql`alter table audit_entries add constraint break_it check (action <> 'deployment.requested') not valid`.execute(
      api.db,
    );
    try {
      const answer = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
      expect(codeOf(answer)).toEqual([500, "internal"]);
      expect(answer.text).not.toContain("break_it");
      expect((await api.ask("GET", `${stack}/deployments`)).body.items).toEqual([]);
    } finally {
      await sql`alter table audit_entries drop constraint break_it`.execute(api.db);
    }
    expect((await deploy(stack)).number).toBe(1);
  });
});

describe("the config of a deployment", () => {
  test("is the committed file with the stack's config over it, frozen at the request", async () => {
    const stack = await api.makeStack("config", "test", {
      "Pulumi.test.yaml": "config:\n  config:size: 3\n  config:colour: red\n",
    });
    await api.ask("PUT", `${stack}/config/colour`, { body: { value: "blue" } });
    await api.ask("PUT", `${stack}/config/password`, { body: { value: "canary-1", secret: true } });
    const { id } = await deploy(stack);
    await api.ask("PUT", `${stack}/config/colour`, { body: { value: "green" } });
    const first = await storedConfig(id);
    expect(await openConfig(api.dependencies.keyring, api.db, first.stack_id, first.config)).toEqual({
      "config:size": { value: "3", secret: false },
      "config:colour": { value: "blue", secret: false },
      "config:password": { value: "canary-1", secret: true },
    });
    expect(JSON.stringify(first.config)).not.toContain("canary-1");

    const changed = await storedConfig((await deploy(stack)).id);
    expect(changed.config_digest).not.toBe(first.config_digest);
    await api.ask("PUT", `${stack}/config/colour`, { body: { value: "blue" } });
    await api.ask("PUT", `${stack}/config/password`, { body: { value: "canary-1", secret: true } });
    const same = await storedConfig((await deploy(stack)).id);
    expect(same.config_digest).toBe(first.config_digest);
  });

  test("that is quarantined with its source is refused for an update, not for a preview, until something changes", async () => {
    const stack = await api.makeStack("quarantined");
    const { id } = await deploy(stack);
    const row = await storedConfig(id);
    await api.db
      .insertInto("quarantines")
      .values({
        stack_id: row.stack_id,
        source_digest: row.source_digest ?? "",
        config_digest: row.config_digest,
        reason: "the health gate failed",
      })
      .execute();
    const refused = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    expect(codeOf(refused)).toEqual([409, "quarantined"]);
    expect(refused.text).toContain("the health gate failed");
    await deploy(stack, { operation: "preview" });
    await api.ask("PUT", `${stack}/config/x`, { body: { value: "1" } });
    await deploy(stack);
  });
});

describe("a rollback", () => {
  test("runs the source and config of the good release before the current one, whatever is in the folder now", async () => {
    const stack = await api.makeStack("rollback");
    const folder = await folderOf(stack);
    const first = await deploy(stack);
    await recordRelease(api.db, first.id, "good");
    await writeFile(path.join(folder, "new.txt"), "two");
    const second = await deploy(stack);
    expect(second.sourceDigest).not.toBe(first.sourceDigest);
    await recordRelease(api.db, second.id, "good");
    await rm(folder, { recursive: true });

    const rollback = await deploy(stack, { operation: "rollback" });
    expect(rollback).toMatchObject({
      operation: "rollback",
      targetRelease: 1,
      sourceDigest: first.sourceDigest,
    });
    expect(stepsOf(rollback)).not.toContain("build");
    expect((await storedConfig(rollback.id)).config_digest).toBe(
      (await storedConfig(first.id)).config_digest,
    );
    await recordRelease(api.db, rollback.id, "good");
    expect((await api.ask("GET", stack)).body).toMatchObject({ currentRelease: 3, lastGoodRelease: 3 });
    expect((await api.ask("GET", `${stack}/releases`)).body.items.map(({ number }) => number)).toEqual([
      3, 2, 1,
    ]);
    expect((await api.ask("GET", `${stack}/releases/3`)).body).toMatchObject({
      rollbackOf: 1,
      health: "good",
    });
    // The folder is gone, so that only what was recorded can be run.
    expect(codeOf(await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } }))).toEqual([
      422,
      "folder_not_allowed",
    ]);
  });

  test("to a release that is not good, quarantined or not there is refused", async () => {
    const stack = await api.makeStack("no-rollback");
    const folder = await folderOf(stack);
    for (const health of ["good", "bad", "pending"] as const) {
      await writeFile(path.join(folder, "version.txt"), health);
      await recordRelease(api.db, (await deploy(stack)).id, health);
    }
    const rollback = (release: number) =>
      api.ask("POST", `${stack}/deployments`, { body: { operation: "rollback", release } });
    expect(codeOf(await rollback(2))).toEqual([409, "release_not_good"]);
    expect(codeOf(await rollback(3))).toEqual([409, "release_not_good"]);
    expect(codeOf(await rollback(4))).toEqual([404, "release_not_found"]);
    await sql`insert into quarantines (stack_id, source_digest, config_digest, reason)
      select stack_id, source_digest, config_digest, 'on-call' from releases r
      where number = 1 and stack_id = (select id from stacks join lateral (select 1 from projects p where p.id = project_id and p.name = 'no-rollback') x on true)`.execute(
      api.db,
    );
    expect(codeOf(await rollback(1))).toEqual([409, "quarantined"]);
  });
});

describe("a destroy", () => {
  test("H12: whose project folder is gone takes what was last deployed", async () => {
    const stack = await api.makeStack("orphan");
    const update = await deploy(stack);
    await endDeployment(api.db, update.id, "failed");
    await rm(await folderOf(stack), { recursive: true });
    expect(await deploy(stack, { operation: "destroy" })).toMatchObject({
      operation: "destroy",
      sourceDigest: update.sourceDigest,
    });
  });
  test("whose project folder is gone before anything was deployed is refused", async () => {
    const stack = await api.makeStack("never");
    await rm(await folderOf(stack), { recursive: true });
    expect(codeOf(await api.ask("POST", `${stack}/deployments`, { body: { operation: "destroy" } }))).toEqual(
      [422, "folder_not_allowed"],
    );
  });
});

describe("a cancel", () => {
  test("of a queued deployment ends it at once, with its steps skipped and its last event", async () => {
    const { id } = await deploy(await api.makeStack("cancel-queued"));
    const answer = await api.ask("POST", `/v1/deployments/${id}/cancel`);
    expect(answer.status, answer.text).toBe(202);
    expect(answer.body).toMatchObject({ status: "cancelled", queuePosition: null });
    expect(answer.body.finishedAt).not.toBeNull();
    expect(new Set((answer.body.steps as { state: string }[]).map(({ state }) => state))).toEqual(
      new Set(["skipped"]),
    );
    const events = (await api.ask("GET", `/v1/deployments/${id}/events`)).body;
    expect(events.items.at(-1)).toMatchObject({ sequence: 2, body: { type: "status", status: "cancelled" } });
    expect(events.complete).toBe(true);
    expect(codeOf(await api.ask("POST", `/v1/deployments/${id}/cancel`))).toEqual([409, "conflict"]);
  });
  test("of a running one is asked for once and audited once", async () => {
    const { id } = await deploy(await api.makeStack("cancel-running"));
    await startDeployment(api.db, id);
    for (let time = 1; time <= 2; time += 1) {
      const answer = await api.ask("POST", `/v1/deployments/${id}/cancel`);
      expect([answer.status, answer.body.status]).toEqual([202, "running"]);
    }
    const { items } = (
      await api.ask("GET", "/v1/audit?project=cancel-running&action=deployment.cancel_requested")
    ).body;
    expect(items).toHaveLength(1);
  });
});

describe("?wait=", () => {
  test("answers as soon as the deployment has ended", async () => {
    const { id } = await deploy(await api.makeStack("wait"));
    const started = performance.now();
    const waiting = api.ask("GET", `/v1/deployments/${id}?wait=30`);
    await sleep(150);
    await endDeployment(api.db, id, "succeeded");
    expect((await waiting).body.status).toBe("succeeded");
    expect(performance.now() - started).toBeLessThan(5_000);
  });
  test("answers with what is when its time is over", async () => {
    const stack = await api.makeStack("wait-over");
    const started = performance.now();
    const answer = await api.ask("POST", `${stack}/deployments?wait=1`, { body: { operation: "preview" } });
    expect([answer.status, answer.body.status]).toEqual([202, "queued"]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(950);
  });
  test("still answers when no notification is heard", async () => {
    const { id } = await deploy(await api.makeStack("wait-deaf"));
    const started = performance.now();
    const waiting = api.ask("GET", `/v1/deployments/${id}?wait=20`);
    await sleep(100);
    // Without pg_notify, as if it was lost.
    await sql`update deployments set status = 'failed', finished_at = now() where id = ${id}`.execute(api.db);
    expect((await waiting).body.status).toBe("failed");
    expect(performance.now() - started).toBeLessThan(6_000);
  });
});

describe("an Idempotency-Key", () => {
  const headers = (key: string) => ({ "idempotency-key": key });

  test("gives a repeated request the first answer and changes nothing, also when the folder has gone since", async () => {
    const stack = await api.makeStack("repeat");
    const ask = () =>
      api.ask("POST", `${stack}/deployments`, { body: { operation: "update" }, headers: headers("k1") });
    const first = await ask();
    await rm(await folderOf(stack), { recursive: true });
    const second = await ask();
    expect([second.status, second.body, second.headers.location]).toEqual([
      202,
      first.body,
      first.headers.location,
    ]);
    expect(second.headers["idempotency-replayed"]).toBe("true");
    expect((await api.ask("GET", `${stack}/deployments`)).body.items).toHaveLength(1);
  });
  test("of two requests at once lets one through and gives both the same answer", async () => {
    const stack = await api.makeStack("race");
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        api.ask("POST", `${stack}/deployments`, { body: { operation: "update" }, headers: headers("k2") }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await api.ask("GET", `${stack}/deployments`)).body.items).toHaveLength(1);
  });
  test("used for another request is refused", async () => {
    const stack = await api.makeStack("mismatch");
    const url = `${stack}/deployments`;
    await api.ask("POST", url, { body: { operation: "update" }, headers: headers("k3") });
    const other = await api.ask("POST", url, { body: { operation: "preview" }, headers: headers("k3") });
    expect(codeOf(other)).toEqual([422, "idempotency_mismatch"]);
    const elsewhere = await api.ask("POST", "/v1/stacks", {
      body: { project: "mismatch", name: "x" },
      headers: headers("k3"),
    });
    expect(codeOf(elsewhere)).toEqual([422, "idempotency_mismatch"]);
  });
  test("of a refused request is free again", async () => {
    const stack = await api.makeStack("free");
    const refused = await api.ask("POST", `${stack}/deployments`, {
      body: { operation: "rollback" },
      headers: headers("k4"),
    });
    expect(refused.status).toBe(404);
    const accepted = await api.ask("POST", `${stack}/deployments`, {
      body: { operation: "update" },
      headers: headers("k4"),
    });
    expect(accepted.status).toBe(202);
  });
});

test("all deployments are listed newest first, by status and operation, page by page without a gap", async () => {
  const own = await startTestApi();
  try {
    const stack = await own.makeStack("pages");
    for (let made = 0; made < 7; made += 1) {
      await own.ask("POST", `${stack}/deployments`, {
        body: { operation: made % 2 === 0 ? "update" : "preview" },
      });
    }
    // The same instant for some, so that the id decides.
    await sql`update deployments set requested_at = '2026-01-01T00:00:00.000123Z' where number between 2 and 5`.execute(
      own.db,
    );
    const seen: string[] = [];
    let after: string | null = "";
    while (after !== null) {
      const page: TestAnswer = await own.ask(
        "GET",
        `/v1/deployments?limit=3${after === "" ? "" : `&after=${after}`}`,
      );
      seen.push(...page.body.items.map(({ id }) => id));
      after = page.body.next;
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen).size).toBe(7);
    expect((await own.ask("GET", "/v1/deployments?operation=preview")).body.items).toHaveLength(3);
    expect((await own.ask("GET", "/v1/deployments?status=failed")).body.items).toEqual([]);
  } finally {
    await own.close();
  }
});
