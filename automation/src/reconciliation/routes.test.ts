import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { insertDeployment } from "../../../test/helpers/access.ts";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { StateClient } from "../../../test/helpers/state-client.ts";
import { stackClient } from "../../../test/helpers/state-client.ts";

let api: TestApi;
let stack: StateClient;
let address: string;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  const name = `p${randomUUID().slice(0, 8)}`;
  stack = await stackClient(api, name);
  address = `/v1/stacks/${stack.subject}`;
  await sql`insert into unreconciled_stacks (stack_id, backup_at, restored_at)
    values (${stack.stackId}, '2026-01-01T00:00:00Z', clock_timestamp())`.execute(api.db);
});

const reconcile = (confirmed = false) => api.ask("POST", `${address}/reconcile`, { body: { confirmed } });

async function refreshed(
  changes: Record<string, number>,
  dryRun = false,
  at = "clock_timestamp()",
): Promise<void> {
  await sql`insert into updates (id, stack_id, kind, dry_run, status, number, epoch, principal, resource_changes, started_at, finished_at)
    select ${randomUUID()}, ${stack.stackId}, 'refresh', ${dryRun}, 'succeeded', case when ${dryRun} then null else count(*) + 1 end, 1, 'owner',
      ${JSON.stringify(changes)}, ${sql.raw(at)}, ${sql.raw(at)} from updates where stack_id = ${stack.stackId}`.execute(
    api.db,
  );
}

/** `began`: when its attempt was claimed, as SQL. */
async function driftChecked(status: "clean" | "drifted" | "unknown", began?: string): Promise<void> {
  const deployment = await insertDeployment(api.db, stack.stackId, "detect-drift");
  await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${deployment}`.execute(
    api.db,
  );
  if (began !== undefined) {
    const worker = randomUUID();
    await sql`insert into workers (id, host) values (${worker}, 'test')`.execute(api.db);
    await sql`insert into attempts (id, deployment_id, number, worker_id, epoch, status, claimed_at, finished_at)
      values (${randomUUID()}, ${deployment}, 1, ${worker}, 1, 'succeeded', ${sql.raw(began)}, clock_timestamp())`.execute(
      api.db,
    );
  }
  await sql`insert into drift_checks (id, stack_id, deployment_id, status, cause, input_changed, checked_at)
    values (${randomUUID()}, ${stack.stackId}, ${deployment}, ${status}, ${status === "unknown" ? "why" : null},
      ${status === "drifted" ? 1 : 0}, clock_timestamp())`.execute(api.db);
}

test("a restored stack takes previews and refreshes of the CLI, but no update and no destroy", async () => {
  for (const kind of ["update", "destroy"] as const) {
    const refused = await stack.start(await stack.create({ kind }), { kind });
    expect(refused.status).toBe(409);
    expect(refused.text).toContain(`slipway reconcile ${stack.subject}`);
  }
  for (const kind of ["preview", "refresh"] as const) {
    const running = await stack.begin({ kind });
    expect((await running.complete()).status).toBe(204);
  }
  // The preview phase of `pulumi up`.
  const looked = await stack.start(await stack.create({ kind: "update", dryRun: true }), {
    kind: "update",
    dryRun: true,
  });
  expect(looked.status).toBe(200);
});

test("a deployment that would change it is refused before anything is queued", async () => {
  const [, project = "", name = ""] = stack.subject.split("/");
  const folder = await api.makeProject(project);
  await sql`update projects set folder = ${folder} where name = ${project}`.execute(api.db);
  for (const operation of ["update", "destroy", "rollback"]) {
    const answer = await api.ask("POST", `/v1/stacks/default/${project}/${name}/deployments`, {
      body: { operation },
    });
    expect(answer.body.code, operation).toBe("unreconciled");
    expect(answer.status).toBe(409);
  }
  expect(
    (
      await api.ask("POST", `/v1/stacks/default/${project}/${name}/deployments`, {
        body: { operation: "refresh" },
      })
    ).status,
  ).toBe(202);
});

test("nobody's word counts before somebody has looked at what there is to look at", async () => {
  expect((await reconcile()).body.code, "without a state it takes a person's word").toBe("unreconciled");
  await sql`insert into states (id, stack_id, number, body, sha256, size_bytes, resource_count)
    values (${randomUUID()}, ${stack.stackId}, 1, '', '', 0, 0)`.execute(api.db);
  expect((await reconcile()).body.code).toBe("unreconciled");
  expect((await reconcile(true)).body.code).toBe("unreconciled");
  await driftChecked("unknown");
  expect((await reconcile(true)).body.code).toBe("unreconciled");
  await refreshed({ same: 3 }, false, "now() - interval '1 hour'");
  expect((await reconcile(true)).body.code, "a refresh from before the restore").toBe("unreconciled");
});

test("a clean drift check lets it be changed again, with an audit entry, and once", async () => {
  await driftChecked("clean");
  const list = await api.ask("GET", "/v1/unreconciled-stacks");
  expect(
    list.body.items.find(
      (one) => `${String(one.organisation)}/${String(one.project)}/${String(one.stack)}` === stack.subject,
    ),
  ).toMatchObject({
    evidence: "clean",
    backupAt: "2026-01-01T00:00:00.000Z",
  });
  expect((await reconcile()).body).toEqual({ evidence: "clean" });
  expect((await reconcile()).body.code).toBe("conflict");
  const audit = await api.ask("GET", `/v1/audit?organisation=default&action=stack.reconciled&limit=1`);
  expect(audit.body.items[0]).toMatchObject({
    subject: stack.subject,
    principal: "owner",
    details: { evidence: "clean" },
  });
  await stack.begin({ kind: "update" });
});

test("a check that began before a refresh and ended after it says nothing of the state of now", async () => {
  await driftChecked("drifted");
  await refreshed({ update: 1 });
  await driftChecked("drifted", "now() - interval '1 minute'");
  expect((await reconcile(true)).body).toEqual({ evidence: "taken-over" });
});

test("drift is refused until a refresh took it over and a person has confirmed", async () => {
  await driftChecked("drifted");
  expect((await reconcile(true)).body.detail).toContain("differs");
  await refreshed({ same: 1, update: 2 }, true);
  expect((await reconcile(true)).body.detail, "a refresh that only looked").toContain("differs");
  await refreshed({ same: 1, update: 2 });
  expect((await reconcile()).body.code).toBe("unreconciled");
  await driftChecked("clean");
  expect((await reconcile()).body.code, "what the refresh changed is still to be looked at").toBe(
    "unreconciled",
  );
  expect((await reconcile(true)).body).toEqual({ evidence: "taken-over" });
});

test("a stack that had no state is let go by a person's word alone", async () => {
  expect((await reconcile()).body.detail).toContain("no state");
  expect((await reconcile(true)).body).toEqual({ evidence: "nothing" });
});
