import { type ChildProcess, spawn } from "node:child_process";
import { sql } from "kysely";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { recordProcesses } from "../automation/src/attempts/places-store.ts";
import type { Claim } from "../automation/src/attempts/store.ts";
import { startAttempt } from "../automation/src/attempts/store.ts";
import { expireDeadLeases, goneWorkers, recordOwnPlace } from "../automation/src/pipeline/dead-leases.ts";
import { livingWorkers } from "../automation/src/pipeline/facts-store.ts";
import { findProcess } from "../automation/src/process-table.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { queueDeployment, stackClient, testClaimer } from "./helpers/state-client.ts";
import { eventually } from "./helpers/waiting.ts";

let api: TestApi;
let claim: Awaited<ReturnType<typeof testClaimer>>;
let count = 0;
const children: ChildProcess[] = [];
beforeAll(async () => {
  api = await startTestApi();
  claim = await testClaimer(api);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => api.close());

/** A process that does nothing, in the place of a worker, a guardian or a containment's first process. */
async function sleeper(): Promise<{ pid: number; startedAt: string; end: () => Promise<void> }> {
  const child = spawn("sleep", ["600"]);
  children.push(child);
  const pid = child.pid ?? 0;
  const found = await eventually("it runs", 5_000, () => findProcess(pid));
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const end = (): Promise<void> => {
    child.kill("SIGKILL");
    return exited;
  };
  return { pid, startedAt: found.startedAt, end };
}

type Sleeper = Awaited<ReturnType<typeof sleeper>>;

/** A claimed attempt whose worker and containment are sleepers of this machine. */
async function attempt(): Promise<{ claimed: Claim; worker: Sleeper; guardian: Sleeper; init: Sleeper }> {
  count += 1;
  const client = await stackClient(api, `lease${count}`);
  await queueDeployment(api, client.stackId);
  const claimed = await claim();
  if (claimed === null) throw new Error("nothing could be claimed");
  const [worker, guardian, init] = await Promise.all([sleeper(), sleeper(), sleeper()]);
  const { rows } = await sql<{ id: string }>`
    select worker_id as id from attempts where id = ${claimed.attemptId}
  `.execute(api.db);
  const workerId = rows[0]?.id ?? "";
  await recordOwnPlace(api.db, workerId);
  await sql`
    update workers set place = jsonb_set(place, '{worker}', ${JSON.stringify({ pid: worker.pid, startedAt: worker.startedAt })}::jsonb)
    where id = ${workerId}
  `.execute(api.db);
  await api.db.transaction().execute(async (trx) => {
    await startAttempt(trx, claimed.attemptId);
    await recordProcesses(trx, claimed.attemptId, {
      guardian: { pid: guardian.pid, startedAt: guardian.startedAt },
      init: { pid: init.pid, startedAt: init.startedAt },
    });
  });
  return { claimed, worker, guardian, init };
}

const look = (): Promise<number> => expireDeadLeases({ db: api.db, logger: pino({ level: "silent" }) });

async function isHeld({ stackId }: Claim): Promise<boolean> {
  const { rows } =
    await sql`select 1 from stack_writers where stack_id = ${stackId} and expires_at > now()`.execute(api.db);
  return rows.length > 0;
}

test("a lease ends early only when worker, guardian and the containment's first process are all gone", async () => {
  const { claimed, worker, guardian, init } = await attempt();
  for (const process of [worker, guardian]) {
    await process.end();
    expect(await look()).toBe(0);
    expect(await isHeld(claimed)).toBe(true);
  }
  await init.end();
  expect(await look()).toBe(1);
  expect(await isHeld(claimed)).toBe(false);
});

test("while its worker lives, a lease is left alone, whatever became of the containment", async () => {
  const { claimed, worker, guardian, init } = await attempt();
  await guardian.end();
  await init.end();
  process.kill(worker.pid, "SIGSTOP");
  expect(await look()).toBe(0);
  expect(await isHeld(claimed)).toBe(true);
});

test("of another machine, another start of this one, or another namespace nothing is concluded", async () => {
  const { claimed, worker, guardian, init } = await attempt();
  for (const process of [worker, guardian, init]) await process.end();
  for (const member of ["bootId", "pidNamespace"]) {
    const { rows } = await sql<{ place: unknown }>`select place from workers where place is not null`.execute(
      api.db,
    );
    await sql`update workers set place = jsonb_set(place, ${`{${member}}`}, '"another"')`.execute(api.db);
    expect(await look(), member).toBe(0);
    await sql`update workers set place = ${JSON.stringify(rows[0]?.place)} where place is not null`.execute(
      api.db,
    );
  }
  expect(await isHeld(claimed)).toBe(true);
  await look();
  expect(await isHeld(claimed)).toBe(false);
});

test("a worker is known to be gone as soon as its process is, and one of elsewhere is not judged", async () => {
  const { claimed, worker } = await attempt();
  const { worker_id: id } = await api.db
    .selectFrom("attempts")
    .select("worker_id")
    .where("id", "=", claimed.attemptId)
    .executeTakeFirstOrThrow();
  expect(await goneWorkers(api.db, [id])).toEqual([]);
  expect(await livingWorkers(api.db, [id], [])).toEqual([id]);
  await worker.end();
  expect(await goneWorkers(api.db, [id])).toEqual([id]);
  // What it ran is somebody's business until it was taken over.
  expect(await livingWorkers(api.db, [id], [id])).toEqual([id]);
  await sql`update attempts set status = 'lost', finished_at = now() where worker_id = ${id}`.execute(api.db);
  expect(await livingWorkers(api.db, [id], [id])).toEqual([]);
  await sql`update workers set place = jsonb_set(place, '{bootId}', '"another"') where id = ${id}`.execute(
    api.db,
  );
  expect(await goneWorkers(api.db, [id])).toEqual([]);
});
