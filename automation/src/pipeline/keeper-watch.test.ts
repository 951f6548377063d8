import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { insertDeployment, insertStack } from "../../../test/helpers/access.ts";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { eventually } from "../../../test/helpers/waiting.ts";
import { claimNext } from "../attempts/claim-store.ts";
import { recordWorker } from "../attempts/store.ts";
import { bindKeeper, releaseKeeper } from "../attempts/worker-store.ts";
import { systemClock } from "../clock.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { Keeper } from "../keeper/instance.ts";
import { startKeeper } from "../keeper/instance.ts";
import type { KeeperWatch } from "./keeper-watch.ts";
import { watchKeeper } from "./keeper-watch.ts";

const FOUND_WITHIN_MS = 15_000;
const logger = pino({ level: "silent" });
let database: TestDatabase;
let open: OpenDatabase;
let home: string;
const watches: KeeperWatch[] = [];
const keepers: Keeper[] = [];
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
  home = await mkdtemp(path.join(tmpdir(), "slipway-keepers-"));
});
afterAll(async () => {
  for (const watch of watches) await watch.close();
  for (const keeper of keepers) await keeper.stop();
  await open.close();
  await database.drop();
  await rm(home, { recursive: true, force: true });
});

async function keeperOf(machine: string): Promise<Keeper> {
  const keeper = await startKeeper({
    dataDir: path.join(home, machine),
    adminDatabaseUrl: testPostgres().keeperUrl,
    socketPath: undefined,
    inherited: {},
    logger,
    clock: systemClock,
  });
  keepers.push(keeper);
  return keeper;
}

async function worker(
  socket: string,
): Promise<{ id: string; keeper: () => string | null; claims: () => Promise<string | undefined> }> {
  const workerId = randomUUID();
  await recordWorker(open.db, workerId, "test");
  const watch = watchKeeper({ db: open.db, workerId, keeperSocket: () => socket, logger }, () => {});
  watches.push(watch);
  const claims = async (): Promise<string | undefined> =>
    (await claimNext(open.db, { workerId, attemptId: randomUUID() }))?.deploymentId;
  return { id: workerId, keeper: watch.id, claims };
}

test("a stack of the local target is claimed where its keeper is, and nowhere else", async () => {
  const [one, two] = [await keeperOf("one"), await keeperOf("two")];
  const [here, there, nowhere] = [
    await worker(one.socketPath),
    await worker(two.socketPath),
    await worker(path.join(home, "none.sock")),
  ];
  await eventually(
    "both found their keeper",
    FOUND_WITHIN_MS,
    () => here.keeper() !== null && there.keeper() !== null,
  );
  expect([here.keeper(), there.keeper(), nowhere.keeper()]).toEqual([one.status().id, two.status().id, null]);

  const { stackId } = await insertStack(open.db, { project: "desk", stack: "local" });
  const local = JSON.stringify({ "slipway:target": { secret: false, value: "local" } });
  const deploy = async (): Promise<string> => {
    const id = await insertDeployment(open.db, stackId);
    await sql`update deployments set config = ${local} where id = ${id}`.execute(open.db);
    return id;
  };
  const end = (id: string): Promise<unknown> =>
    open.db.transaction().execute(async (trx) => {
      await sql`update attempts set status = 'running' where deployment_id = ${id}`.execute(trx);
      await sql`update attempts set status = 'succeeded', finished_at = now() where deployment_id = ${id}`.execute(
        trx,
      );
      await sql`update deployments set status = 'succeeded', finished_at = now() where id = ${id}`.execute(
        trx,
      );
      await sql`update stack_writers set holder = null, holder_kind = null where stack_id = ${stackId}`.execute(
        trx,
      );
    });

  const first = await deploy();
  expect(await nowhere.claims(), "a worker without a keeper").toBeUndefined();
  expect(await there.claims(), "any keeper takes a stack that has nothing yet").toBe(first);
  expect(await bindKeeper(open.db, stackId, two.status().id)).toBe(true);
  expect(await bindKeeper(open.db, stackId, one.status().id)).toBe(false);
  await end(first);

  const second = await deploy();
  expect(await here.claims(), "another machine's keeper").toBeUndefined();
  expect(await there.claims()).toBe(second);
  await end(second);

  await releaseKeeper(open.db, stackId);
  const third = await deploy();
  expect(await here.claims(), "after a destroy").toBe(third);
  await end(third);
});

test("a keeper keeps its id, and its worker what it knows of it, while it is started again", async () => {
  const keeper = await keeperOf("restarted");
  const { id } = keeper.status();
  const { keeper: known } = await worker(keeper.socketPath);
  await eventually("it was found", FOUND_WITHIN_MS, () => known() === id);
  await keeper.stop();
  keepers.splice(keepers.indexOf(keeper), 1);
  expect(known()).toBe(id);
  expect((await keeperOf("restarted")).status().id).toBe(id);
});
