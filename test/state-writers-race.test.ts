import { createHash, randomInt, randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Actor } from "../automation/src/access/rules.ts";
import { claimNext } from "../automation/src/attempts/claim-store.ts";
import type { Claim } from "../automation/src/attempts/store.ts";
import {
  endAttempt,
  holdFence,
  lockLostAttempt,
  recordWorker,
  renewLease as renewAttempt,
} from "../automation/src/attempts/store.ts";
import type { OpenDatabase } from "../automation/src/database.ts";
import { openDatabase, withTransaction } from "../automation/src/database.ts";
import { SlipwayError } from "../automation/src/errors.ts";
import { createUpdate, renewLease, startUpdate } from "../automation/src/state/begin-update.ts";
import { cancelUpdate } from "../automation/src/state/cancel-update.ts";
import { completeUpdate, endUpdatesOfAttempt } from "../automation/src/state/end-update.ts";
import { reapOnce } from "../automation/src/state/reap.ts";
import type { WriteDependencies, Writing } from "../automation/src/state/write-state.ts";
import { appendJournal, targetOf } from "../automation/src/state/write-state.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { created, queueDeployment } from "./helpers/state-client.ts";
import { IS_TRIAL, trial } from "./helpers/trial.ts";

/** `npm run trials` runs all of them, which takes minutes. */
const RACES = IS_TRIAL ? 10_000 : 1_000;
/** A stack takes part in so many, so that its state stays small. */
const RACES_A_STACK = 25;
const LANES = 6;
const TEST_TIMEOUT_MS = 600_000;
const PROJECT = "race";

let api: TestApi;
let open: OpenDatabase;
let deps: WriteDependencies;
const workerId = randomUUID();
const owner: Actor = { id: "owner", kind: "owner", name: "owner", roles: {}, attempt: null };
const signal = new AbortController().signal;
const logger = { warn: () => {}, error: () => {} };
beforeAll(async () => {
  api = await startTestApi();
  open = openDatabase(api.databaseUrl, { applicationName: "slipway-test-race", poolSize: 24 });
  deps = { db: open.db, keyring: api.dependencies.keyring };
  await recordWorker(open.db, workerId, "test");
  await sql`insert into projects (id, organisation, name) values (${randomUUID()}, 'default', ${PROJECT})`.execute(
    open.db,
  );
});
afterAll(async () => {
  await open.close();
  await api.close();
});

/** What somebody believes that it may write to. */
interface Believer {
  stackId: string;
  writing: Writing;
  claim: Claim | null;
  operations: number;
  /** Until a write was refused. */
  believes: boolean;
}
type Append = (deps: WriteDependencies, writing: Writing, body: string) => Promise<void>;
interface Lane {
  stackId: string;
  name: string;
  /** The newest believer first; older ones go on writing as long as they can. */
  believers: Believer[];
  acknowledged: Map<string, number>;
  refusals: Map<string, number>;
}

async function makeLane(): Promise<Lane> {
  const stackId = randomUUID();
  await sql`insert into stacks (id, project_id, name) select ${stackId}, id, ${stackId} from projects where name = ${PROJECT}`.execute(
    open.db,
  );
  return { stackId, name: stackId, believers: [], acknowledged: new Map(), refusals: new Map() };
}

async function begin(lane: Lane, claim: Claim | null): Promise<void> {
  const actor: Actor =
    claim === null
      ? owner
      : {
          ...owner,
          kind: "attempt",
          attempt: {
            attemptId: claim.attemptId,
            deploymentId: claim.deploymentId,
            stackId: lane.stackId,
            organisation: "default",
            epoch: claim.epoch,
            mayChange: true,
            readableStackIds: [],
          },
        };
  const request = { options: {}, config: {}, message: null, claimed: {}, client: null, address: null };
  const { updateId } = await createUpdate(
    deps,
    actor,
    { ...request, stackId: lane.stackId, kind: "update" },
    signal,
  );
  const { token } = await startUpdate(deps, {
    stackId: lane.stackId,
    updateId,
    actor,
    tags: undefined,
    journalVersion: 1,
    requestId: "race",
    signal,
    // Some are over while they are written to.
    leaseMs: randomInt(3) === 0 ? randomInt(5, 40) : 60_000,
  });
  const writing = { organisation: "default", project: PROJECT, stack: lane.name, updateId, token, signal };
  lane.believers.unshift({ stackId: lane.stackId, writing, claim, operations: 0, believes: true });
}

const actions: Record<string, (lane: Lane, one: Believer | undefined) => Promise<unknown>> = {
  begin: (lane) => begin(lane, null),
  claim: async (lane) => {
    await queueDeployment(api, lane.stackId);
    const claim = await claimNext(open.db, { workerId, attemptId: randomUUID() });
    if (claim !== null) await begin({ ...lane, stackId: claim.stackId, name: claim.stack }, claim);
  },
  renew: async (_lane, one) => one && renewLease(deps, one.writing, 60, 60_000),
  renewAttempt: async (_lane, one) => one?.claim && renewAttempt(open.db, one.claim, one.claim.deploymentId),
  complete: async (_lane, one) =>
    one && completeUpdate(deps, one.writing, randomInt(2) === 0 ? "succeeded" : "failed", "race"),
  cancel: async (_lane, one) =>
    one &&
    cancelUpdate(deps, {
      stackId: one.stackId,
      updateId: one.writing.updateId,
      by: { principal: "owner", requestId: null },
      signal,
      drainMs: randomInt(20),
    }),
  expire: (lane) =>
    sql`update stack_writers set expires_at = now() - interval '1 millisecond' where stack_id = ${lane.stackId} and holder is not null`.execute(
      open.db,
    ),
  reap: () => reapOnce({ ...deps, logger }, signal),
  endAttempt: async (_lane, one) => {
    const claim = one?.claim;
    if (!claim) return;
    await withTransaction(open.db, async (trx) => {
      await holdFence(trx, claim);
      await endUpdatesOfAttempt(trx, deps, claim.attemptId, "cancelled");
      await sql`update deployments set status = 'failed', finished_at = now() where id = ${claim.deploymentId} and status = 'running'`.execute(
        trx,
      );
      await endAttempt(trx, claim, "failed");
    });
  },
  takeOver: takeOverAll,
};

async function takeOverAll(): Promise<void> {
  for (;;) {
    const found = await withTransaction(open.db, async (trx) => {
      const lost = await lockLostAttempt(trx);
      if (lost === undefined) return false;
      await endUpdatesOfAttempt(trx, deps, lost.attemptId, "expired");
      await sql`update deployments set status = 'interrupted', finished_at = now() where id = ${lost.deploymentId} and status = 'running'`.execute(
        trx,
      );
      await endAttempt(trx, lost, "lost");
      return true;
    });
    if (!found) return;
  }
}
const NAMES = Object.keys(actions);

/** Refusals are what the losers of a race are told; anything else is a fault. */
async function tolerant(lane: Lane, name: string, work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    lane.refusals.set(`${name} ${error.code}`, (lane.refusals.get(`${name} ${error.code}`) ?? 0) + 1);
    return false;
  }
}

async function write(lane: Lane, one: Believer, append: Append): Promise<void> {
  for (let n = randomInt(1, 3); n > 0; n -= 1) {
    one.operations += 1;
    const { updateId } = one.writing;
    const entries = created(PROJECT, one.operations, `${updateId.slice(0, 8)}-${one.operations}`);
    const body = JSON.stringify({ entries });
    if (await tolerant(lane, "write", append(deps, one.writing, body)))
      lane.acknowledged.set(updateId, (lane.acknowledged.get(updateId) ?? 0) + 1);
    else one.believes = false;
  }
}

/** Two writers, who may both believe to have the stack, write while two other things happen to it. */
async function race(lane: Lane, append: Append): Promise<void> {
  if (lane.believers[0]?.believes !== true) {
    await takeOverAll();
    await tolerant(lane, "begin", begin(lane, null));
  }
  const [newest, older] = lane.believers;
  const pick = (): Promise<unknown> => {
    const name = NAMES[randomInt(NAMES.length)] ?? "reap";
    const about = randomInt(4) === 0 ? older : newest;
    return pause(randomInt(3)).then(() =>
      tolerant(lane, name, Promise.resolve(actions[name]?.(lane, about))),
    );
  };
  const writers = [newest, older].filter((one) => one !== undefined).map((one) => write(lane, one, append));
  await Promise.all([...writers, pick(), pick()]);
  lane.believers.length = Math.min(lane.believers.length, 3);
}

async function runRaces(races: number, append: Append): Promise<Lane[]> {
  const all: Lane[] = [];
  let left = races;
  const drive = async (): Promise<void> => {
    while (left > 0) {
      const lane = await makeLane();
      all.push(lane);
      for (let n = 0; n < RACES_A_STACK && left > 0; n += 1) {
        left -= 1;
        await race(lane, append);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, drive));
  // Everything ends.
  await sql`update stack_writers set expires_at = now() - interval '1 second' where holder is not null`.execute(
    open.db,
  );
  await takeOverAll();
  while ((await reapOnce({ ...deps, logger }, signal)) > 0);
  return all;
}

interface Violations {
  running: number;
  held: number;
  /** Batches that came after the state of their update was made, or are missing in it. */
  cut: number;
  /** Updates that wrote after a later one of the same stack had begun to. */
  overlapping: number;
  epochs: number;
  bases: number;
  audit: number;
  /** Acknowledged and not stored. */
  lost: number;
}

async function count(query: ReturnType<typeof sql>): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n from (${query}) found`.execute(open.db);
  return rows[0]?.n ?? -1;
}

async function violations(lanes: readonly Lane[]): Promise<Violations> {
  const ids = sql`(select unnest(${lanes.map(({ stackId }) => stackId)}::uuid[]))`;
  const mine = sql`u.stack_id in ${ids} and u.status <> 'requested'`;
  const { rows: stored } = await sql<{ id: string; n: number }>`
    select update_id as id, count(*) as n from journal_batches group by update_id
  `.execute(open.db);
  const storedOf = new Map(stored.map(({ id, n }) => [id, n]));
  return {
    running: await count(sql`select 1 from updates u where ${mine} and status = 'running'`),
    held: await count(sql`select 1 from stack_writers u where u.stack_id in ${ids} and holder is not null`),
    cut: await count(sql`
      select 1 from updates u left join states s on s.id = u.state_id left join states b on b.id = u.base_state
      where ${mine} and coalesce(s.resource_count, 0) <> coalesce(b.resource_count, 0)
        + (select count(*) from journal_batches j where j.update_id = u.id)`),
    overlapping: await count(sql`
      select 1 from (
        select u.stack_id, u.number, min(j.id) as first, max(j.id) as last
        from updates u join journal_batches j on j.update_id = u.id where ${mine} group by u.id
      ) w join lateral (
        select 1 from updates v join journal_batches k on k.update_id = v.id
        where v.stack_id = w.stack_id and v.number > w.number and k.id < w.last limit 1
      ) later on true`),
    epochs: await count(sql`
      select 1 from updates u join updates v on v.stack_id = u.stack_id and v.number = u.number + 1
      where ${mine} and (v.epoch < u.epoch or (v.epoch = u.epoch and u.attempt_id is distinct from v.attempt_id)
        or (v.epoch = u.epoch and u.attempt_id is null))`),
    bases: await count(sql`
      select 1 from updates u join updates v on v.stack_id = u.stack_id and v.number = u.number + 1
      where ${mine} and v.base_state is distinct from u.state_id`),
    audit: await count(sql`
      select 1 from updates u where ${mine} and (
        select array_agg(action order by sequence) from audit_entries a where a.details ->> 'update' = u.id::text
      ) is distinct from array['update.started', 'update.' || u.status]`),
    lost: lanes
      .flatMap(({ acknowledged }) => [...acknowledged])
      .filter(([id, n]) => (storedOf.get(id) ?? 0) < n).length,
  };
}

const NONE: Violations = {
  running: 0,
  held: 0,
  cut: 0,
  overlapping: 0,
  epochs: 0,
  bases: 0,
  audit: 0,
  lost: 0,
};

test(
  `two writers racing ${RACES} times: never two at once, epochs grow, nothing lands after a state was made, history and audit are whole`,
  async () => {
    const started = performance.now();
    const lanes = await runRaces(RACES, appendJournal);
    const took = performance.now() - started;
    expect(await violations(lanes)).toEqual(NONE);
    // The races were races: everything happened, and both sides of most of it.
    const refused = new Map<string, number>();
    for (const lane of lanes)
      for (const [what, n] of lane.refusals) refused.set(what, (refused.get(what) ?? 0) + n);
    const { rows } = await sql<{ status: string; attempt: boolean; n: number }>`
      select status, attempt_id is not null as attempt, count(*) as n from updates
      where status <> 'requested' group by 1, 2 order by 1, 2
    `.execute(open.db);
    const acknowledged = lanes
      .flatMap(({ acknowledged: acks }) => [...acks.values()])
      .reduce((a, b) => a + b, 0);
    console.log(
      `${RACES} races in ${Math.round(took)} ms`,
      JSON.stringify({ acknowledged, ended: rows, refused: [...refused] }),
    );
    for (const status of ["succeeded", "failed", "cancelled", "expired"]) {
      expect(rows.find((row) => row.status === status && !row.attempt)?.n, status).toBeGreaterThan(20);
    }
    expect(rows.filter(({ attempt }) => attempt).length).toBeGreaterThan(2);
    expect(acknowledged).toBeGreaterThan(RACES / 10);
    expect(refused.get("write forbidden")).toBeGreaterThan(RACES / 10);
    expect(refused.get("begin conflict")).toBeGreaterThan(RACES / 50);
  },
  TEST_TIMEOUT_MS,
);

const CONTROL_RACES = 500;

async function insertUnder(
  fence: ReturnType<typeof sql>,
  { writing, body }: { writing: Writing; body: string },
): Promise<void> {
  const { keyring, db } = deps;
  const { updateId } = targetOf(writing);
  const { entries } = JSON.parse(body) as { entries: unknown[] };
  const digest = createHash("sha256").update(body).digest();
  const { rows } = await sql<{
    stack_id: string;
  }>`select stack_id from updates where id = ${updateId}`.execute(db);
  const { work } = await import("../automation/src/state/threads/work.ts");
  const key = await keyring.newest(db, rows[0]?.stack_id ?? "");
  const batch = work.sealEntries({ key, entries: JSON.stringify(entries) });
  const { rows: allowed } = await sql`
    with allowed as materialized (${fence}),
    stored as (
      insert into journal_batches (update_id, digest, first_sequence, last_sequence, entries, body)
      select id, ${digest}, 1, 2, 2, ${batch.body} from allowed on conflict do nothing
    )
    select 1 from allowed
  `.execute(db);
  if (allowed.length === 0) throw new SlipwayError("forbidden", "refused");
}

test(
  "control: without the fence the same races are seen to go wrong",
  async () => {
    const unfenced: Append = (_deps, writing, body) =>
      insertUnder(sql`select id from updates where id = ${writing.updateId}`, { writing, body });
    const found = await violations(await runRaces(CONTROL_RACES, unfenced));
    expect(found.cut).toBeGreaterThan(0);
    expect(found.overlapping).toBeGreaterThan(0);
  },
  TEST_TIMEOUT_MS,
);

trial(
  "control: with a fence that looks but does not hold until the commit the same races are seen to go wrong",
  async () => {
    const glancing: Append = async (_deps, writing, body) => {
      const { updateId, tokenHash } = targetOf(writing);
      const { rows } = await sql`
      select 1 from updates u join stack_writers w on w.stack_id = u.stack_id
      where u.id = ${updateId} and u.token_hash = ${tokenHash} and u.status = 'running' and u.drain_until is null
        and w.holder = coalesce(u.attempt_id, u.id) and w.epoch = u.epoch and w.expires_at > now()
    `.execute(deps.db);
      if (rows.length === 0) throw new SlipwayError("forbidden", "refused");
      return insertUnder(sql`select id from updates where id = ${updateId}`, { writing, body });
    };
    const found = await violations(await runRaces(CONTROL_RACES * 2, glancing));
    expect(found.cut + found.overlapping).toBeGreaterThan(0);
  },
  TEST_TIMEOUT_MS,
);
