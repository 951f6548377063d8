import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bearer, insertDeployment, tokenOf } from "../../../test/helpers/access.ts";
import type { AnswerBody, TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import type { TestPerson } from "../../../test/helpers/approvals.ts";
import { group, person, setRules, signIn } from "../../../test/helpers/approvals.ts";
import { endDeployment, recordRelease } from "../../../test/helpers/records.ts";
import { testClaimer } from "../../../test/helpers/state-client.ts";
import { startAttempt } from "../attempts/store.ts";
import { systemClock } from "../clock.ts";
import type { PlannedStep } from "../contract/previews.ts";
import { readPromoted } from "../promotions/store.ts";
import type { PlanDiff } from "../seals/plan-file.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { beginChange } from "./begin-change.ts";
import { changeNow } from "./change-now.ts";
import { concludeWaiting } from "./conclude.ts";
import { stepsOf } from "./operations.ts";
import { approval } from "./steps/approval.ts";
import { consent } from "./steps/consent.ts";

const BUCKET = "aws:s3/bucket:Bucket";
const FUNCTION = "aws:lambda/function:Function";
const INCIDENT = {
  reason: "The shop is down and nobody else is awake.",
  incident: "https://status.example/incidents/7",
};

let api: TestApi;
let claimNext: Awaited<ReturnType<typeof testClaimer>>;
let dot: TestPerson;
beforeAll(async () => {
  api = await startTestApi();
  claimNext = await testClaimer(api);
  dot = await person(api, "dot");
  await group(api, "ops", ["dot"]);
});
afterAll(() => api.close());

let count = 0;
let project: string;
let stack: string;
beforeEach(async () => {
  await sql`update deployments set status = 'cancelled', finished_at = now() where status = 'queued'`.execute(
    api.db,
  );
  count += 1;
  project = `shop${count}`;
  stack = await api.makeStack(project);
});

async function request(body: object, headers: Record<string, string> = {}, at = stack): Promise<string> {
  const answer = await api.ask("POST", `${at}/deployments`, { body, headers });
  expect(answer.status, answer.text).toBe(202);
  return answer.body.id;
}

/** Good releases with other config each, as far as the records go. */
async function releases(many: number): Promise<void> {
  for (let number = 1; number <= many; number += 1) {
    await api.ask("PUT", `${stack}/config/${project}:size`, { body: { value: String(number) } });
    await recordRelease(api.db, await request({ operation: "update" }), "good");
  }
}

function step(operation: string, type: string, more: Partial<PlannedStep> = {}): PlannedStep {
  const name = "it";
  const urn = `urn:pulumi:test::${project}::${type}::${name}`;
  const none = { provider: `${urn}::1`, parent: null, dependencies: [], protect: false, changes: [] };
  return { urn, type, name, operation, ...none, ...more };
}

/** The next attempt of what is queued, which has come to where its preview is known. */
async function previewed(steps: readonly PlannedStep[]): Promise<AttemptRun> {
  const claim = await claimNext();
  if (claim === null) throw new Error("nothing could be claimed");
  await api.db.transaction().execute((trx) => startAttempt(trx, claim.attemptId));
  const { db, dependencies } = api;
  const run = {
    context: { db, keyring: dependencies.keyring, clock: systemClock, workerId: "test" },
    claim,
    events: { flush: () => Promise.resolve(), emit: () => undefined, step: () => undefined },
    stop: new AbortController().signal,
    pinned: null,
    promoted: (await readPromoted(db, claim.deploymentId)) ?? null,
    earlier: new Map(),
    results: {
      artifacts: [],
      gates: [],
      serviceRuns: [],
      prepared: { files: { manifest: { services: {} } } },
      previewed: { steps, counts: {}, providers: [], plan: null },
    },
  };
  return run as unknown as AttemptRun;
}

/** Records that a release with this artifact is what a stack on AWS serves. */
async function serves(stackId: string, { name, digest }: { name: string; digest: string }): Promise<void> {
  const deployment = await insertDeployment(api.db, stackId);
  const number = await recordRelease(api.db, deployment, "good");
  await sql`insert into artifacts (digest, kind, size_bytes) values (${digest}, 'service', 1)`.execute(
    api.db,
  );
  await sql`
    with release as (select id from releases where stack_id = ${stackId} and number = ${number}),
    pinned as (insert into release_artifacts select id, ${name}, ${digest} from release),
    shipped as (
      insert into shipments (id, stack_id, deployment_id, release_id, manifest, shipment, parts)
      select gen_random_uuid(), ${stackId}, ${deployment}, id, '{}', '{}', '[]' from release returning id)
    insert into stack_pins (stack_id, shipment_id) select ${stackId}, id from shipped`.execute(api.db);
}

const read = async (id: string): Promise<AnswerBody> => (await api.ask("GET", `/v1/deployments/${id}`)).body;
const quarantined = { state: "failed", failure: { code: "quarantined" } };

describe("a rollback in an emergency", () => {
  const gone = step("delete", BUCKET);
  const agree = (id: string, headers: Record<string, string>) =>
    api.ask("POST", `/v1/deployments/${id}/consent`, { headers, body: { steps: [`delete ${gone.urn}`] } });

  test("passes the votes by, and waits all the same until a person has agreed to what nobody can undo", async () => {
    await releases(2);
    await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }], emergency: ["ops"] });
    // Which covers none with such a step.
    await api.ask("PUT", `${stack}/rollback-settings`, { body: { coversRequested: true } });
    const body = { operation: "rollback", emergency: INCIDENT };
    const id = await request(body, await signIn(api, dot.token));
    const first = await previewed([gone]);
    // It is asked for before the votes, which an emergency passes by.
    const order = stepsOf(first.claim.operation, first.claim.options, first.claim.operationVersion);
    expect(order.indexOf("consent")).toBeLessThan(order.indexOf("approval"));
    expect(await consent(first)).toMatchObject({
      state: "waits",
      detail: expect.stringContaining("Deletes it (aws:s3/bucket:Bucket)") as string,
    });
    await concludeWaiting(first, "waits for consent");
    expect(await read(id)).toMatchObject({
      status: "waiting_approval",
      consent: { steps: [{ id: `delete ${gone.urn}`, kind: "delete" }], consentedBy: null },
    });
    expect(await claimNext(), "nothing goes on without consent").toBeNull();
    const { rows } = await sql`select 1 from notifications where kind = 'rollback.consent'
      and starts_with(dedupe_key, ${id})`.execute(api.db);
    expect(rows, "somebody is told").toHaveLength(1);

    const robot = bearer(await tokenOf(api, "service:robot", { default: "admin" }));
    expect(await agree(id, robot)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect((await agree(id, dot.session)).status).toBe(200);
    const others = await previewed([gone, { ...step("replace", BUCKET), urn: "urn:other" }]);
    expect(await consent(others), "consent is void when the steps are others").toMatchObject({
      state: "waits",
    });
    await concludeWaiting(others, "waits for consent");
    const now = { steps: [`delete ${gone.urn}`, "replace urn:other"] };
    expect((await api.ask("POST", `/v1/deployments/${id}/consent`, { body: now })).status).toBe(200);
    const last = await previewed([gone, { ...step("replace", BUCKET), urn: "urn:other" }]);
    expect(await consent(last)).toMatchObject({ state: "succeeded" });
    expect(await approval(last)).toMatchObject({
      state: "succeeded",
      detail: expect.stringContaining("an emergency of user:dot") as string,
    });
    expect(await beginChange(last, "update")).toBeUndefined();
  });

  test("takes no consent beforehand from a program", async () => {
    await releases(2);
    const robot = bearer(await tokenOf(api, "service:robot", { default: "admin" }));
    const body = { operation: "rollback", consent: [`delete ${gone.urn}`] };
    const refused = await api.ask("POST", `${stack}/deployments`, { headers: robot, body });
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
    await request(body, dot.session);
    expect(await consent(await previewed([gone]))).toMatchObject({ state: "succeeded" });
  });
});

test("no program decides about a held deployment or lifts a quarantine, whatever its role", async () => {
  const robot = bearer(await tokenOf(api, "service:robot", { default: "admin" }));
  const id = await request({ operation: "update" });
  const other = "00000000-0000-4000-8000-000000000000";
  for (const [url, body] of [
    [`/v1/deployments/${id}/hold`, { decision: "keep", reason: "It looks well." }],
    [`${stack}/quarantines/${other}/lift`, { reason: "It looks well." }],
  ] as const) {
    const refused = await api.ask("POST", url, { headers: robot, body });
    expect([refused.status, refused.body.code], url).toEqual([403, "forbidden"]);
    expect(refused.body.detail, url).toMatch(/Only a person/);
    const asked = await api.ask("POST", url, { headers: dot.session, body });
    expect(asked.status, `${url} is asked what it is about`).not.toBe(403);
  }
});

describe("what is refused while an attempt builds and previews", () => {
  const refuse = (name: string) =>
    sql`
    insert into quarantines (stack_id, source_digest, config_digest, reason, kind, set_by)
    select r.stack_id, r.source_digest, r.config_digest, 'It leaks.', 'hand', 'user:ann'
    from releases r join stacks s on s.id = r.stack_id join projects p on p.id = s.project_id
    where p.name = ${project} and s.name = ${name} order by r.number desc limit 1`.execute(api.db);

  test("does not begin any more", async () => {
    await releases(1);
    const id = await request({ operation: "update" });
    const run = await previewed([step("update", FUNCTION)]);
    expect(run.claim.deploymentId).toBe(id);
    await refuse("test");
    expect(await beginChange(run, "update")).toMatchObject(quarantined);
    expect((await read(id)).verification).toBeNull();
    await sql`update quarantines set lifted_at = now(), lifted_by = 'user:ann'`.execute(api.db);
    expect(await beginChange(run, "update")).toBeUndefined();
  });

  test("does not begin on another stack either, to which it is promoted", async () => {
    await releases(1);
    await api.ask("POST", "/v1/stacks", { body: { project, name: "production" } });
    const body = { operation: "update", promote: { stack: "test" } };
    await request(body, {}, `/v1/stacks/default/${project}/production`);
    const run = await previewed([step("create", FUNCTION)]);
    await refuse("test");
    expect(await beginChange(run, "update")).toMatchObject(quarantined);
    await sql`update quarantines set lifted_at = now(), lifted_by = 'user:ann'`.execute(api.db);
    expect(await beginChange(run, "update")).toBeUndefined();
  });
});

test("what is quarantined in the moment in which it is promoted is refused, or does not begin", async () => {
  await releases(1);
  await api.ask("POST", "/v1/stacks", { body: { project, name: "production" } });
  const body = { operation: "update", promote: { stack: "test" } };
  for (let time = 0; time < 5; time += 1) {
    const [set, promoted] = await Promise.all([
      api.ask("POST", `${stack}/quarantines`, { body: { release: 1, reason: "It leaks." } }),
      api.ask("POST", `/v1/stacks/default/${project}/production/deployments`, { body }),
    ]);
    expect(set.status, set.text).toBe(201);
    if (promoted.status === 202) {
      const run = await previewed([step("create", FUNCTION)]);
      expect(run.promoted?.refusal).toBe("It leaks.");
      expect(await beginChange(run, "update")).toMatchObject(quarantined);
      await endDeployment(api.db, promoted.body.id, "failed");
      await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null`.execute(
        api.db,
      );
    } else expect([promoted.status, promoted.body.code]).toEqual([409, "quarantined"]);
    const lift = `${stack}/quarantines/${set.body.id}/lift`;
    expect((await api.ask("POST", lift, { body: { reason: "once more" } })).status).toBe(200);
  }
});

describe("what no step of a preview tells", () => {
  test("creates that are dropped from the state are asked votes for, and a refresh of nothing else is not", async () => {
    await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }] });
    const looks = await request({ operation: "refresh" });
    expect(await approval(await previewed([step("refresh", FUNCTION)]))).toMatchObject({ state: "skipped" });
    await endDeployment(api.db, looks, "cancelled");
    await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null`.execute(api.db);
    await request({ operation: "refresh", options: { clearPendingCreates: ["urn:one"] } });
    const run = await previewed([step("refresh", FUNCTION)]);
    const { change } = await changeNow(run, api.db);
    expect(change.risk).toMatchObject({ tier: "medium", counts: { "clear-pending-create": 1 } });
    expect(await beginChange(run, "refresh")).toMatchObject({ state: "waits", asks: "votes" });
  });

  test("other outputs of the stack are asked votes for, and put what is shipped elsewhere, although it serves already", async () => {
    await setRules(api, stack, { rules: [{ name: "ops", need: 1, from: ["ops"] }] });
    await request({ operation: "update" });
    const run = await previewed([step("same", FUNCTION)]);
    const ofStack = (outputDiff: PlanDiff) => ({
      resourcePlans: {
        stack: { goal: { type: "pulumi:pulumi:Stack", name: "it", custom: false, outputDiff } },
      },
    });
    const { results, claim } = run;
    const planned = (outputDiff: PlanDiff): void => {
      if (results.previewed !== undefined) results.previewed.plan = ofStack(outputDiff);
    };
    const riskNow = async () => (await changeNow(run, api.db)).change;
    planned({});
    expect(await riskNow()).toMatchObject({ risk: { tier: "none" } });
    planned({ updates: { url: "elsewhere" }, deletes: ["old"] });
    expect(await riskNow()).toMatchObject({ risk: { tier: "low", counts: { outputs: 2 } }, types: [] });
    expect(await beginChange(run, "update")).toMatchObject({ state: "waits", asks: "votes" });

    // What serves is what this brings.
    const site = { name: "web", digest: `sha256:${"d".repeat(64)}` };
    Object.assign(results.prepared?.files.manifest.services ?? {}, { web: { site: "dist" } });
    results.artifacts = [site];
    await serves(claim.stackId, site);
    planned({});
    expect(await riskNow()).toMatchObject({ risk: { tier: "none" }, types: [] });
    planned({ updates: { manifest: "another bucket" } });
    expect(await riskNow()).toMatchObject({
      risk: { tier: "medium", counts: { ship: 1 } },
      types: ["aws:s3/object:Object"],
    });
  });

  test("protection that is taken away is asked votes for, also by rules for its type", async () => {
    const rule = { name: "ops", need: 1, from: ["ops"], minRisk: "highest", resourceTypes: [FUNCTION] };
    await setRules(api, stack, { rules: [rule] });
    await request({ operation: "update" });
    const lost = {
      path: "options.protect",
      kind: "update",
      replaces: false,
      before: true,
      after: false,
      known: true,
    } as const;
    const run = await previewed([step("same", BUCKET), step("same", FUNCTION, { changes: [lost] })]);
    expect((await changeNow(run, api.db)).change).toMatchObject({
      risk: { tier: "highest" },
      types: [FUNCTION],
    });
    expect(await beginChange(run, "update")).toMatchObject({ state: "waits", asks: "votes" });
  });
});
