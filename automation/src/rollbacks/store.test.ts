import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { insertStack } from "../../../test/helpers/access.ts";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import {
  makeProject,
  makeStack,
  makeWorker,
  putAttempt,
  putDeployment,
} from "../../../test/helpers/queue-bed.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { claimNext } from "../attempts/claim-store.ts";
import { startAttempt } from "../attempts/store.ts";
import { Verification } from "../contract/verification.ts";
import type { OpenDatabase, Transaction } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { EndingDeployment } from "../deployments/completion.ts";
import { endDeployment, settleOrphanedCauses } from "../deployments/completion.ts";
import { stuckRuns } from "../deployments/stuck-store.ts";
import { insertRelease, listReleases } from "../releases/store.ts";
import { defaultKeySettings } from "../secrets/key-settings.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { openKeyring } from "../secrets/open-keyring.ts";
import { findStack } from "../stacks/store.ts";
import { giveConsent, holdForConsent } from "./consent.ts";
import { decideHold, endHolds } from "./holds.ts";
import { refuseAfterFailedRollback, refusedMeanwhile } from "./refusals.ts";
import { VERIFICATION_MOVES } from "./rules.ts";
import { askConsent, findHold, listMoves, openFailedRollback, readConsent, writeSettings } from "./store.ts";
import { holdAttempt, undo } from "./undo.ts";
import { moveVerification } from "./verification-store.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const CALLER = { principal: "user:ann", requestId: null };

let database: TestDatabase;
let open: OpenDatabase;
let dataDir: string;
let keyring: Keyring;
let workerId: string;
let stackId: string;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  dataDir = await mkdtemp(path.join(tmpdir(), "slipway-rollbacks-"));
  keyring = await openKeyring({ db: open.db, settings: defaultKeySettings(dataDir) });
  workerId = await makeWorker(open.db);
  for (const letter of ["a", "b", "c", "d"])
    await sql`insert into artifacts (digest, kind, size_bytes) values (${digest(letter)}, 'source', 1)`.execute(
      open.db,
    );
});
afterAll(async () => {
  await open.close();
  await database.drop();
  await rm(dataDir, { recursive: true });
});
let number = 0;
beforeEach(async () => {
  stackId = await makeStack(open.db, await makeProject(open.db));
  number = 0;
});

/** An update whose engine is through, with the right to write: `content` is one letter, of source and config. */
async function running(content: string): Promise<EndingDeployment> {
  const { rows } = await sql<{ number: number }>`
    update stacks set next_deployment = next_deployment + 1 where id = ${stackId} returning next_deployment - 1 as number
  `.execute(open.db);
  number = rows[0]?.number ?? 0;
  const deploymentId = await putDeployment(open.db, { stackId, number, status: "running" });
  await sql`
    update deployments set source_digest = ${digest(content)}, config_digest = ${digest(content)} where id = ${deploymentId}
  `.execute(open.db);
  await sql`delete from stack_writers where stack_id = ${stackId}`.execute(open.db);
  const attemptId = await putAttempt(open.db, { deploymentId, stackId, workerId, leaseSeconds: 60 });
  const names = { organisation: "default", project: "p", stack: "s" };
  const deployment: EndingDeployment = {
    stackId,
    attemptId,
    epoch: 1,
    deploymentId,
    attempt: 1,
    ...names,
    cause: "request",
    causedBy: null,
  };
  await move(deployment, "updating");
  return deployment;
}

const move = (deployment: EndingDeployment, to: Verification): Promise<void> =>
  open.db
    .transaction()
    .execute((trx) => moveVerification(trx, deployment, to, { reason: "test", principal: "test" }));

async function release(
  deployment: EndingDeployment,
  content: string,
  health: "pending" | "good" = "pending",
) {
  const id = randomUUID();
  const made = await open.db.transaction().execute((trx) =>
    insertRelease(trx, {
      id,
      stackId,
      deploymentId: deployment.deploymentId,
      health,
      rollbackOf: null,
      sourceDigest: digest(content),
      lockfileDigest: null,
      commit: null,
      dirty: false,
      config: {},
      configDigest: digest(content),
      pulumiVersion: "3",
      plugins: [],
      outputs: {},
      requestedBy: "owner",
      message: null,
      artifacts: [],
    }),
  );
  return { id, number: made };
}

/** A good release of the content. */
async function good(content: string): Promise<number> {
  const deployment = await running(content);
  await move(deployment, "verifying");
  const made = await release(deployment, content, "good");
  await move(deployment, "succeeded");
  await end(deployment, "succeeded");
  return made.number;
}

const end = (deployment: EndingDeployment, status: "succeeded" | "failed" | "cancelled" | "interrupted") =>
  open.db
    .transaction()
    .execute((trx) =>
      endDeployment(trx, { keyring }, deployment, { status, failure: null, principal: "test" }),
    );

const FAILURE = { code: "gate_failed", detail: "Gate 'web' fails.", remedy: null };

/** Its gates fail. Answers what became of it. */
async function goWrong(content: string): Promise<EndingDeployment> {
  const deployment = await running(content);
  await move(deployment, "verifying");
  const made = await release(deployment, content);
  await open.db.transaction().execute((trx) =>
    undo(trx, { keyring }, deployment, {
      as: "verification_failed",
      failure: FAILURE,
      evidence: { gates: ["web"] },
      content: { sourceDigest: digest(content), configDigest: digest(content) },
      release: made,
      principal: "worker:test",
    }),
  );
  return deployment;
}

/** Its gates give no answer. */
async function held(content: string): Promise<EndingDeployment> {
  const deployment = await running(content);
  await move(deployment, "verifying");
  await release(deployment, content);
  const failure = { ...FAILURE, code: "gate_undecided" };
  await open.db.transaction().execute((trx) =>
    holdAttempt(trx, { keyring }, deployment, {
      why: "undecided",
      failure,
      detail: null,
      principal: "worker:test",
    }),
  );
  return deployment;
}

const rowOf = async (id: string) =>
  open.db
    .selectFrom("deployments")
    .select([
      "status",
      "verification",
      "rolled_back_by as rolledBackBy",
      "target_release as target",
      "failure",
    ])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();

async function claimed(): Promise<EndingDeployment | null> {
  await sql`update deployments set status = 'cancelled', finished_at = now() where status = 'queued' and stack_id <> ${stackId}`.execute(
    open.db,
  );
  const claim = await claimNext(open.db, { workerId, attemptId: randomUUID() });
  return claim === null ? null : { ...claim, organisation: "default", project: "p", stack: "s" };
}

async function mustClaim(): Promise<EndingDeployment> {
  const claim = await claimed();
  if (claim === null) throw new Error("nothing could be claimed");
  await open.db.transaction().execute((trx) => startAttempt(trx, claim.attemptId));
  return claim;
}

const decide = (id: string, decision: "keep" | "rollback") =>
  open.db.transaction().execute((trx) => decideHold(trx, id, { decision, reason: "I looked" }, CALLER));

const expire = (id: string) =>
  sql`update deployment_holds set expires_at = now() - interval '1 second' where deployment_id = ${id}`.execute(
    open.db,
  );

test("the database makes each known move of a verification and no other one", async () => {
  const rows = await open.db.selectFrom("verification_moves").selectAll().execute();
  const known = Object.entries(VERIFICATION_MOVES).flatMap(([from, all]) => all.map((to) => `${from} ${to}`));
  expect(rows.map((row) => `${row.from_state} ${row.to_state}`).sort()).toEqual(known.sort());
  const states: (Verification | "")[] = ["", ...Verification.options];
  for (const from of states) {
    for (const to of Verification.options.filter((state) => state !== from)) {
      number += 1;
      const id = randomUUID();
      await sql`
        insert into deployments (id, stack_id, number, operation, requested_by, config_digest, verification)
        values (${id}, ${stackId}, ${number}, 'update', 'owner', '', ${from === "" ? null : from})`.execute(
        open.db,
      );
      const moved = await sql`update deployments set verification = ${to} where id = ${id}`
        .execute(open.db)
        .then(
          () => true,
          () => false,
        );
      expect(moved, `${from} -> ${to}`).toBe(VERIFICATION_MOVES[from].includes(to));
    }
  }
});

describe("a failed required gate", () => {
  test("goes back to the newest release that was verified: not to one that is refused, bad, or kept by a person", async () => {
    const first = await good("a");
    const second = await good("b");
    const kept = await held("c");
    await decide(kept.deploymentId, "keep");
    const releases = await listReleases(open.db, stackId, { limit: 10 });
    expect(releases[0]).toMatchObject({ health: "good", acceptedBy: "user:ann" });
    await sql`
      insert into quarantines (stack_id, source_digest, config_digest, reason) values (${stackId}, ${digest("b")}, ${digest("b")}, 'bad')
    `.execute(open.db);
    const wrong = await goWrong("d");
    const row = await rowOf(wrong.deploymentId);
    expect(row).toMatchObject({ status: "running", verification: "rolling_back" });
    expect((await rowOf(row.rolledBackBy ?? "")).target, `${second} is refused, ${second + 1} was kept`).toBe(
      first,
    );
    const moves = await listMoves(open.db, wrong.deploymentId);
    expect(moves.map(({ state }) => state)).toEqual([
      "updating",
      "verifying",
      "verification_failed",
      "rolling_back",
    ]);
    expect(moves[2]).toMatchObject({ reason: FAILURE.detail, evidence: { gates: ["web"] } });
    const { rows } = await sql`select 1 from audit_entries where action = 'verification.rolling_back'
      and details ->> 'deployment' = ${wrong.deploymentId}`.execute(open.db);
    expect(rows).toHaveLength(1);
  });

  test("on a first release changes nothing: its resources stay, and it may be tried again", async () => {
    const wrong = await goWrong("a");
    expect(await rowOf(wrong.deploymentId)).toMatchObject({
      status: "failed",
      verification: "verification_failed",
      rolledBackBy: null,
    });
    const { rows } = await sql`select 1 from quarantines where stack_id = ${stackId}`.execute(open.db);
    expect(rows).toEqual([]);
  });

  test("names the stacks that read its outputs, which are not rolled back: in the message, and on its own stack until they have read again", async () => {
    await good("a");
    const wrong = await goWrong("b");
    const names: string[] = [];
    for (const minutesAgo of [0, 600]) {
      const [project, stack] = [`reader-${randomUUID()}`, "test"];
      const { stackId: reader } = await insertStack(open.db, { project, stack });
      await sql`
        insert into output_reads (stack_id, reader_stack_id, principal, first_at, last_at)
        values (${stackId}, ${reader}, 'owner', now(), now() - ${minutesAgo} * interval '1 minute')`.execute(
        open.db,
      );
      names.push(`default/${project}/${stack}`);
    }
    const back = await mustClaim();
    await sql`update deployments set started_at = now() - interval '1 hour' where id = ${wrong.deploymentId}`.execute(
      open.db,
    );
    const made = await release(back, "a", "good");
    await sql`update releases set rollback_of = 1 where id = ${made.id}`.execute(open.db);
    await end(back, "succeeded");
    const { rows } = await sql<{ body: { nextAction: string } }>`
      select body from notifications where kind = 'deployment.rolled_back' and dedupe_key = ${wrong.deploymentId}`.execute(
      open.db,
    );
    expect(rows[0]?.body.nextAction).toContain(`was not rolled back: ${names[0]}.`);
    const readBy = async () => {
      const place = await sql<{ project: string; stack: string }>`
        select p.name as project, s.name as stack from stacks s join projects p on p.id = s.project_id where s.id = ${stackId}`.execute(
        open.db,
      );
      const [name = { project: "", stack: "" }] = place.rows;
      return (await findStack(open.db, { organisation: "default", ...name }))?.sourceAhead?.readBy;
    };
    expect(await readBy()).toEqual(names.slice(0, 1));
    await sql`update output_reads set last_at = clock_timestamp() + interval '1 second' where stack_id = ${stackId}`.execute(
      open.db,
    );
    expect(await readBy()).toEqual([]);
  });

  test("within 30 minutes of an automatic rollback is for a person to decide, and so is a fourth one of a day", async () => {
    await good("a");
    const first = await goWrong("b");
    await end(await mustClaim(), "succeeded");
    expect(await rowOf(first.deploymentId)).toMatchObject({
      status: "rolled_back",
      verification: "rolled_back",
    });
    const second = await goWrong("c");
    expect(await rowOf(second.deploymentId)).toMatchObject({ verification: "held", rolledBackBy: null });
    expect(await findHold(open.db, second.deploymentId)).toMatchObject({ why: "limit", onExpiry: "keep" });
    await decide(second.deploymentId, "keep");
    await sql`update deployments set requested_at = now() - interval '31 minutes' where stack_id = ${stackId}`.execute(
      open.db,
    );
    const third = await goWrong("d");
    expect((await rowOf(third.deploymentId)).verification).toBe("rolling_back");
    await end(await mustClaim(), "succeeded");
    for (let count = 0; count < 2; count += 1) {
      number += 1;
      const id = await putDeployment(open.db, {
        stackId,
        number: 900 + number,
        operation: "rollback",
        requestedAgo: 7_200,
      });
      await sql`update deployments set cause = 'automatic-rollback', requested_by = 'slipway', status = 'cancelled', finished_at = now() where id = ${id}`.execute(
        open.db,
      );
    }
    await sql`update deployments set requested_at = now() - interval '31 minutes' where stack_id = ${stackId}`.execute(
      open.db,
    );
    expect((await rowOf((await goWrong("d")).deploymentId)).verification).toBe("held");
  });

  test("on a stack that wants no rollback without being asked is for a person to decide", async () => {
    await good("a");
    await open.db
      .transaction()
      .execute((trx) =>
        writeSettings(
          trx,
          stackId,
          { automatic: false, coversRequested: false, onHoldExpiry: "keep", onFirstFailure: "keep" },
          "owner",
        ),
      );
    const wrong = await goWrong("b");
    expect(await findHold(open.db, wrong.deploymentId)).toMatchObject({ why: "not-authorised" });
    await decide(wrong.deploymentId, "rollback");
    const row = await rowOf(wrong.deploymentId);
    expect(row.verification).toBe("rolling_back");
    const { rows } = await sql<{
      by: string;
    }>`select requested_by as by from deployments where id = ${row.rolledBackBy}`.execute(open.db);
    expect(rows).toEqual([{ by: "user:ann" }]);
  });
});

describe("a held deployment", () => {
  test("keeps neither a worker nor the right to write, is not stuck, and lets others begin", async () => {
    const deployment = await held("a");
    const { rows } =
      await sql`select 1 from stack_writers where stack_id = ${stackId} and holder is not null`.execute(
        open.db,
      );
    expect(rows).toEqual([]);
    await sql`update deployments set started_at = now() - interval '5 minutes' where id = ${deployment.deploymentId}`.execute(
      open.db,
    );
    await sql`update attempts set finished_at = now() - interval '5 minutes' where deployment_id = ${deployment.deploymentId}`.execute(
      open.db,
    );
    expect((await stuckRuns(open.db)).filter((run) => run.id === deployment.deploymentId)).toEqual([]);
    const next = await putDeployment(open.db, { stackId, number: 900 });
    expect((await mustClaim()).deploymentId).toBe(next);
  });

  test("that is kept has a good release which says by whom, and is decided once", async () => {
    const deployment = await held("a");
    await decide(deployment.deploymentId, "keep");
    expect(await rowOf(deployment.deploymentId)).toMatchObject({
      status: "succeeded",
      verification: "succeeded",
    });
    const [made] = await listReleases(open.db, stackId, { limit: 1 });
    expect(made).toMatchObject({ health: "good", acceptedBy: "user:ann" });
    await expect(decide(deployment.deploymentId, "rollback")).rejects.toThrow("not held");
  });

  test("ends by its time: what runs stays, and nobody has said that it is good", async () => {
    await good("a");
    const deployment = await held("b");
    expect(await endHolds(open.db), "its time is not over").toBe(0);
    await expire(deployment.deploymentId);
    expect(await endHolds(open.db)).toBe(1);
    expect(await rowOf(deployment.deploymentId)).toMatchObject({
      status: "failed",
      verification: "verification_failed",
    });
    const [made] = await listReleases(open.db, stackId, { limit: 1 });
    expect(made).toMatchObject({ health: "pending", acceptedBy: null, quarantined: false });
    expect(await findHold(open.db, deployment.deploymentId)).toMatchObject({
      decision: "expired",
      decidedBy: "slipway",
    });
  });

  test("is rolled back at the end of its time on a stack that wants that, unless it would be one too many", async () => {
    await good("a");
    await open.db
      .transaction()
      .execute((trx) =>
        writeSettings(
          trx,
          stackId,
          { automatic: true, coversRequested: false, onHoldExpiry: "rollback", onFirstFailure: "keep" },
          "owner",
        ),
      );
    const deployment = await held("b");
    await expire(deployment.deploymentId);
    await endHolds(open.db);
    expect((await rowOf(deployment.deploymentId)).verification).toBe("rolling_back");
    await end(await mustClaim(), "succeeded");
    const again = await held("c");
    await expire(again.deploymentId);
    await endHolds(open.db);
    expect(await rowOf(again.deploymentId)).toMatchObject({
      status: "failed",
      verification: "verification_failed",
    });
  });

  test("ends when something else has changed the stack, and nobody can decide about it any more", async () => {
    await good("a");
    const deployment = await held("b");
    await sql`
      insert into updates (id, stack_id, kind, dry_run, principal, status, number, epoch, started_at, finished_at)
      values (${randomUUID()}, ${stackId}, 'update', false, 'owner', 'succeeded', 1, 9, now() + interval '1 second', now() + interval '2 seconds')
    `.execute(open.db);
    await expect(decide(deployment.deploymentId, "rollback")).rejects.toThrow("changed the stack since");
    expect(await endHolds(open.db)).toBe(1);
    expect(await findHold(open.db, deployment.deploymentId)).toMatchObject({ decision: "superseded" });
    expect((await rowOf(deployment.deploymentId)).status).toBe("failed");
  });

  test("has nothing to go back to when it is the first release", async () => {
    const deployment = await held("a");
    await expect(decide(deployment.deploymentId, "rollback")).rejects.toThrow("no good release");
  });
});

const STEPS = [{ id: "delete urn:x", kind: "delete" as const, urn: "urn:x", detail: "Deletes x." }];

/** A first rollback that waits for consent, and the deployment that it is for, which is held meanwhile. */
async function waitsForConsent(): Promise<{ cause: EndingDeployment; rollback: EndingDeployment }> {
  await good("a");
  const cause = await goWrong("b");
  const rollback = await mustClaim();
  await open.db.transaction().execute(async (trx) => {
    await sql`update deployments set status = 'waiting_approval' where id = ${rollback.deploymentId}`.execute(
      trx,
    );
    await sql`update attempts set status = 'succeeded', finished_at = now() where id = ${rollback.attemptId}`.execute(
      trx,
    );
    await sql`update stack_writers set holder = null, holder_kind = null, expires_at = null where stack_id = ${stackId}`.execute(
      trx,
    );
    await sql`insert into deployment_steps (deployment_id, position, name) values (${rollback.deploymentId}, 3, 'consent')
      on conflict do nothing`.execute(trx);
    await askConsent(trx, rollback.deploymentId, STEPS, false);
    await holdForConsent(trx, { ...rollback, cause: "automatic-rollback" }, STEPS, "worker:test");
  });
  return { cause, rollback };
}
const consent = (id: string, steps: string[]) =>
  open.db.transaction().execute((trx) => giveConsent(trx, id, { steps }, CALLER));

describe("a rollback with steps that nobody can undo", () => {
  test("waits until somebody agrees to each of them, and holds what it is for", async () => {
    const { cause, rollback } = await waitsForConsent();
    expect(await rowOf(cause.deploymentId)).toMatchObject({ status: "running", verification: "held" });
    expect(await claimed(), "it is not begun without consent").toBeNull();
    await expect(consent(rollback.deploymentId, ["delete urn:y"])).rejects.toThrow(
      "not agreed to: delete urn:x",
    );
    await expect(decide(cause.deploymentId, "rollback")).rejects.toThrow("waits for consent");
    await consent(rollback.deploymentId, ["delete urn:x"]);
    expect((await rowOf(cause.deploymentId)).verification).toBe("rolling_back");
    expect((await mustClaim()).deploymentId).toBe(rollback.deploymentId);
    // Other steps than those that were agreed to.
    const others = [
      ...STEPS,
      { ...STEPS[0], id: "delete urn:z", kind: "delete" as const, urn: "urn:z", detail: "Deletes z." },
    ];
    await open.db.transaction().execute((trx) => askConsent(trx, rollback.deploymentId, others, false));
    expect(await readConsent(open.db, rollback.deploymentId)).toMatchObject({ consented: null });
  });

  test("is dropped when nobody agrees in time, or somebody keeps what runs: nothing was tried, nothing is frozen", async () => {
    const first = await waitsForConsent();
    await expire(first.cause.deploymentId);
    expect(await endHolds(open.db)).toBe(1);
    expect((await rowOf(first.rollback.deploymentId)).status).toBe("expired");
    expect(await rowOf(first.cause.deploymentId)).toMatchObject({
      status: "failed",
      verification: "verification_failed",
    });
    expect(await openFailedRollback(open.db, stackId)).toBeNull();
    stackId = await makeStack(open.db, await makeProject(open.db));
    const second = await waitsForConsent();
    await decide(second.cause.deploymentId, "keep");
    expect((await rowOf(second.rollback.deploymentId)).status).toBe("cancelled");
    expect((await rowOf(second.cause.deploymentId)).status).toBe("failed");
  });
});

/** Waits until so many connections of the test's database wait for a lock. */
const locked = (many: number): Promise<true> =>
  eventually(`${many} wait for a lock`, 10_000, async () => {
    const { rows } = await sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(open.db);
    return rows.length >= many ? true : undefined;
  });

describe("at the same moment", () => {
  test("what was held is kept by one and rolled back by another: the first of them decides, and neither waits for ever", async () => {
    const { cause, rollback } = await waitsForConsent();
    let both: Promise<PromiseSettledResult<void>[]> | undefined;
    await open.db.transaction().execute(async (trx) => {
      await sql`select 1 from deployments where id = ${cause.deploymentId} for update`.execute(trx);
      const keeping = decide(cause.deploymentId, "keep");
      await locked(1);
      both = Promise.allSettled([keeping, consent(rollback.deploymentId, ["delete urn:x"])]);
      await locked(2);
    });
    expect(await both).toMatchObject([
      { status: "fulfilled" },
      { status: "rejected", reason: { code: "conflict", message: "The deployment waits for no consent." } },
    ]);
    expect((await rowOf(rollback.deploymentId)).status).toBe("cancelled");
    expect((await rowOf(cause.deploymentId)).status).toBe("failed");
  });

  test.each([1, 2, 3, 4])(
    "consent, a decision to keep and the end of its time lead to one end (%s)",
    async () => {
      const { cause, rollback } = await waitsForConsent();
      await expire(cause.deploymentId);
      const [agreed, kept, ended] = await Promise.allSettled([
        consent(rollback.deploymentId, ["delete urn:x"]),
        decide(cause.deploymentId, "keep"),
        endHolds(open.db),
      ]);
      for (const one of [agreed, kept])
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "conflict" });
      expect(ended.status).toBe("fulfilled");
      const { status } = await rowOf(rollback.deploymentId);
      expect(agreed.status === "fulfilled").toBe(status === "queued");
      expect(kept.status === "fulfilled").toBe(status === "cancelled");
      const { verification } = await rowOf(cause.deploymentId);
      expect(verification).toBe(status === "queued" ? "rolling_back" : "verification_failed");
    },
  );

  test.each([1, 2, 3])(
    "an automatic rollback begins and not what is requested in that moment (%s)",
    async () => {
      await good("a");
      const wrong = await running("b");
      await move(wrong, "verifying");
      const made = await release(wrong, "b");
      const undoing = open.db.transaction().execute((trx) =>
        undo(trx, { keyring }, wrong, {
          as: "verification_failed",
          failure: FAILURE,
          evidence: {},
          content: { sourceDigest: digest("b"), configDigest: digest("b") },
          release: made,
          principal: "worker:test",
        }),
      );
      const requesting = open.db.transaction().execute((trx) => requestUpdate(trx));
      const claiming = Array.from({ length: 4 }, () =>
        claimNext(open.db, { workerId, attemptId: randomUUID() }),
      );
      const [, update, ...early] = await Promise.all([undoing, requesting, ...claiming]);
      const claims = [...early, await claimed()].filter((claim) => claim !== null);
      const { rolledBackBy } = await rowOf(wrong.deploymentId);
      expect(claims.filter((claim) => claim.stackId === stackId).map((claim) => claim.deploymentId)).toEqual([
        rolledBackBy,
      ]);
      expect((await rowOf(update)).status).toBe("queued");
    },
  );
});

/** Queues an update of the stack, as a request does. */
async function requestUpdate(trx: Transaction): Promise<string> {
  const id = randomUUID();
  await sql`
    with numbered as (update stacks set next_deployment = next_deployment + 1 where id = ${stackId} returning next_deployment - 1 as number)
    insert into deployments (id, stack_id, number, operation, requested_by, source_digest, config_digest)
    select ${id}, ${stackId}, number, 'update', 'owner', ${digest("c")}, ${digest("c")} from numbered`.execute(
    trx,
  );
  return id;
}

describe("a rollback that does not help", () => {
  test.each(["failed", "cancelled", "interrupted"] as const)(
    "because it %s half-way freezes the stack until a deployment that names it has succeeded",
    async (status) => {
      await good("a");
      const wrong = await goWrong("b");
      const rollback = await mustClaim();
      await move(rollback, "updating");
      await end(rollback, status);
      expect(await rowOf(wrong.deploymentId)).toMatchObject({
        status: "failed",
        verification: "rollback_failed",
      });
      expect((await rowOf(rollback.deploymentId)).verification).toBe("update_failed");
      const { rows } = await sql`select 1 from notifications where kind = 'rollback.failed'
        and dedupe_key = ${wrong.deploymentId}`.execute(open.db);
      expect(rows, "somebody is told").toHaveLength(1);
      const asked = (acknowledges: string | null) =>
        refuseAfterFailedRollback(open.db, stackId, { operation: "update", acknowledges });
      await expect(asked(null)).rejects.toMatchObject({ code: "rollback_failed" });
      await expect(asked(rollback.deploymentId)).rejects.toMatchObject({ code: "invalid_request" });
      await asked(wrong.deploymentId);
      await refuseAfterFailedRollback(open.db, stackId, { operation: "preview", acknowledges: null });
      // One that waited already did not know of it.
      const next = await running("c");
      const meanwhile = () =>
        open.db.transaction().execute((trx) => refusedMeanwhile(trx, { ...next, operation: "update" }));
      expect(await meanwhile()).toMatchObject({ code: "rollback_failed" });
      await sql`update deployments set acknowledges = ${wrong.deploymentId} where id = ${next.deploymentId}`.execute(
        open.db,
      );
      expect(await meanwhile()).toBeNull();
      await move(next, "verifying");
      await move(next, "succeeded");
      await end(next, "succeeded");
      expect(await openFailedRollback(open.db, stackId)).toBeNull();
    },
  );

  test("because the old version is unhealthy too is told, and the stack is not frozen", async () => {
    await good("a");
    const wrong = await goWrong("b");
    const rollback = await mustClaim();
    await move(rollback, "updating");
    await move(rollback, "verifying");
    await end(rollback, "failed");
    expect(await rowOf(wrong.deploymentId)).toMatchObject({
      status: "failed",
      verification: "rolled_back_unhealthy",
    });
    expect(await openFailedRollback(open.db, stackId)).toBeNull();
  });

  test("because it was cancelled in the queue freezes the stack as well", async () => {
    await good("a");
    const wrong = await goWrong("b");
    const { rolledBackBy } = await rowOf(wrong.deploymentId);
    await sql`update deployments set status = 'cancelled', finished_at = now() where id = ${rolledBackBy}`.execute(
      open.db,
    );
    await settleOrphanedCauses(open.db);
    expect((await rowOf(wrong.deploymentId)).verification).toBe("rollback_failed");
  });
});

test("what is refused since it was queued does not begin", async () => {
  const deployment = await running("a");
  const meanwhile = () =>
    open.db.transaction().execute((trx) => refusedMeanwhile(trx, { ...deployment, operation: "update" }));
  expect(await meanwhile()).toBeNull();
  await sql`
    insert into quarantines (stack_id, source_digest, config_digest, reason, kind, set_by)
    values (${stackId}, ${digest("a")}, ${digest("a")}, 'leaks', 'hand', 'user:ann')`.execute(open.db);
  expect(await meanwhile()).toMatchObject({ code: "quarantined", detail: expect.stringContaining("leaks") });
});
